"""The watcher is a hint: it speeds delivery up, and nothing depends on it."""

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import pytest

from support.faults import FaultServer, SegmentFile
from support.rigging import Rig
from support.worlds import PATIENCE
from tcc_uploader.delivery.engine import Engine, Limits
from tcc_uploader.delivery.intake import Intake
from tcc_uploader.spool import watch
from tcc_uploader.spool.scan import Done, listed_in, seen_as
from tcc_uploader.spool.watch import Watcher


def wait(condition: Callable[[], object], timeout: float = 10.0) -> None:
    """Wait until ``condition()`` is true; fail after a while."""
    until = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def refuse(*_: object) -> None:
    """Stand for a kernel without watches left."""
    raise OSError(24, "inotify instance limit reached")


def test_an_event_brings_a_record_long_before_the_next_scan(rig: Rig, server: FaultServer) -> None:
    """A record that is written while the daemon runs is delivered within moments, on a real clock."""
    started = threading.Event()

    def until(engine: Engine) -> object:
        started.set()
        return engine.settlement.total.delivered

    thread = threading.Thread(target=rig.daemon, args=(until,), kwargs={"real": True})
    thread.start()
    assert started.wait(10)
    began = time.monotonic()
    SegmentFile().run("late").write(rig.spool)
    server.wait_for(lambda: ["late"] in server.ids)
    assert time.monotonic() - began < 10
    thread.join()


@pytest.mark.parametrize("moment", ["before the watch", "before the scan", "after the scan"])
def test_no_record_is_missed_between_the_watch_and_the_first_scan(
    moment: str, rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watch comes first, then a scan: what is written at any moment is found without a second scan."""
    check, scan, scans = Watcher.check, Intake.scan, 0

    def write(at: str) -> None:
        if at == moment and not any(rig.spool.iterdir()):
            SegmentFile().run("r1").write(rig.spool)

    def checked(watcher: Watcher) -> bool:
        write("before the watch")
        return check(watcher)

    def scanned(intake: Intake) -> None:
        nonlocal scans
        scans += 1
        write("before the scan")
        scan(intake)
        write("after the scan")

    monkeypatch.setattr(Watcher, "check", checked)
    monkeypatch.setattr(Intake, "scan", scanned)
    ends = time.monotonic() + PATIENCE

    def until(engine: Engine) -> object:
        assert engine.watcher is not None
        assert engine.watcher.mode == "native"
        return engine.settlement.total.delivered or time.monotonic() > ends

    rig.daemon(until, removes=False, real=True, limits=Limits(rescan=1e6))
    assert server.ids == [["r1"]]
    assert scans == 1


def test_a_folder_that_is_deleted_and_made_again_is_watched_again(tmp_path: Path) -> None:
    """The watch follows the name: check() rebuilds it, and events come again."""
    spool = tmp_path / "spool"
    spool.mkdir()
    events: SimpleQueue[Path] = SimpleQueue()
    watcher = Watcher([spool], events.put)
    try:
        assert watcher.check()
        assert watcher.mode == "native"
        assert not watcher.check()
        shutil.rmtree(spool)
        wait(lambda: watcher.check() or watcher.mode == "waiting")
        assert watcher.mode == "waiting"
        spool.mkdir()
        assert watcher.check()
        while not events.empty():
            events.get()
        (spool / "new.jsonl").write_bytes(b"x")
        assert events.get(timeout=10) == spool / "new.jsonl"
    finally:
        watcher.close()


def test_reading_a_spool_raises_no_events(tmp_path: Path) -> None:
    """The uploader's own reads and scans must not wake it up."""
    (tmp_path / "a.jsonl").write_bytes(b"x")
    events: SimpleQueue[Path] = SimpleQueue()
    watcher = Watcher([tmp_path], events.put)
    try:
        watcher.check()
        (tmp_path / "a.jsonl").read_bytes()
        list(tmp_path.iterdir())
        (tmp_path / "b.jsonl").write_bytes(b"y")
        assert events.get(timeout=10).name == "b.jsonl"
    finally:
        watcher.close()


def test_without_inotify_the_watcher_polls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the kernel refuses a watch the folder is polled, and the mode says so."""
    monkeypatch.setattr(watch, "Observer", refuse)
    events: SimpleQueue[Path] = SimpleQueue()
    watcher = Watcher([tmp_path], events.put)
    try:
        assert watcher.check()
        assert watcher.mode == "polling"
        assert not watcher.check()
        (tmp_path / "new.jsonl").write_bytes(b"x")
        assert events.get(timeout=10) == tmp_path / "new.jsonl"
    finally:
        watcher.close()


def test_without_any_watcher_the_scans_deliver(rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """If nothing can watch, the mode says ``scanning``, and records arrive all the same."""
    monkeypatch.setattr(watch, "Observer", refuse)
    monkeypatch.setattr(watch, "PollingObserver", refuse)
    modes = set()

    def late(engine: Engine) -> object:
        modes.add(engine.watcher.mode if engine.watcher else "")
        if not any(rig.spool.iterdir()):
            SegmentFile().run("r1").write(rig.spool)
        return engine.settlement.total.delivered

    rig.daemon(late, removes=False)
    assert modes == {"scanning"}


def test_a_scan_does_not_look_at_a_file_that_was_sealed_and_done(tmp_path: Path) -> None:
    """Its name and its inode tell that it is the same; another file under the name, or one without a seal, is seen."""
    file, other = tmp_path / "a.jsonl", tmp_path / "b"
    file.write_bytes(b"x")
    other.write_bytes(b"other")
    [seen] = filter(None, map(seen_as, listed_in(tmp_path)))
    done = Done()
    done.add(seen, sealed=False)
    assert not any(map(done.holds_sealed, listed_in(tmp_path)))
    assert done.holds(seen)
    done.add(seen, sealed=True)
    assert all(map(done.holds_sealed, listed_in(tmp_path)))
    other.rename(file)
    assert not any(map(done.holds_sealed, listed_in(tmp_path)))
    assert not any(map(done.holds, filter(None, map(seen_as, listed_in(tmp_path)))))
    del done.files[str(file)]
    assert not done.files


def test_a_spool_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    """The mode says that a spool does not exist yet."""
    watcher = Watcher([tmp_path / "later"], lambda _: None)
    assert not watcher.check()
    assert watcher.mode == "waiting"
    watcher.close()
