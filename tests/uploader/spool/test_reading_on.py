"""A file that changes while it is read never keeps the reader busy for ever."""

from io import FileIO
from pathlib import Path

from support.faults import SegmentFile, run_item
from tcc_schemas.lines import Line
from tcc_uploader.files import CHUNK, Disk
from tcc_uploader.spool import reader
from tcc_uploader.spool.journal import Span


def test_a_plain_file_that_becomes_shorter_is_read_to_its_new_end(tmp_path: Path) -> None:
    """Its end is where it is now: without this the engine would read nothing, again and again."""
    path = tmp_path / "plain.jsonl"
    path.write_bytes(b'{"a":1}\n' * (CHUNK // 4))
    segment, _ = reader.identify(path)
    reader.read_on(segment)
    assert not segment.at_end
    with path.open("r+b") as file:
        file.truncate(segment.size)
    reader.read_on(segment)
    assert segment.at_end


class Sluggish(FileIO):
    """A file of which each read gives half of what was asked for, as a network mount may."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return some bytes."""
        return super().read(size if size is None or size < 2 else size // 2) or b""


def test_a_line_that_a_mount_gives_in_parts_is_whole(tmp_path: Path) -> None:
    """A short read is no damage: neither a record that is read again, nor a run of a dead process, is lost for it."""
    file = SegmentFile("s").run("r1").record("journal", "r2", run_item("r2"), path=None).write(tmp_path)
    disk = Disk(file=Sluggish)
    segment, _ = reader.identify(file, disk)
    found = []
    while not segment.at_end:
        found += reader.read_on(segment, disk)
    (line,) = found
    assert isinstance(line, Line)
    assert reader.fetch(segment, Span(line.number, line.offset, line.size), disk) == line
    recovered = reader.recover(segment, "r2", disk)
    assert recovered is not None
    assert recovered.id == "r2"
