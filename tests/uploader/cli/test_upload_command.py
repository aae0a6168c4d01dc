"""The ``tcc-upload`` command, as a user runs it: real processes, their exit codes and what they print."""

import json
import signal
import sqlite3
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from support import children
from support.faults import KEY, FaultServer, Reply, SegmentFile, always, ok, redirect, run_item
from support.shell import COMMAND, Shell
from support.worlds import wait_until
from tcc_schemas.endpoints import key_hint


def test_replay_delivers_and_says_so_in_one_line(shell: Shell, server: FaultServer) -> None:
    """All delivered: exit 0, and a line that adds up."""
    SegmentFile().run("r1").run("r2").seal().write(shell.spool)
    assert shell.run("replay").strip() == "2 records: 2 delivered, 0 duplicate, 0 dead, 0 pending"
    assert shell.run("replay").strip() == "2 records: 2 delivered (2 of them before), 0 duplicate, 0 dead, 0 pending"
    assert len(server.requests) == 2
    assert server.requests[0].key == KEY
    assert server.requests[0].headers["user-agent"].startswith("tcc-upload/")


def test_replay_of_files_and_folders_given(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """Segments, plain files and spools may be named; the default spool is left out then."""
    SegmentFile().run("default").write(shell.spool)
    first = SegmentFile().run("r1").write(tmp_path / "a")
    SegmentFile().run("r2").write(tmp_path / "b")
    link = tmp_path / "link.jsonl"
    link.symlink_to(first)
    shell.run("replay", link, tmp_path / "b", "--in-flight", "1")
    assert sorted(ids[0] for ids in server.ids) == ["r1", "r2"]


def test_replay_json_adds_up(shell: Shell, server: FaultServer) -> None:
    """``--json`` prints one object whose counts sum up to the records."""
    SegmentFile().run("r1").run("r2").run("r3").write(shell.spool)
    SegmentFile().run("r1").write(shell.spool)
    server.behaviour = lambda request: Reply(422) if request.ids == ["r2"] else Reply()
    found = shell.json("replay", code=65)
    assert found["records"] == 4
    assert (found["delivered"], found["duplicate"], found["dead"], found["pending"]) == (2, 1, 1, 0)
    assert (found["dropped"], found["damage"], found["timed_out"]) == (0, 0, False)


def test_an_empty_spool_is_a_success_that_tells_where_it_looked(shell: Shell) -> None:
    """Nothing to deliver: exit 0, with the path."""
    shell.run("replay")
    assert str(shell.spool) in shell.printed


def test_dead_letters_or_damage_exit_65(shell: Shell, server: FaultServer) -> None:
    """What needs a look, and not a retry, is told by 65 and by how to list the letters."""
    path = SegmentFile().run("r1").write(shell.spool)
    server.behaviour = always(Reply(400))
    shell.run("replay", "--give-up", code=65)
    assert "tcc-upload dead list" in shell.printed
    server.behaviour = ok
    path.write_bytes(SegmentFile().run("r2").data + b"torn")
    assert "1 place damaged" in shell.run("replay", code=65)


def test_an_outage_exits_75_after_the_timeout(shell: Shell, server: FaultServer) -> None:
    """Pending records, and nobody to blame: run it again."""
    SegmentFile().run("r1").write(shell.spool)
    server.behaviour = always(Reply(503))
    assert "1 pending" in shell.run("replay", "--timeout", "0.3", code=75)
    server.behaviour = ok
    shell.run("replay")


@pytest.mark.parametrize("answer", [Reply(401), Reply(404), redirect("http://127.0.0.1:1/")])
def test_what_needs_an_operator_exits_77_with_a_remedy(shell: Shell, server: FaultServer, answer: Reply) -> None:
    """A wrong key, URL or redirect ends at once, with what to do."""
    SegmentFile().run("r1").write(shell.spool)
    server.behaviour = always(answer)
    shell.run("replay", code=77)
    assert "do: " in shell.printed


def test_no_key_exits_77(shell: Shell, server: FaultServer) -> None:
    """Without a key nothing is sent, and the message names the setting."""
    SegmentFile().run("r1").write(shell.spool)
    shell.run("replay", code=77, TCC_API_KEY="")
    assert "TCC_API_KEY" in shell.printed
    assert not server.connections


def test_a_key_that_is_not_held_exits_77_and_can_be_adopted(shell: Shell, server: FaultServer) -> None:
    """A record of another key is not sent with ours, unless ``--adopt`` says so."""
    hint = key_hint("another key")
    SegmentFile().run("r1", key_hint=hint).run("r2", key_hint=key_hint(KEY)).write(shell.spool)
    shell.run("replay", code=77)
    assert f"--adopt {hint}" in shell.printed
    assert server.ids == [["r2"]]
    shell.run("replay", "--adopt", hint)
    assert server.ids == [["r2"], ["r1"]]


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "--no-such-option"],
        ["replay", "/no/such/file"],
        ["replay", "--in-flight", "0"],
        ["replay", "--in-flight", "1000"],
        ["replay", "--timeout", "-1"],
        ["replay", "--api-key-file", "/no/such/file"],
        ["daemon", "--after", "explode"],
        ["status", "--config", "/no/such/file"],
        ["no-such-command"],
    ],
)
def test_wrong_usage_exits_2(shell: Shell, arguments: Sequence[str]) -> None:
    """What can't be meant is refused before anything happens."""
    shell.run(*arguments, code=2)
    assert not shell.state.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TCC_IN_FLIGHT", "many"),
        ("TCC_IN_FLIGHT", "0"),
        ("TCC_BASE_URL", "https://evil.example"),
        ("TCC_BASE_URL", "ftp://127.0.0.1"),
        ("TCC_URL", "https://api.thecontext.company@evil.example/v1/custom"),
        ("TCC_FEEDBACK_URL", "nonsense"),
        ("TCC_API_KEY", "schlüssel"),
        ("TCC_UPLOAD_CONFIG", "/no/such/file.toml"),
    ],
)
def test_a_setting_that_cannot_be_used_exits_2(shell: Shell, name: str, value: str) -> None:
    """A mistyped setting is told, and nothing is sent."""
    SegmentFile().run("r1").write(shell.spool)
    shell.run("replay", code=2, **{name: value})
    assert not shell.state.exists()


def test_a_second_uploader_exits_73_and_names_the_first(shell: Shell, server: FaultServer) -> None:
    """One state, one uploader: the second says which process holds it."""
    with shell.daemon() as daemon:
        wait_until((shell.state / "status.json").exists, "the daemon's status")
        shell.run("replay", code=73)
        assert str(daemon.pid) in shell.printed


def test_dry_run_changes_nothing(shell: Shell, server: FaultServer) -> None:
    """``--dry-run`` counts what would be sent: no request, no state, no change."""
    path = SegmentFile().run("r1").run("r1").run("r2").write(shell.spool)
    before = path.read_bytes()
    assert "2 would be sent" in shell.run("replay", "--dry-run")
    found = shell.json("replay", "--dry-run")
    assert (found["records"], found["pending"], found["duplicate"]) == (3, 2, 1)
    assert not shell.state.exists()
    assert not server.connections
    assert path.read_bytes() == before
    shell.run("replay")
    assert "0 would be sent" in shell.run("replay", "--dry-run")


def test_what_is_named_twice_is_counted_once(shell: Shell, server: FaultServer) -> None:
    """A spool given twice, and a file of it besides: at the first replay as at the next, which knows it by its row."""
    path = SegmentFile().run("r1").run("r2").seal().write(shell.spool)
    plain = shell.spool / "mine.jsonl"
    plain.write_text(json.dumps(run_item("r3")), encoding="utf-8")
    for _ in range(2):
        found = shell.json("replay", shell.spool, path, plain, shell.spool)
        assert (found["records"], found["delivered"], found["pending"]) == (3, 3, 0)
    assert len(server.requests) == 3


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_the_daemon_delivers_removes_and_ends_with_0(shell: Shell, server: FaultServer, end: int) -> None:
    """A daemon delivers what is there and what comes, removes what is sealed, and obeys SIGTERM and SIGINT."""
    first = SegmentFile().run("r1").seal().write(shell.spool)
    with shell.daemon(end=end):
        server.wait_for(lambda: ["r1"] in server.ids)
        second = SegmentFile().run("r2").seal().write(shell.spool)
        server.wait_for(lambda: ["r2"] in server.ids)
        wait_until(lambda: not first.exists() and not second.exists(), "both removals")
    assert len(server.requests) == 2


def test_the_daemon_keeps_what_it_is_told_to_keep(shell: Shell, server: FaultServer) -> None:
    """``--after keep`` delivers and removes nothing."""
    path = SegmentFile().run("r1").seal().write(shell.spool)
    with shell.daemon("--after", "keep"):
        wait_until(lambda: "1 delivered" in shell.status_text(), "the delivery")
    assert path.exists()


def test_a_daemon_that_is_killed_loses_nothing(shell: Shell, server: FaultServer) -> None:
    """SIGKILL at any moment: the next one delivers the rest; every record arrives, and the ledger adds up."""
    segment = SegmentFile()
    for number in range(200):
        segment.run(f"r{number}")
    segment.seal().write(shell.spool)
    for stop_at in (20, 90, 150):
        process = children.start([COMMAND, "daemon"], env=shell.environment, stderr=subprocess.DEVNULL)
        server.wait_for(lambda at=stop_at: len({ids[0] for ids in server.ids}) >= at)  # type: ignore[misc]
        children.kill(process)
    found = shell.json("replay")
    assert found["records"] == found["delivered"] == 200 or found["records"] == 0
    assert {ids[0] for ids in server.ids} == {f"r{number}" for number in range(200)}
    with sqlite3.connect(shell.state / "ledger.sqlite3") as ledger:
        assert ledger.execute("SELECT records, delivered FROM segments").fetchall() == [(200, 200)]
    ledger.close()


def test_no_key_is_ever_shown_or_kept(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """No output, log or state file holds a key, whatever goes wrong."""
    secrets = KEY, "tcc_second_0123456789", "tcc_third_0123456789"
    key_file = tmp_path / "keys"
    key_file.write_text(secrets[2])
    keys = {"TCC_API_KEYS": secrets[1], "TCC_DEBUG": "1"}
    SegmentFile().run("r1").run("r2", key_hint=key_hint(secrets[1])).run("r3", key_hint="00000000").write(shell.spool)
    for answer, code in ((Reply(401), 77), (Reply(503), 77), (Reply(400), 77), (Reply(200), 77)):
        server.behaviour = always(answer)
        shell.run("replay", "--timeout", "0.3", "--api-key-file", key_file, code=code, **keys)
    shell.status_text()
    with shell.daemon("--api-key-file", str(key_file), **keys):
        wait_until(lambda: shell.status()["running_pid"], "the daemon")
    assert {request.key for request in server.requests} == {secrets[2], secrets[1]}
    for secret in secrets:
        assert secret not in shell.printed
        assert not [path for path, content in shell.files().items() if secret.encode() in content]


def test_a_newer_ledger_is_refused(shell: Shell) -> None:
    """A ledger of a later version is neither read nor written: upgrade."""
    SegmentFile().run("r1").write(shell.spool)
    shell.run("replay")
    with sqlite3.connect(shell.state / "ledger.sqlite3") as ledger:
        ledger.execute("PRAGMA user_version=99")
    ledger.close()
    for command in (["replay"], ["replay", "--dry-run"]):
        shell.run(*command, code=75)
        assert "upgrade tcc-upload" in shell.printed
        shell.printed = ""


def test_help_and_version(shell: Shell) -> None:
    """The command explains itself."""
    assert "--timeout" in shell.run("replay", "--help")
    assert shell.run("--version").startswith("tcc-upload")
