"""A segment older than TCC_SEGMENT_SECONDS is sealed before the next record, so that it can be carried away."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tcc_recorder as tcc
from support.clocks import Clock
from tcc_recorder.config import writer_config
from tcc_recorder.spool.system import System
from tcc_recorder.spool.writer import SpoolWriter
from tcc_schemas.lines import encode

AT = "2026-01-31T12:00:00.000Z"


def record(writer: SpoolWriter, ident: str) -> None:
    """Write one record."""
    assert writer.record([encode("run", ident, b"{}", at=AT, run_id=ident, path="/v1/custom")])


def test_a_segment_that_is_too_old_is_sealed_at_the_next_write(spool: Path, read: Callable[[Path], list[Any]]) -> None:
    """What was recorded in the hour before lies in a sealed segment, and the next record in a new one."""
    clock, system = Clock(), System()
    system.monotonic = clock
    writer = SpoolWriter(writer_config({}, {"TCC_SPOOL_DIR": str(spool), "TCC_SEGMENT_SECONDS": "3600"}), list, system)
    record(writer, "r1")
    clock.now = 3599.0
    record(writer, "r2")
    clock.now = 3600.0
    record(writer, "r3")
    first, second = sorted(read(spool), key=lambda it: it.records[0].id)
    assert [line.id for line in first.records] == ["r1", "r2"]
    assert first.seal["records"] == 2
    assert [line.id for line in second.records] == ["r3"]
    assert second.seal is None
    writer.close()


@pytest.mark.parametrize("value", ["0", "-1", "an hour", "nan"])
def test_an_age_that_is_none_is_logged_and_ignored(
    spool: Path,
    read: Callable[[Path], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    value: str,
) -> None:
    """A typo costs no record, and does not seal a segment for each."""
    monkeypatch.setenv("TCC_SEGMENT_SECONDS", value)
    for ident in ("r1", "r2"):
        tcc.run(ident).prompt("p").end()
    assert len(read(spool)) == 1
    assert "TCC_SEGMENT_SECONDS is ignored" in caplog.text
