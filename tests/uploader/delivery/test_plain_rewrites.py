"""Plain files that are written anew in place: when a daemon looks at their bytes again."""

import json
import os
from dataclasses import replace
from io import FileIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from support.faults import FaultServer, Reply, SegmentFile, always, ok, run_item
from support.rigging import Rig
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.files import DISK, Disk


def line(run_id: str, **more: object) -> bytes:
    """Return a run as a plain line."""
    return json.dumps(run_item(run_id, **more)).encode() + b"\n"


def overwrite(path: Path, data: bytes) -> None:
    """Write a file anew in place, as a job with an open file does: it keeps its inode."""
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(data)


class Listing(list[Any]):
    """The entries of a folder."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


def stamped(stamp: list[float]) -> Disk:
    """Return a disk on which every file was changed at ``stamp[0]``, in seconds since 1970: a coarse file system."""

    def told(status: os.stat_result) -> Any:
        names = ("st_mode", "st_dev", "st_ino", "st_size")
        times = {f"{name}_ns": int(stamp[0] * 1e9) for name in ("st_mtime", "st_ctime")}
        return SimpleNamespace(**{name: getattr(status, name) for name in names}, **times)

    def entry(found: os.DirEntry[str]) -> Any:
        def stat(*, follow_symlinks: bool) -> Any:
            return told(found.stat(follow_symlinks=follow_symlinks))

        return SimpleNamespace(name=found.name, path=found.path, inode=found.inode, stat=stat)

    def listed(folder: str) -> Any:
        with os.scandir(folder) as found:
            return Listing(map(entry, found))

    return replace(DISK, status=lambda descriptor: told(os.fstat(descriptor)), listed=listed)


def counting(reads: list[str]) -> Disk:
    """Return a disk that notes the name of each file that is opened."""

    class Noted(FileIO):
        def __init__(self, path: str, *more: Any, **others: Any) -> None:
            reads.append(Path(path).name)
            super().__init__(path, *more, **others)

    return replace(DISK, file=Noted)


def test_a_plain_file_that_is_written_anew_with_the_same_size_is_delivered(rig: Rig, server: FaultServer) -> None:
    """Ids and times of fixed width make files of one size: a living daemon delivers each."""
    path = rig.spool / "latest.jsonl"
    path.write_bytes(line("night-1"))

    def write_next(engine: Engine) -> bool:
        delivered = engine.settlement.total.delivered
        if engine.intake.idle and not engine.in_flight and 0 < delivered < 4 and server.ids[-1] != ["night-4"]:
            overwrite(path, line(f"night-{delivered + 1}"))
        return delivered == 4

    engine = rig.daemon(write_next)
    assert server.ids == [["night-1"], ["night-2"], ["night-3"], ["night-4"]]
    assert (engine.intake.counts.records, engine.intake.counts.delivered) == (4, 4)
    assert rig.counts().delivered == 4


def test_in_doubt_the_bytes_are_looked_at(rig: Rig, server: FaultServer) -> None:
    """A file that was changed just before it was read may be changed again with the same time of change."""
    path = rig.spool / "latest.jsonl"
    path.write_bytes(line("night-1"))
    rig.disk = stamped([rig.time.clock.wall() - 1.0])

    def write_next(engine: Engine) -> bool:
        if engine.settlement.total.delivered == 1 and server.ids == [["night-1"]]:
            overwrite(path, line("night-2"))
        return engine.settlement.total.delivered == 2

    rig.daemon(write_next, limit=200.0)
    assert server.ids == [["night-1"], ["night-2"]]


@pytest.mark.parametrize("age", [0.0, 3600.0])
def test_a_plain_file_that_stays_as_it_is_is_hashed_again_at_most_once(rig: Rig, age: float) -> None:
    """A file that was fresh when it was read is looked at once more; then its time of change is believed."""
    reads: list[str] = []
    (rig.spool / "a.jsonl").write_bytes(line("r1"))
    stamp = [rig.time.clock.wall() - age]
    rig.disk = replace(stamped(stamp), file=counting(reads).file)
    start = rig.time.now
    engine = rig.daemon(lambda _: rig.time.now > start + 500)
    opened = reads.count("a.jsonl")
    assert opened == (2 if age else 3)  # to hash it and to read it; and once more
    assert engine.intake.counts.records == 1


def test_a_plain_file_that_was_only_touched_is_neither_sent_nor_counted_again(rig: Rig, server: FaultServer) -> None:
    """The bytes decide, not the time: written anew with what it held, it is the same file."""
    path = rig.spool / "a.jsonl"
    path.write_bytes(line("r1"))
    touched: list[float] = []

    def touch(engine: Engine) -> bool:
        if engine.settlement.total.delivered and len(touched) < 3 and rig.time.now > (touched or [0.0])[-1] + 40:
            touched.append(rig.time.now)
            overwrite(path, line("r1"))
            os.utime(path, (len(touched), len(touched)))
        return len(touched) == 3 and rig.time.now > touched[-1] + 100

    engine = rig.daemon(touch)
    assert server.ids == [["r1"]]
    assert (engine.intake.counts.records, engine.intake.counts.duplicate) == (1, 0)


def test_the_time_of_a_segment_says_nothing(rig: Rig, server: FaultServer) -> None:
    """A copied spool has other times: a segment that is done is not opened again when its time changes."""
    reads: list[str] = []
    path = SegmentFile().run("r1").write(rig.spool)
    rig.disk = counting(reads)
    times: list[float] = []

    def touch(engine: Engine) -> bool:
        if engine.settlement.total.delivered and not engine.intake.live and len(times) < 3:
            times.append(rig.time.now)
            os.utime(path, (len(times), len(times)))
            reads.clear()
        return bool(times) and rig.time.now > times[-1] + 100

    rig.daemon(touch, keep_for=1e6)
    assert reads == []
    assert server.ids == [["r1"]]


def test_a_pending_plain_file_that_is_written_anew_is_read_anew(
    rig: Rig, server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    """During an outage too; what was overwritten before it was sent is told."""
    path = rig.spool / "latest.jsonl"
    path.write_bytes(line("night-1"))
    server.behaviour = always(Reply(503))
    written: list[float] = []

    def write_next(engine: Engine) -> bool:
        if server.requests and not written:
            written.append(rig.time.now)
            overwrite(path, line("night-2"))
        if written and engine.intake.live and engine.intake.live[0].counts.records and "has gone" in caplog.text:
            server.behaviour = ok
        return bool(engine.settlement.total.delivered)

    rig.daemon(write_next)
    assert server.ids[-1] == ["night-2"]
    assert "latest.jsonl has gone; pending records in it: 1" in caplog.text


def test_a_pending_plain_file_that_has_other_and_more_lines_is_not_waited_for(rig: Rig, server: FaultServer) -> None:
    """Where a line was, there is none now: the file was written anew, and its lines are delivered all the same."""
    path = rig.spool / "latest.jsonl"
    path.write_bytes(b"".join(line(f"old-{number}") for number in range(3)))
    server.behaviour = always(Reply(503))
    written: list[float] = []

    def write_next(engine: Engine) -> bool:
        if server.requests and not written:
            written.append(rig.time.now)
            overwrite(path, b"".join(line(f"new-{number}", response="x" * 1000) for number in range(3)))
            server.behaviour = ok
        return engine.backlog.waiting == 0 and [f"new-{2}"] in server.ids and not engine.in_flight

    rig.daemon(write_next)
    assert {ids[0] for ids in server.ids} >= {"new-0", "new-1", "new-2"}


def test_a_file_of_zeros_that_is_filled_later_is_read(rig: Rig, server: FaultServer) -> None:
    """A program may reserve room first, and write into it then: the size stays the same."""
    path = rig.spool / "reserved.jsonl"
    data = line("r1")
    path.write_bytes(bytes(len(data)))

    def fill(engine: Engine) -> bool:
        if engine.intake.scans and engine.intake.idle and not path.read_bytes().strip(b"\0"):
            overwrite(path, data)
        return bool(server.ids)

    engine = rig.daemon(fill)
    assert server.ids == [["r1"]]
    assert engine.intake.scans < 4


def test_the_next_daemon_reads_a_plain_file_that_was_written_anew_meanwhile(rig: Rig, server: FaultServer) -> None:
    """Its id is made of its bytes, so the ledger takes it for another file."""
    path = rig.spool / "latest.jsonl"
    path.write_bytes(line("night-1"))
    rig.daemon(lambda engine: engine.settlement.total.delivered == 1)
    times = path.stat()
    overwrite(path, line("night-2"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    rig.daemon(lambda engine: engine.settlement.total.delivered == 1)
    assert server.ids == [["night-1"], ["night-2"]]


def test_what_a_foreign_file_is_stays_told(rig: Rig) -> None:
    """A second event for it says nothing new: it can't be read as before."""
    path = rig.spool / "windows.jsonl"
    path.write_bytes(line("r1").decode().encode("utf-16"))
    os.utime(path, (1, 1))
    hints: list[float] = []

    def hint(engine: Engine) -> bool:
        if engine.intake.scans and engine.intake.idle and len(hints) < 3:
            hints.append(rig.time.now)
            engine.intake.hint(path)
        return len(hints) == 3 and engine.intake.idle

    engine = rig.daemon(hint)
    assert "UTF-16" in engine.intake.unreadable[path]
