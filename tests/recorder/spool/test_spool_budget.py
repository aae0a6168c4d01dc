import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

import tcc_recorder as tcc
from support.clocks import Clock
from tcc_recorder import records
from tcc_recorder.config import writer_config
from tcc_recorder.spool import budget
from tcc_recorder.spool.budget import Budget
from tcc_recorder.spool.writer import SpoolWriter
from tcc_schemas.lines import Line, decode, encode
from tcc_schemas.records import SegmentHeader
from tcc_schemas.splitter import RawLine


def test_over_budget_records_are_refused_counted_and_logged(
    spool: Path, read: Callable[[Path], list[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    """The spool never holds more than its maximum, of all processes; the seal says how many records were refused."""
    spool.mkdir()
    (spool / "of another process.jsonl").write_bytes(b"x" * 10_000)
    tcc.configure(max_bytes=20_000)
    for _ in range(30):
        tcc.run().prompt("p" * 1000).end()
    tcc.configure()
    (spool / "of another process.jsonl").unlink()
    (only,) = read(spool)
    assert 5 <= len(only.records) < 10
    assert only.seal["refused"] == 30 - len(only.records)
    assert len(caplog.records) == 1
    assert "tcc-upload" in caplog.text


def test_what_was_refused_with_no_segment_open_is_told_by_one(spool: Path, read: Callable[[Path], list[Any]]) -> None:
    """A process that could record nothing leaves a segment that says so."""
    tcc.configure(max_bytes=100)
    assert tcc.submit_feedback("r", "thumbs_up") is False
    tcc.configure()
    (only,) = read(spool)
    assert only.seal["refused"] == 1


def test_room_that_is_made_is_found_within_a_second(tmp_path: Path) -> None:
    """While records are refused the directory is measured once a second, and never per record."""
    clock, filler = Clock(), tmp_path / "filler"
    filler.write_bytes(b"x" * 1000)
    small = Budget(str(tmp_path), 1000, None, clock)
    with pytest.raises(OSError, match="maximum of 1,000 bytes"):
        small.take(1)
    filler.unlink()
    clock.now = 0.9
    with pytest.raises(OSError, match="maximum"):
        small.take(1)
    clock.now = 1.0
    small.take(1)


def test_a_line_that_is_refused_costs_no_smaller_one(tmp_path: Path) -> None:
    """A journal line that does not fit, or a large record, does not keep the next record out for a second."""
    small = Budget(str(tmp_path), 1000, None, Clock())
    with pytest.raises(OSError, match="maximum of 1,000 bytes"):
        small.take(1001)
    small.take(1000)


def test_a_journal_that_does_not_fit_costs_no_record(
    spool: Path, read: Callable[[Path], list[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    """A segment begins with the journal of open runs only as far as there is room beside its record; that is said."""
    at = "2026-01-31T12:00:00.000Z"
    large = encode("journal", "r0", b'"%b"' % (b"x" * 50_000), at=at, run_id="r0")
    given = {"spool_dir": str(spool), "max_bytes": 20_000, "journal": True}
    writer = SpoolWriter(writer_config(given, {}), lambda: [large])
    assert writer.record([encode("run", "r1", b"{}", at=at, run_id="r1", path="/v1/custom")])
    writer.close()
    (only,) = read(spool)
    assert [line.id for line in only.records] == ["r1"]
    assert only.seal["refused"] == 0
    assert "a journal line can't be written" in caplog.text


def test_the_directory_is_measured_every_4_mib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measurements cost nothing per record."""
    measured: list[str] = []
    monkeypatch.setattr(budget, "_bytes_in", lambda path: measured.append(path) or 0)
    large = Budget(str(tmp_path), 2**40, None)
    for _ in range(10 * 1024):
        large.take(1024)
    assert len(measured) == 3


@pytest.mark.parametrize(
    ("disk", "given", "floor"), [(2**40, None, 64 * 2**20), (2**20, None, 2**20 // 20), (2**40, 7, 7)]
)
def test_a_floor_of_disk_is_left_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: int, given: int | None, floor: int
) -> None:
    """Below 64 MiB of free disk, 5 % of a small one, or what TCC_SPOOL_MIN_FREE says, records are refused."""
    free = floor + 100
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((1, 1, disk, free, free, 0, 0, 0, 0, 255)))
    with pytest.raises(OSError, match=f"less than {floor:,} bytes.*--remove.*TCC_SPOOL_MIN_FREE"):
        Budget(str(tmp_path), 2**40, given).take(101)
    Budget(str(tmp_path), 2**40, given).take(100)


def test_the_floor_is_a_setting(spool: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """TCC_SPOOL_MIN_FREE is read; what is no number of bytes is said, and the default holds."""
    monkeypatch.setenv("TCC_SPOOL_MIN_FREE", str(2**60))
    tcc.configure()
    assert tcc.submit_feedback("r", "thumbs_up") is False
    assert "TCC_SPOOL_MIN_FREE" in caplog.text
    monkeypatch.setenv("TCC_SPOOL_MIN_FREE", "1 GiB")
    tcc.configure()
    assert tcc.submit_feedback("r", "thumbs_up") is True
    assert "TCC_SPOOL_MIN_FREE is ignored" in caplog.text
    assert list(spool.iterdir())


@pytest.mark.parametrize(("told", "floor"), [("", 64 * 2**20), ("7", 7), ("0", 0)])
def test_a_segment_tells_how_much_of_the_disk_stays_free(
    spool: Path, monkeypatch: pytest.MonkeyPatch, told: str, floor: int
) -> None:
    """The uploader must not keep delivered segments below the floor at which the recorder refuses."""
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((1, 1, 2**40, 2**39, 2**39, 0, 0, 0, 0, 255)))
    monkeypatch.setenv("TCC_SPOOL_MIN_FREE", told)
    tcc.configure(journal=True)  # the segment starts with a journal line, for which no room is measured
    tcc.run().prompt("p").end()
    (path,) = spool.iterdir()
    header = decode(RawLine(1, 0, 0, path.read_bytes().partition(b"\n")[0]))
    assert isinstance(header, Line)
    assert SegmentHeader.model_validate_json(header.body).room.min_free == floor


def test_a_record_that_no_reader_would_take_is_refused_counted_and_said(
    spool: Path, read: Callable[[Path], list[Any]], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line beyond MAX_LINE is damage to a reader: it is not written, and the next record is."""
    monkeypatch.setattr(budget, "MAX_LINE", 2000)
    tcc.run("long").prompt("p" * 2000).end()
    tcc.run("short").prompt("p").end()
    tcc.configure()
    (only,) = read(spool)
    assert [line.id for line in only.records] == ["short"]
    assert only.seal["refused"] == 1
    assert "2,000" in caplog.text


def test_a_child_that_is_too_long_costs_only_itself(
    spool: Path, read: Callable[[Path], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run and its other children are recorded, and the run says that one is missing."""
    for module in (budget, records):
        monkeypatch.setattr(module, "MAX_LINE", 2000)
    monkeypatch.setattr(records, "_LARGE", 1000)
    run = tcc.run("r").metadata(team="a").prompt("p")
    run.step("good").prompt("p").response("r").end()
    run.step("long").prompt("p" * 2000).response("r").end()
    run.end()
    tcc.configure()
    (only,) = read(spool)
    assert [line.id for line in only.records] == ["good", "r"]
    assert only.seal["refused"] == 1
    assert orjson.loads(only.records[-1].body)["metadata"] == {"team": "a", "tcc.refused_children": "1"}
