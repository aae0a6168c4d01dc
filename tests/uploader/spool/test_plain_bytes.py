"""What a plain file may begin with, or have between its lines: NUL bytes, byte-order marks, other encodings."""

import json
from pathlib import Path

import pytest

from support.faults import SegmentFile, run_item
from tcc_schemas.lines import Damage, Line
from tcc_schemas.plain import Invalid
from tcc_schemas.splitter import MAX_LINE
from tcc_uploader.spool import reader
from tcc_uploader.spool.format import Format, sniff
from tcc_uploader.spool.segment import Found, Segment, feed

BOM = b"\xef\xbb\xbf"
RUNS = [json.dumps(run_item(f"r{number}")).encode() + b"\n" for number in range(3)]


def read(data: bytes, size: int) -> tuple[Segment, list[Found]]:
    """Read a plain file's bytes in pieces of this size."""
    segment = Segment("a.jsonl", 0, Format.PLAIN, "plain-", limit=len(data))
    found: list[Found] = []
    for start in range(0, len(data), size):
        segment.at_end = start + size >= len(data)
        found += feed(segment, data[start : start + size])
    return segment, found


@pytest.mark.parametrize(
    ("data", "places"),
    [
        (bytes(50) + b"".join(RUNS), [(1, 0, 50)]),
        (RUNS[0] + bytes(50) + RUNS[1] + b"\0" + RUNS[2], [(2, len(RUNS[0]), 50), (3, len(RUNS[0] + RUNS[1]) + 50, 1)]),
        (b"".join(RUNS) + bytes(50), [(4, len(b"".join(RUNS)), 50)]),
        (b"".join(RUNS) + bytes(50) + b"\n", [(4, len(b"".join(RUNS)), 50)]),
        (bytes(50) + BOM + b"".join(RUNS)[:-1], [(1, 0, 50)]),
    ],
    ids=["before", "between", "after", "a line", "before a mark"],
)
def test_nul_bytes_cost_no_record_and_are_told_as_one_damage(data: bytes, places: list[tuple[int, int, int]]) -> None:
    """Wherever they stand, and however the bytes are cut into pieces."""
    for size in (1, 7, 64, len(data)):
        segment, found = read(data, size)
        assert [line.id for line in found if isinstance(line, Line)] == ["r0", "r1", "r2"]
        assert [(it.number, it.offset, it.size) for it in found if isinstance(it, Damage)] == places
        assert (segment.counts.records, segment.damage, segment.size) == (3, len(places), len(data))


def test_a_line_behind_nul_bytes_is_found_again(tmp_path: Path) -> None:
    """Its place leads to the same record, whether the bytes came in one piece or not."""
    data = bytes(5000) + b"".join(RUNS)
    path = tmp_path / "a.jsonl"
    path.write_bytes(data)
    for size in (1000, len(data)):
        segment, found = read(data, size)
        segment.file, segment.identity = str(path), reader.identify(path)[1].identity
        lines = [line for line in found if isinstance(line, Line)]
        again = [reader.fetch(segment, line) for line in lines]
        assert [line and line.data for line in again] == [line.data for line in lines]


def test_a_hole_may_be_longer_than_any_line(tmp_path: Path) -> None:
    """A log of gigabytes that was emptied under its writer begins with as many NUL bytes: they are never held."""
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.truncate(MAX_LINE + 5_000_000)
        file.seek(0, 2)
        file.write(b"".join(RUNS))
    segment, _ = reader.identify(path)
    found: list[Found] = []
    most = 0
    while not segment.at_end:
        found += reader.read_on(segment)
        most = max(most, segment.torn)
    assert segment.format is Format.PLAIN
    assert [type(it) for it in found] == [Damage, Line, Line, Line]
    assert (found[0].size, most) == (MAX_LINE + 5_000_000, 0)


def test_a_file_of_nothing_but_nul_bytes_is_damage(tmp_path: Path) -> None:
    """Of any length, also one that no line may have."""
    for size in (1, 5000, MAX_LINE + 2_000_000):
        path = tmp_path / f"{size}.jsonl"
        with path.open("wb") as file:
            file.truncate(size)
        segment, _ = reader.identify(path)
        found = [it for _ in range(size // 1_000_000 + 1) if not segment.at_end for it in reader.read_on(segment)]
        assert (segment.at_end, segment.damage, segment.torn) == (True, 1, 0)
        assert [it.size for it in found if isinstance(it, Damage)] == [size]


def test_marks_of_joined_files_are_no_part_of_their_lines() -> None:
    """``cat`` of two files with a byte-order mark leaves one in the middle."""
    _, found = read(BOM + RUNS[0] + BOM + RUNS[1], 1000)
    assert [type(it) for it in found] == [Line, Line]


def test_a_line_in_utf_16_is_named_so() -> None:
    """PowerShell appends UTF-16 to a UTF-8 file: the letter says what is wrong with the line."""
    _, found = read(RUNS[0] + RUNS[1].decode().encode("utf-16-le") + b"\n", 1000)
    [line] = [it for it in found if isinstance(it, Invalid)][:1]
    assert "save it as UTF-8" in line.detail


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        *((RUNS[0].decode().encode(name), Format.UTF_16) for name in ("utf-16", "utf-16-le", "utf-16-be")),
        *((RUNS[0].decode().encode(name), Format.UTF_16) for name in ("utf-32", "utf-32-le", "utf-32-be")),
        (b"\xfe\xff" + RUNS[0].decode().encode("utf-16-be"), Format.UTF_16),
        (BOM + RUNS[0], Format.PLAIN),
        (BOM + SegmentFile().lines[0], Format.SEGMENT),
        (bytes(9) + SegmentFile().lines[0], Format.SEGMENT),
        (bytes(9) + RUNS[0], Format.PLAIN),
        (bytes(9), Format.PLAIN),
        (b'{"torn": "be\0\0\0\0\n' + RUNS[0], Format.PLAIN),
        (bytes(range(256)) * 9, Format.OTHER),
        (b"", Format.UNKNOWN),
        (b'{"tcc_export":1}\n{"run_id":"r"}\n', Format.EXPORT),
        (BOM + b'{"tcc_export":1}\n', Format.EXPORT),
        (b'{\n "id": "0123456789abcdef0123456789abcdef",\n "reason": "refused"', Format.STATE),
        (b'{\n "action": "requeue",\n', Format.STATE),
        (b'{\n "watcher": "native",\n', Format.STATE),
        (b'{"format":1,"made_at":"2026', Format.STATE),
    ],
)
def test_what_a_file_is_is_told_from_its_first_bytes(data: bytes, expected: Format) -> None:
    """Its records are read if it has any; else it is named."""
    assert sniff(data, "f")[0] is expected


def test_a_segment_behind_nul_bytes_keeps_its_id() -> None:
    """Its first line is damage, but tells whose lines the others are."""
    segment = SegmentFile().run("r1")
    assert sniff(bytes(9) + segment.data, "f") == (Format.SEGMENT, segment.id)
