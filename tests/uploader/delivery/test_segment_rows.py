"""The ledger's rows of segments that are being read."""

from pathlib import Path

from support.faults import SegmentFile
from tcc_uploader.delivery.settlement import row_of
from tcc_uploader.files import CHUNK
from tcc_uploader.spool import reader


def test_a_row_ends_with_the_last_whole_line_while_its_file_is_read(tmp_path: Path) -> None:
    """What stands behind it may be taken back by its writer, and a larger row would never be written again."""
    file = SegmentFile("s").run("r1").write(tmp_path)
    whole = file.stat().st_size
    with file.open("ab") as writer:
        writer.write(b"x" * CHUNK)
    segment, _ = reader.identify(file)
    reader.read_on(segment)
    before = row_of(segment, finished=False, now=0)
    reader.read_on(segment)
    after = row_of(segment, finished=False, now=0)
    assert not before.torn
    assert (before.size, before.counts.records) == (whole, 1)
    assert (after.size, after.torn) == (whole + CHUNK, CHUNK)
