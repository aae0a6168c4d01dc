"""What a scrape tells."""

import re
import socket
import sys
import time
from math import nan
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client import generate_latest

from support.faults import KEY, FaultServer, Reply, SegmentFile, always
from support.rigging import Rig
from support.shell import Shell
from support.worlds import wait_until
from tcc_uploader.delivery.events import Answered
from tcc_uploader.delivery.routing import Destination
from tcc_uploader.ops.metrics import Metrics
from tcc_uploader.setting_values import address_of, address_text
from tcc_uploader.settings_file import SettingsError

SECRET = "SECRET-of-a-record"  # noqa: S105 -- it stands for all that nobody may read in a metric


class Scrape:
    """What a text in Prometheus' format says."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __getitem__(self, name: str) -> float:
        """Return the sum of a metric's values; ``name{label}`` for those with this value of any label.  NaN: none."""
        name, _, label = name.rstrip("}").partition("{")
        lines = re.findall(rf"^tcc_upload_{name}(?:{{(.*)}})? (\S+)$", self.text, re.MULTILINE)
        return nan if not lines else sum(float(value) for labels, value in lines if f'"{label}"' in labels or not label)


def scraped(metrics: Metrics) -> Scrape:
    """Return what a scrape would tell."""
    return Scrape(generate_latest(metrics._registry).decode())


@pytest.mark.parametrize(
    "outage", [Reply(503, body=SECRET.encode()), Reply(401, body=SECRET.encode())], ids=["503", "401"]
)
def test_scrapes_show_an_outage_from_its_beginning_to_its_end(
    shell: Shell, server: FaultServer, tmp_path: Path, outage: Reply
) -> None:
    """Before: up.  Meanwhile: paused, pending and ageing.  After: delivered, nothing pending, and one pause.

    A server that is down is an outage; with an unknown key a person is needed, until the key is known.
    """
    state = "paused" if outage.status == 503 else "operator"
    file, keys = tmp_path / "tcc.prom", tmp_path / "keys"
    keys.write_text(f"{KEY}\n")
    SegmentFile().run("r1").seal().write(shell.spool)
    options = "--metrics", "0", "--metrics-textfile", str(file), "--api-key-file", str(keys)
    with shell.daemon(*options):
        url = re.findall(r"http://127\.0\.0\.1:\d+/metrics", shell.printed)[0]
        seen = Scrape("")

        def shows(**values: float) -> bool:
            nonlocal seen
            with urlopen(url) as answer:  # noqa: S310 -- our own
                seen = Scrape(answer.read().decode())
            return all(seen[name.replace("__", "{")] == value for name, value in values.items())

        wait_until(lambda: shows(records_total__delivered=1, destinations__up=1, pending_records=0), "the first record")
        assert (seen["ledger_keys"], seen["pauses_total"], seen["watcher{native"]) == (1, 0, 1)
        server.behaviour = always(outage)
        at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - 100))
        SegmentFile().later(at).run("r2", response=SECRET).run("r3").seal().write(shell.spool)
        wait_until(lambda: shows(pending_records=2, destinations__up=0, **{f"destinations__{state}": 1}), "the outage")
        wait_until(lambda: shows() or seen["oldest_pending_age_seconds"] > 90, "its age")
        assert seen[f"answers_total{{{outage.status}"] >= 1
        assert (seen["pauses_total"], seen["records_total{delivered"]) == (1, 1)
        server.behaviour = always(Reply())
        if state == "operator":
            keys.write_text(f"{KEY}\ntcc_another_0123456789\n")  # a new key file is tried at once
        wait_until(lambda: shows(records_total__delivered=3, destinations__up=1, pending_records=0), "the end")
        assert (seen["oldest_pending_age_seconds"], seen["pauses_total"], seen["ledger_keys"]) == (0, 1, 3)
        assert seen["answers_total{200"] == 3
        assert seen["request_duration_seconds_count"] == seen["answers_total"]
    written = Scrape(file.read_text())
    assert written["records_total{delivered"] == 3
    assert file.stat().st_mode & 0o777 == 0o644
    for secret in (SECRET, KEY):
        assert secret not in seen.text + written.text


def test_what_is_wrong_is_counted(rig: Rig, server: FaultServer) -> None:
    """Damage, refusals of the recorder and the server, keys that nobody holds, and files that can't be read."""
    server.behaviour = lambda request: Reply(422 if "bad" in request.ids else 200)
    segment = SegmentFile().run("bad").run("good").run("other", key_hint="00000000").raw(b"damage\n")
    segment.seal(refused=3).write(rig.spool, "a.jsonl")
    SegmentFile("s2").run("good").seal().write(rig.spool, "b.jsonl")
    (rig.spool / "page.jsonl").write_bytes(b"<html>")
    metrics = Metrics()
    rig.daemon(lambda engine: engine.intake.scans > 3, removes=False, hear=metrics)
    found = scraped(metrics)
    wrong = {
        "records_total{dead": 1,
        "records_total{delivered": 1,
        "records_total{duplicate": 1,
        "refused_records_total": 3,
        "set_aside_total{damaged": 1,
        "unreadable_files": 1,
        "pending_records": 1,
        "destinations{operator": 1,
        "destinations{up": 1,
        "state_unwritable": 0,
        "unread_files": 0,
    }
    assert {name: found[name] for name in wrong} == wrong
    assert found["spool_bytes"] == sum(path.stat().st_size for path in rig.spool.iterdir())
    assert found["spool_limit_bytes"] == 1024**3


def test_an_outage_with_several_reasons_is_one_pause(rig: Rig, server: FaultServer) -> None:
    """A load balancer says now this, now that; it is counted when it begins."""
    replies = iter([*map(Reply, (503, 502, 503)), Reply(), Reply(), Reply(500)])
    server.behaviour = lambda _: next(replies, Reply())
    SegmentFile().run("r1").run("r2").run("r3").seal().write(rig.spool)
    metrics = Metrics()
    rig.daemon(lambda engine: engine.settlement.total.delivered == 3, hear=metrics)
    assert scraped(metrics)["pauses_total"] == 2


def test_another_engine_with_another_target_counts_beside_the_first(rig: Rig, server: FaultServer) -> None:
    """Counters of both stay; how things stand is told of the one that runs."""
    metrics = Metrics()
    for target in ("one", "two"):
        rig.state = rig.state.parent / target
        SegmentFile(target).run(target).seal().write(rig.spool)
        rig.daemon(lambda engine: engine.intake.scans > 1, hear=metrics)
    found = scraped(metrics)
    assert [found[f"records_total{{{target}"] for target in ("one", "two")] == [1, 1]
    assert [found[f"ledger_keys{{{target}"] for target in ("one", "two")] == [0, 1]


def test_a_state_that_cannot_be_written_shows(rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it can be."""
    SegmentFile().run("r1").seal().write(rig.spool)
    metrics, seen = Metrics(), list[float]()

    def fails(_: object, changes: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(rig.form, "commit", fails)

    def until(_: object) -> bool:
        seen.append(scraped(metrics)["state_unwritable"])
        if seen[-1]:
            monkeypatch.undo()
        return 1.0 in seen and not seen[-1]

    rig.daemon(until, hear=metrics)
    assert scraped(metrics)["records_total{delivered"] == 1


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9464", ("127.0.0.1", 9464)),
        (":9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),  # noqa: S104 -- an address to be read
        ("[::1]:9464", ("::1", 9464)),
        ("metrics.example:80", ("metrics.example", 80)),
    ],
)
def test_an_address_is_a_port_of_loopback_or_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    """Nobody else is served unless that is said."""
    assert address_of(text) == address
    assert address_of(address_text(address)) == address


@pytest.mark.parametrize("text", ["", "x", "127.0.0.1", "127.0.0.1:", "1:65536", "[]:1", "a:-1", "a:٣"])
def test_what_is_no_address_is_a_fault_of_the_setting(text: str) -> None:
    """The message says how it should look."""
    with pytest.raises(SettingsError, match=r"like 127\.0\.0\.1:9464"):
        address_of(text)


def test_a_place_that_is_taken_or_named_wrong_ends_the_daemon_with_what_to_do(shell: Shell, tmp_path: Path) -> None:
    """A sentence and an exit code; a file that node_exporter would not read is one, too."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        shell.run("daemon", "--metrics", str(taken.getsockname()[1]), code=77)
    assert "Address already in use; name another place: --metrics HOST:PORT" in shell.printed
    shell.run("daemon", "--metrics-textfile", tmp_path / "metrics.txt", code=2)
    assert "must end in .prom" in shell.printed


def test_without_the_extra_everything_else_works(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """The option that needs it says what to install; no other daemon looks for it."""
    (tmp_path / "prometheus_client.py").write_text("raise ModuleNotFoundError(name='prometheus_client')")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from tcc_uploader.cli.main import run; run()"
    done = run_python(shell, program, "daemon", "--metrics", "0")
    assert "pip install 'tcc-offline[metrics]'" in done
    assert "Traceback" not in done
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import tcc_uploader.cli.daemon, tcc_uploader.ops.logs"
    )
    assert run_python(shell, program) == ""


def run_python(shell: Shell, program: str, *arguments: str) -> str:
    """Run a program; return what it printed."""
    import subprocess  # noqa: PLC0415 -- one test runs another interpreter

    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, env=shell.environment, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr


def test_an_answer_costs_a_few_microseconds(rig: Rig, server: FaultServer) -> None:
    """2,000 answers a second must cost less than a hundredth part of it (here: of a busy machine, a tenth)."""
    metrics = Metrics()
    rig.daemon(lambda engine: engine.intake.scans, hear=metrics)
    event = Answered(Destination("http://127.0.0.1/v1/custom", "1a2b3c4d"), 200, 0.01, 1000, "file", 1)
    metrics(event)
    least = min(_seconds(metrics, event) for _ in range(5))
    assert least / 2000 < 50e-6


def _seconds(metrics: Metrics, event: Answered) -> float:
    begun = time.process_time()
    for _ in range(2000):
        metrics(event)
    return time.process_time() - begun
