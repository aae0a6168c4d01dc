"""Creating, locking and removing segments do not race."""

import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from support import children
from tcc_schemas.lines import Line
from tcc_uploader.delivery.host import Host
from tcc_uploader.delivery.intake import Intake
from tcc_uploader.files import DISK
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool import removal

# A new segment for each record, left without a seal as a killed process leaves it.  Both sides dawdle at the seams,
# so that the windows in which they could harm each other are open wide.
WRITER = """
import os, sys, time
import tcc_recorder.spool.segment as seams
from tcc_recorder.spool.system import SYSTEM
from tcc_recorder.config import writer_config
from tcc_recorder.spool.segment import Segment
from tcc_schemas.lines import encode

def dawdling(call):
    def slow(*args):
        time.sleep(0.0002)
        return call(*args)
    return slow

SYSTEM.write, SYSTEM.lock = dawdling(SYSTEM.write), dawdling(SYSTEM.lock)
seams._NAME_TRIES = 10_000  # a scanner that takes empty files at once, as no real one does, may win many times in a row
for number in range(int(sys.argv[2])):
    segment = Segment(0o600, writer_config({"spool_dir": sys.argv[1]}, {}))
    segment.append(encode("run", f"{segment.id}", b"{}", at="2026-01-31T12:00:00.123Z", path="/v1/custom"))
    print(segment.id, flush=True)
    segment.close()
"""
CREATIONS = 10_000
WRITERS = 2


def slow_unlink(path: str) -> None:
    """Dawdle between the last look at a file and its removal."""
    time.sleep(0.0002)
    DISK.remove(path)


def test_nothing_written_is_lost_to_a_removal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In 10,000 creations beside a scanner that removes whatever it can lock, no record goes with an unlinked file."""
    monkeypatch.setattr(removal, "ABANDONED_AFTER", 0.0)
    spool = tmp_path / "spool"
    spool.mkdir()
    command = [sys.executable, "-c", WRITER, str(spool), str(CREATIONS // WRITERS)]
    outputs = [tmp_path / f"out-{number}" for number in range(WRITERS)]
    writers = []
    for output in outputs:
        with output.open("w") as file:
            writers.append(children.start(command, stdout=file))
    ledger = SqliteLedger.open(tmp_path)
    intake = Intake(ledger, Sources([spool]), Host(disk=replace(DISK, remove=slow_unlink)), keep_for=0.0)
    read: set[str] = set()
    while any(writer.poll() is None for writer in writers) or list(spool.iterdir()):
        intake.scan()
        while not intake.idle:
            found = intake.read()
            if found is None:
                continue
            segment, lines = found
            read |= {line.id for line in lines if isinstance(line, Line)}
            segment.counts.delivered = segment.counts.records
        live = intake.live
        for start in range(0, len(live), removal.REMOVED_AT_ONCE):
            with intake.removing(live[start : start + removal.REMOVED_AT_ONCE]):
                pass
        intake.sweep()
    ledger.close()
    assert [writer.returncode for writer in writers] == [0] * WRITERS
    written = {line for output in outputs for line in output.read_text().split()}
    assert len(written) == CREATIONS
    assert written == read
