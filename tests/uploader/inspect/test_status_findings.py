"""``status`` ends by what it found: what somebody should do, and which of several things comes first."""

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

import tcc_recorder as tcc
from support.children import start
from support.faults import FaultServer, Reply, SegmentFile, always
from support.recorded import forget_settings
from support.shell import COMMAND, PATIENCE, Shell
from support.worlds import wait_until


def now() -> str:
    """Return the time."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())


def codes(shell: Shell, *arguments: str, code: int) -> list[int]:
    """Return the codes of all findings, in order."""
    return [found["code"] for found in told(shell, *arguments, code=code)["findings"]]


def told(shell: Shell, *arguments: str, code: int) -> Any:
    """Return what ``status --json`` tells."""
    return shell.json("status", *arguments, code=code)


def test_nothing_is_to_be_done_where_nothing_is_wrong(shell: Shell, server: FaultServer) -> None:
    """An empty spool, a delivered one, and a record that was written just now: 0."""
    assert codes(shell, code=0) == []
    SegmentFile().run("r1").seal().write(shell.spool)
    shell.run("replay")
    SegmentFile().later(now()).run("r2").write(shell.spool)
    assert codes(shell, code=0) == []
    assert "finding     none: all is well" in shell.run("status")


def test_a_record_that_waits_too_long_is_late(shell: Shell) -> None:
    """By default after five minutes; --max-age says what is too long, and nonsense is a usage error."""
    SegmentFile().run("r1").write(shell.spool)
    assert codes(shell, code=75) == [75]
    assert "and no uploader is running; do: start one: tcc-upload daemon, or replay" in shell.run("status", code=75)
    assert codes(shell, "--max-age", "9999w", code=0) == []
    shell.run("status", "--max-age", "soon", code=2)


def test_an_outage_is_late_when_it_lasts(shell: Shell, server: FaultServer) -> None:
    """A server that is down for a moment is nobody's business; after --max-age it is."""
    SegmentFile().later(now()).run("r1").write(shell.spool)
    server.behaviour = always(Reply(503))
    shell.run("replay", "--timeout", "0", code=75)
    assert codes(shell, "--max-age", "1h", code=0) == []
    found = told(shell, "--max-age", "0m", code=75)
    assert [each["code"] for each in found["findings"]] == [75, 75]
    assert "503" in found["findings"][0]["what"]
    assert found["destinations"][0]["next_probe"] is None, "nothing runs that could probe"
    assert found["destinations"][0]["since"].endswith("Z")


def test_what_waits_for_an_operator_is_told_as_that_and_not_as_late(shell: Shell, server: FaultServer) -> None:
    """A wrong key: 77, with what to do.  Its records are old, and time would not help them."""
    SegmentFile().run("r1").write(shell.spool)
    server.behaviour = always(Reply(401))
    shell.run("replay", code=77)
    found = told(shell, code=77)
    assert [each["code"] for each in found["findings"]] == [77]
    assert "check TCC_API_KEY" in found["findings"][0]["do"]
    assert (found["oldest_due"], found["oldest_pending"]) == (None, "2026-01-31T12:00:00.123Z")


def test_a_record_that_was_refused_waits_for_other_answers_and_is_not_late(shell: Shell, server: FaultServer) -> None:
    """One poisoned record is pending for hours, and the daemon delivers all others: nobody is woken."""
    SegmentFile().run("poisoned").seal().write(shell.spool)
    server.behaviour = lambda request: Reply(403 if "poisoned" in request.ids else 200)
    with shell.daemon():
        wait_until(lambda: any(each["undecided"] for each in shell.status()["destinations"]), "the refusal")
        assert codes(shell, code=0) == []
        assert shell.status()["oldest_pending"] == "2026-01-31T12:00:00.123Z"


def test_a_server_that_refuses_all_that_it_is_sent_needs_an_operator(shell: Shell, server: FaultServer) -> None:
    """A wrong URL answers 404: long before that pauses the destination, somebody should look at the URL."""
    SegmentFile().run("r1").run("r2").seal().write(shell.spool)
    server.behaviour = always(Reply(404))
    with shell.daemon():
        wait_until(lambda: any(len(each["undecided"]) == 2 for each in shell.status()["destinations"]), "the refusals")
        (found,) = told(shell, code=77)["findings"]
        assert "has refused records and taken none: 2" in found["what"]
        assert "TCC_BASE_URL" in found["do"]


def test_a_spool_that_is_nearly_full_is_told_before_recorders_refuse(shell: Shell) -> None:
    """An agent that lives tells nobody else what it refuses."""
    tcc.configure(spool_dir=shell.spool, max_bytes=20_000)
    tcc.run("r1").prompt("hi").response("x" * 17_000).end()
    forget_settings()
    (found,) = told(shell, code=75)["findings"]
    assert "is nearly full" in found["what"]
    assert "--remove" in found["do"]


def test_losses_are_told_before_what_is_late(shell: Shell, server: FaultServer) -> None:
    """A dead letter and a damaged place: 65, with the command that says more; all findings are in the JSON."""
    SegmentFile().run("dead").run("good").raw(b"damage\n").seal().write(shell.spool)
    server.behaviour = lambda request: Reply(422 if "dead" in request.ids else 200)
    shell.run("replay", code=65)
    SegmentFile().run("late").write(shell.spool)
    assert codes(shell, "--expect-daemon", code=65) == [65, 65, 69, 75]
    text = shell.run("status", code=65)
    assert "finding     65: dead letters: 1; do: tcc-upload dead list" in text
    assert "finding     65: damaged places: 1; do: tcc-upload verify" in text


def test_a_daemon_that_should_run(shell: Shell) -> None:
    """--expect-daemon ends with 69 if none does, and with 0 beside one; after its end nothing is told as if it ran."""
    assert codes(shell, "--expect-daemon", code=69) == [69]
    with shell.daemon():
        wait_until(lambda: shell.status()["watcher"] == "waiting", "the daemon's status")
        assert codes(shell, "--expect-daemon", code=0) == []
    found = told(shell, "--expect-daemon", code=69)
    assert (found["running_pid"], found["watcher"]) == (None, "none")
    assert found["as_of"].endswith("Z")


def test_a_spool_tells_how_full_it_is_and_what_was_refused(shell: Shell, server: FaultServer) -> None:
    """Bytes of the bytes that it may hold, kept files, the ledger's size; a recorder's refusals are losses."""
    segment = SegmentFile().run("r1").seal(refused=3)
    segment.write(shell.spool)
    size = sum(path.stat().st_size for path in shell.spool.iterdir())
    (spool,) = told(shell, code=65)["spools"]
    assert (spool["files"], spool["bytes"], spool["max_bytes"], spool["kept"]) == (1, size, 1024**3, 0)
    shell.run("replay")
    found = told(shell, code=65)
    assert (found["spools"][0]["kept"], found["refused"]) == (1, 3)
    assert found["ledger_bytes"] == (shell.state / "ledger.sqlite3").stat().st_size


def test_the_spool_s_budget_is_that_of_its_newest_file(shell: Shell, server: FaultServer) -> None:
    """Also when the file was delivered: it is not read again, but for its header."""
    tcc.configure(spool_dir=shell.spool, max_bytes=5_000_000)
    tcc.run("r1").prompt("hi").response("ho").end()
    forget_settings()
    shell.run("replay")
    (spool,) = shell.status()["spools"]
    assert spool["max_bytes"] == 5_000_000


def test_what_cannot_be_read_needs_a_person(shell: Shell) -> None:
    """A spool that is a file, or a file of a newer version: 77, naming it."""
    shell.spool.write_text("no folder")
    found = told(shell, code=77)
    assert str(shell.spool) in found["findings"][0]["what"]


@pytest.mark.parametrize("command", ["status", "verify", "dead list", "doctor", "prune --older-than 1d", "runs"])
def test_a_damaged_page_of_the_ledger_is_told_by_every_command(shell: Shell, server: FaultServer, command: str) -> None:
    """It is met only when it is read, and ends no command with a traceback: what is wrong, and what mends it."""
    segment = SegmentFile()
    for number in range(300):
        segment.run(f"r{number}")
    segment.seal().write(shell.spool)
    shell.run("replay")
    ledger = shell.state / "ledger.sqlite3"
    with ledger.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (ledger.stat().st_size - 4096))
    shell.run(*command.split(), code=None)
    assert "ledger in" in shell.printed
    assert "malformed" in shell.printed or "damaged" in shell.printed
    shell.run("replay")
    shell.run("status")


def test_watching_goes_on_until_it_is_interrupted(shell: Shell) -> None:
    """The same again every two seconds; Ctrl-C ends it."""
    process = start([COMMAND, "status", "--watch"], env=shell.environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    looks = (line for line in process.stdout if line.startswith("target"))
    assert next(looks) == next(looks)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 1
    process.stdout.close()


def test_the_page_names_every_member_of_the_json(shell: Shell, server: FaultServer) -> None:
    """docs/operate.md tells what ``status --json`` has, also of spools, destinations and findings."""
    SegmentFile().run("r1").write(shell.spool)
    server.behaviour = always(Reply(401))
    shell.run("replay", code=77)
    page = (Path(__file__).parents[3] / "docs" / "operate.md").read_text()
    found = told(shell, code=77)
    parts = (found, *found["spools"], *found["destinations"], *found["findings"])
    missing = {name for part in parts for name in part if f"`{name}`" not in page}
    assert missing == set()
