"""``status``: what it reports without an uploader, beside one, and after one."""

import os
from pathlib import Path

from support.faults import FaultServer, Reply, SegmentFile, always
from support.shell import Shell
from support.worlds import wait_until


def test_status_of_nothing(shell: Shell) -> None:
    """Before anything was recorded, status says where it looked and why that may be empty; it creates nothing."""
    text = shell.status_text()
    assert str(shell.spool) in text
    assert "does not exist" in text
    assert "not running" in text
    assert shell.status()["running_pid"] is None
    assert not shell.state.exists()


def test_status_of_pending_records(shell: Shell) -> None:
    """What waits is counted without an uploader, with the time of the oldest."""
    SegmentFile().run("r1").run("r2").write(shell.spool)
    found = shell.status()
    assert found["counts"]["pending"] == 2  # type: ignore[index]
    assert found["oldest_pending"] == "2026-01-31T12:00:00.123Z"
    assert "2 pending" in shell.status_text()


def test_status_of_a_paused_destination(shell: Shell, server: FaultServer) -> None:
    """A destination that waits for an operator says why, and what to do."""
    SegmentFile().run("r1").write(shell.spool)
    server.behaviour = always(Reply(401))
    shell.run("replay", code=77)
    text = shell.status_text()
    assert "paused" in text
    assert "HTTP 401" in text
    assert "check TCC_API_KEY" in text
    (destination,) = shell.status()["destinations"]
    assert (destination["state"], destination["waiting"]) == ("paused", None), "nothing runs in which it could wait"
    assert text.count("HTTP 401") == text.count("check TCC_API_KEY") == 1, "each thing is said once"


def test_status_beside_a_living_daemon(shell: Shell, server: FaultServer) -> None:
    """Status reads while the daemon writes, and says that it runs and how it watches."""
    SegmentFile().run("r1").write(shell.spool)
    with shell.daemon("--after", "keep") as daemon:
        wait_until((shell.state / "status.json").exists, "the daemon's status")
        wait_until(lambda: "1 delivered" in shell.status_text(), "the delivery")
        wait_until(lambda: shell.status()["last_success"], "the delivery in the status")
        found = shell.status()
        assert found["running_pid"] == daemon.pid
        assert found["watcher"] == "native"
        assert f"pid {daemon.pid}" in shell.status_text()
    assert shell.status()["running_pid"] is None


def test_a_name_that_is_no_text_is_reported_as_json_too(shell: Shell) -> None:
    """A file name may hold any bytes: what can't be shown of it costs no report."""
    shell.spool.mkdir()
    Path(os.fsdecode(os.fsencode(shell.spool) + b"/x\xff.jsonl")).write_bytes(b"\0\1")
    assert len(shell.status()["unreadable"]) == 1
    assert len(shell.json("verify", code=65)["unreadable"]) == 1  # type: ignore[arg-type]


def test_status_when_the_ledger_is_just_being_made(shell: Shell) -> None:
    """A ledger file without tables yet is an empty ledger."""
    SegmentFile().run("r1").write(shell.spool)
    shell.state.mkdir(parents=True)
    (shell.state / "ledger.sqlite3").touch()
    assert shell.status()["counts"]["pending"] == 1
