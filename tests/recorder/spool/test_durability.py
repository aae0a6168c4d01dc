import errno
import gc
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tcc_recorder as tcc
from support.recorded import descriptor_of
from tcc_recorder.config import WriterConfig
from tcc_recorder.spool import writer
from tcc_recorder.spool.segment import Segment
from tcc_recorder.spool.system import SYSTEM
from tcc_schemas.lines import Line

Read = Callable[[Path], list[Any]]
Records = Callable[[Path], list[Line]]


class Disk:
    """Counts what is synced, by inode, and fails where it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files: list[int] = []
        self.directories: list[int] = []
        self.failures = 0
        self.before: Callable[[], object] = lambda: None
        monkeypatch.setattr(SYSTEM, "fdatasync", self._fdatasync)
        monkeypatch.setattr(SYSTEM, "fsync", self._fsync)

    def _fdatasync(self, descriptor: int) -> None:
        self.before()
        self.files.append(os.fstat(descriptor).st_ino)
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EIO, "injected")
        os.fsync(descriptor)

    def _fsync(self, descriptor: int) -> None:
        self.directories.append(os.fstat(descriptor).st_ino)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Watch every sync."""
    return Disk(monkeypatch)


def record(name: str, size: int = 1) -> None:
    """Record a run with a prompt of ``size`` characters."""
    tcc.run(name).prompt("p" * size).end()


def test_process_durability_never_syncs(disk: Disk) -> None:
    """The default leaves syncing to the kernel."""
    record("r")
    assert (disk.files, disk.directories) == ([], [])


def test_power_durability_syncs_every_record_and_each_new_directory_entry(spool: Path, disk: Disk) -> None:
    """When end() returns, the record is synced, and so are the entries of the segment and of new directories."""
    tcc.configure(durability="power", spool_dir=spool / "a" / "b")
    for number in range(3):
        record(str(number))
        assert len(disk.files) == number + 1
    assert len(disk.files) == 3
    made = {path.stat().st_ino for path in (spool.parent, spool, spool / "a", spool / "a" / "b")}
    assert set(disk.directories) == made
    assert len(disk.directories) == 4


def test_concurrent_records_share_a_sync(spool: Path, disk: Disk, records: Records) -> None:
    """Eight threads need fewer syncs than they record; every record is synced before its end() returns."""
    tcc.configure(durability="power")
    record("first")
    disk.files.clear()
    first_sync_began, all_written = threading.Event(), threading.Event()
    written: list[bytes] = []
    real = SYSTEM.write

    def write(descriptor: int, line: bytes) -> int:
        count = real(descriptor, line)
        written.append(line)
        if len(written) == 8:
            all_written.set()
        return count

    def before() -> None:
        first_sync_began.set()
        assert all_written.wait(30), "a sync must not keep others from writing"

    SYSTEM.write, disk.before = write, before
    try:
        threads = [threading.Thread(target=record, args=(str(number),)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        SYSTEM.write = real
    assert 1 <= len(disk.files) <= 2
    assert len(records(spool)) == 9
    synced = len(disk.files)
    assert tcc.flush()
    assert len(disk.files) == synced, "something was not durable when its end() returned"


def test_after_a_failed_sync_unsynced_records_are_written_again_elsewhere(spool: Path, disk: Disk, read: Read) -> None:
    """A file whose sync failed is never synced again; its unsynced records are made durable in a new segment."""
    tcc.configure(durability="power")
    record("safe")
    disk.failures = 1
    record("at risk")
    record("next")
    assert len(set(disk.files)) == 2
    assert disk.files == sorted(disk.files, key=disk.files.index), "a failed file was synced again"
    first, second, third, fourth = disk.files
    assert first == second != third == fourth
    by_size = sorted(([line.id for line in one.records] for one in read(spool)), key=len)
    assert sorted(by_size) == [["at risk", "next"], ["safe", "at risk"]]
    assert tcc.flush()


def test_a_disk_that_keeps_failing_is_told_and_survived(
    spool: Path, disk: Disk, records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    """When a second file fails too, the records stay where they are, nothing is raised, and no memory is held."""
    tcc.configure(durability="power")
    disk.failures = 1000
    for number in range(3):
        record(str(number))
    assert {line.id for line in records(spool)} == {"0", "1", "2"}
    assert "injected" in caplog.text
    gc.collect()
    assert not [one for one in gc.get_objects() if isinstance(one, Segment) and one.unsynced]
    disk.failures = 0
    record("again")
    assert tcc.flush()


def test_what_no_file_could_make_durable_is_not_told_as_recorded(disk: Disk) -> None:
    """Neither to the thread that synced, nor to one that waited meanwhile; what comes later is."""
    tcc.configure(durability="power")
    told: list[bool] = []
    waiting = threading.Thread(target=lambda: told.append(tcc.submit_feedback("second", "thumbs_up")))

    def second_waits() -> None:
        if disk.failures == 2:
            waiting.start()
            while second_is_unwritten():
                threading.Event().wait(0.01)

    def second_is_unwritten() -> bool:
        return not any(b"second" in path.read_bytes() for path in Path(os.environ["TCC_SPOOL_DIR"]).iterdir())

    disk.failures, disk.before = 2, second_waits
    told.append(tcc.submit_feedback("first", "thumbs_up"))
    waiting.join()
    assert told == [False, False]
    assert tcc.submit_feedback("third", "thumbs_up") is True


def test_flush_syncs_everything_since_the_last_flush_and_nothing_twice(
    spool: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, read: Read
) -> None:
    """flush() covers the open segment and those sealed meanwhile, seals nothing, and syncs nothing twice."""
    monkeypatch.setattr(writer, "SEGMENT_BYTES", 3000)
    for number in range(3):
        record(str(number), 2900)
    record("open")
    assert tcc.flush() is True
    assert len(disk.files) == len(set(disk.files)) == 4
    assert sorted(disk.directories) == sorted([spool.stat().st_ino, spool.parent.stat().st_ino])
    assert tcc.flush() is True
    assert len(disk.files) == 4
    record("more")
    assert tcc.flush() is True
    assert len(disk.files) == 5
    assert [one.seal is None for one in read(spool)].count(True) == 1


def test_flush_does_without_segments_that_were_delivered(
    spool: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sealed segment that an uploader removed needs no sync."""
    monkeypatch.setattr(writer, "SEGMENT_BYTES", 1)
    record("r")
    for path in spool.iterdir():
        path.unlink()
    assert tcc.flush() is True
    assert disk.files == []


def test_flush_says_if_it_failed(disk: Disk) -> None:
    """flush() returns False, and raises nothing, when a sync fails; later records go to a file that can be synced."""
    record("r")
    disk.failures = 1
    assert tcc.flush() is False
    record("s")
    assert tcc.flush() is True
    assert len(set(disk.files)) == 2


def test_a_record_lost_before_it_was_synced_goes_along(spool: Path, disk: Disk, records: Records) -> None:
    """If the file vanishes between a record's write and its sync, the next record takes it to the new segment."""
    tcc.configure(durability="power")
    record("safe")

    def vanish() -> None:
        disk.before = lambda: None
        shutil.rmtree(spool)
        record("b")

    disk.before = vanish
    record("a")
    assert [line.id for line in records(spool)] == ["a", "b"]


def test_power_durability_survives_a_closed_descriptor(spool: Path, disk: Disk, records: Records) -> None:
    """A record that finds the segment's descriptor closed is made durable in another."""
    tcc.configure(durability="power")
    record("a")
    [path] = spool.iterdir()
    os.close(descriptor_of(path))
    record("b")
    assert sorted(line.id for line in records(spool)) == ["a", "b"]
    assert len(set(disk.files)) == 2


@pytest.mark.parametrize("failures", [0, 1])
def test_what_a_signal_handler_records_is_durable_too(
    spool: Path, disk: Disk, records: Records, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    """It stands in a file of its own: that and its name are synced before end() returns, once, also if that fails."""
    tcc.configure(durability="power")
    record("before")
    seen: list[tuple[int, int]] = []

    def interrupted(descriptor: int, line: bytes, real: Callable[..., int] = SYSTEM.write) -> int:
        monkeypatch.setattr(SYSTEM, "write", real)
        before = len(disk.files), len(disk.directories)
        disk.failures = failures
        record("in a handler")
        seen.append((len(disk.files) - before[0], len(disk.directories) - before[1]))
        return real(descriptor, line)

    monkeypatch.setattr(SYSTEM, "write", interrupted)
    record("interrupted")
    assert seen == [(1, 1)]
    synced = len(disk.files)
    assert tcc.flush()
    assert len(disk.files) == synced, "nothing is synced twice"
    assert {line.id for line in records(spool)} == {"before", "in a handler", "interrupted"}


def test_only_the_records_after_the_last_sync_are_kept_to_be_written_again(tmp_path: Path) -> None:
    """A sync that tells of fewer records than an earlier one, or of as many, takes none away."""
    segment = Segment(0o600, WriterConfig(str(tmp_path), "power", 1_000_000, journal=False, segment_seconds=3600.0))
    segment.unsynced = [b"1", b"2", b"3", b"4", b"5", b"6", b"7"]
    left = []
    for durable in (2, 4, 4, 3, 5):
        segment.mark_synced(durable)
        left.append(b"".join(segment.unsynced))
    segment.close()
    assert left == [b"34567", b"567", b"567", b"567", b"67"]
