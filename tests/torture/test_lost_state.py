"""The ledger, the state or the spool is ruined or taken away, under a daemon that runs and before one starts."""

import shutil
from pathlib import Path

from support.faults import FaultServer, SegmentFile
from support.worlds import wait_until
from torture.stations import Station


def segments(spool: Path, *names: str) -> None:
    """Write sealed segments, each with three runs."""
    for name in names:
        SegmentFile().run(f"{name}-1").run(f"{name}-2").run(f"{name}-3").seal().write(spool)


def ids(*names: str) -> set[str]:
    """Return the runs of these segments."""
    return {f"{name}-{number}" for name in names for number in (1, 2, 3)}


def test_a_ledger_ruined_under_a_running_daemon_is_replaced(tmp_path: Path, server: FaultServer) -> None:
    """Garbage from the middle of the ledger on: it is moved aside, a new one is begun, and everything arrives."""
    station = Station(tmp_path, server)
    segments(station.spool, *(f"a{number}" for number in range(100)))
    with station.daemon():
        wait_until(lambda: len(station.received) == 300 and not list(station.spool.iterdir()), "the first segments")
        ledger = station.state / "ledger.sqlite3"
        size = ledger.stat().st_size
        with ledger.open("r+b") as file:
            file.seek(24)  # the change counter: nobody may go on with the pages in memory
            file.write(b"\xff" * 4)
            file.seek(4096)
            file.write(b"garbage!" * ((size - 4096) // 8))
        segments(station.spool, "b", "c")
        wait_until(lambda: ids("b", "c") <= station.received, "what came after")
        wait_until(lambda: not list(station.spool.iterdir()), "an empty spool")
    assert list(station.state.glob("ledger.sqlite3.corrupt-*"))
    assert station.upload("verify").returncode == 0
    assert "corrupt" in station.log.read_text()


def test_a_state_deleted_under_a_running_daemon_is_made_again(tmp_path: Path, server: FaultServer) -> None:
    """Without its state the daemon begins a new one; what is still there may come twice, and nothing is lost."""
    station = Station(tmp_path, server)
    segments(station.spool, "a")
    with station.daemon():
        wait_until(lambda: ids("a") <= station.received and not list(station.spool.iterdir()), "the first segment")
        shutil.rmtree(station.state)
        segments(station.spool, "b")
        wait_until(lambda: ids("b") <= station.received, "what came after")
        wait_until(lambda: not list(station.spool.iterdir()), "an empty spool")
        wait_until((station.state / "status.json").exists, "a status")
    assert station.upload("verify").returncode == 0
    assert max(server.ids.count([ident]) for ident in ids("a", "b")) <= 2


def test_a_spool_deleted_under_a_running_daemon_is_watched_again(tmp_path: Path, server: FaultServer) -> None:
    """Deleted, made again, replaced by another folder: what is written there then arrives, once."""
    station = Station(tmp_path, server)
    segments(station.spool, "a")
    with station.daemon():
        wait_until(lambda: ids("a") <= station.received, "the first segment")
        for name in ("b", "c", "d"):
            shutil.rmtree(station.spool, ignore_errors=True)  # the daemon may remove what is delivered just now
            assert not station.spool.exists()
            segments(station.spool, name)
            wait_until(lambda name=name: ids(name) <= station.received, f"segment {name}")
        segments(tmp_path / "other", "e")
        station.spool.rename(tmp_path / "away")
        (tmp_path / "other").rename(station.spool)
        wait_until(lambda: ids("e") <= station.received, "what came with another folder")
        wait_until(lambda: not list(station.spool.iterdir()), "an empty spool")
    assert all(server.ids.count([ident]) == 1 for ident in ids("a", "b", "c", "d", "e"))
