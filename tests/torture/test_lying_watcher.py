"""A watcher that lies, dies or is not to be had: everything is delivered, within one scan."""

import os
from pathlib import Path

import pytest

from support.faults import FaultServer, SegmentFile
from support.rigging import Rig
from support.worlds import wait_until
from tcc_uploader.delivery.engine import Engine, Limits
from tcc_uploader.spool import watch
from torture.bursts import Burst, burst
from torture.stations import BECOME, DAEMON, Station


def test_a_burst_of_segments_arrives_whole(tmp_path: Path) -> None:
    """Thousands of segments in a moment, of which events tell some: each arrives once, and the spool is empty."""
    assert burst(tmp_path, 800) == Burst(segments=800, lost=0, repeated=0, left=0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_handler_that_raises_costs_time_alone(rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception kills watchdog's thread without a word: it is noticed, and the next scan finds what it swallowed."""
    raised: list[str] = []

    def lie(_: object, event: object) -> None:
        raised.append(str(event))
        raise ZeroDivisionError

    monkeypatch.setattr(watch._Handler, "on_any_event", lie)
    observers: set[object] = set()
    wrote = 0.0

    def until(engine: Engine) -> object:
        nonlocal wrote
        assert engine.watcher is not None
        watching = [observer for observer, _, _ in engine.watcher._observers.values()]
        observers.update(watching)
        if not wrote:
            wrote = rig.time.now
            for number in range(20):
                SegmentFile().run(f"r{number}").seal().write(rig.spool)
            wait_until(lambda: raised and not watching[0].is_alive(), "the thread's death by an event")
        return engine.settlement.total.delivered == 20

    rig.daemon(until, in_flight=4)
    assert rig.time.now - wrote <= Limits().rescan + 5
    assert len(observers) > 1
    assert len(server.requests) == 20


def test_a_watcher_that_tells_nothing_costs_one_scan_s_time(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that never come, from an observer that says it lives: what is written arrives with the next scan."""
    monkeypatch.setattr(watch._Handler, "on_any_event", lambda *_: None)
    written: list[float] = []

    def until(engine: Engine) -> object:
        if engine.settlement.total.delivered == len(written):
            written.append(rig.time.now)
            SegmentFile().run(f"r{len(written)}").seal().write(rig.spool)
        return engine.settlement.total.delivered == 5

    rig.daemon(until)
    assert rig.time.now - written[0] <= 5 * (Limits().rescan + 2)
    assert [len(ids) for ids in server.ids] == [1] * 5


# takes every inotify instance that its user may have, and is no user that anybody else is
EXHAUSTED = f"""
{BECOME}
import ctypes
libc = ctypes.CDLL(None)
while libc.inotify_init() >= 0:
    pass
{DAEMON}
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to become another user")
def test_without_an_inotify_instance_left_the_daemon_polls(open_folder: Path, server: FaultServer) -> None:
    """With fs.inotify.max_user_instances used up, records arrive all the same, and the status says how it watches."""
    station = Station(open_folder, server)
    station.spool.mkdir()
    for place in (open_folder, station.spool):
        os.chown(place, 54321, 54321)
    with station.daemon(EXHAUSTED, BECOME="54321 54321"):
        SegmentFile().run("r1").seal().write(station.spool)
        wait_until(lambda: "r1" in station.received, "the run")
        wait_until(lambda: '"watcher": "polling"' in _text(station.state / "status.json"), "the mode in the status")
    assert "can't watch" in station.log.read_text()


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
