"""No file holds up the others: large ones are hashed between them, and a turn reads no longer than it may."""

import os
from dataclasses import replace
from pathlib import Path

import orjson

from support.faults import SegmentFile, run_item
from support.rigging import Rig
from tcc_uploader.delivery.engine import Limits
from tcc_uploader.files import CHUNK, DISK
from tcc_uploader.spool.reader import identify_in_steps


def large(path: Path) -> Path:
    """Write a plain file of which most is a hole."""
    path.write_bytes(orjson.dumps(run_item(path.stem)) + b"\n")
    with path.open("r+b") as file:
        file.truncate(40 * CHUNK)
    return path


def test_a_plain_file_is_hashed_in_steps(tmp_path: Path) -> None:
    """Each step reads one chunk of it."""
    assert len([step for step in identify_in_steps(large(tmp_path / "a.jsonl"), DISK) if step is None]) == 40


def test_large_plain_files_wait_for_the_others(rig: Rig) -> None:
    """Segments behind two large plain files are sent first, one of the large is open at a time, and all arrive."""
    for name in ("0.jsonl", "1.jsonl"):
        large(rig.spool / name)
    for number in range(5):
        SegmentFile().run(f"r{number}").write(rig.spool, f"z{number}.jsonl")
    rig.once()
    sent = [ident for ids in rig.server.ids for ident in ids]
    assert sent == ["r0", "r1", "r2", "r3", "r4", "0", "1"]


def test_a_turn_ends_when_it_has_read_long_enough(rig: Rig) -> None:
    """A clock that moves by a second with each file leaves one file to a turn; without that, a turn takes all."""
    for number in range(6):
        SegmentFile().write(rig.spool, f"{number}.jsonl")
    assert turns_of(rig, Limits(turn=0.5)) > turns_of(rig, Limits(turn=1000.0)) + 4


def turns_of(rig: Rig, limits: Limits) -> int:
    """Return how many turns a daemon takes until it has read everything, if each file takes a second."""
    turns = 0

    def count(engine: object) -> bool:
        nonlocal turns
        turns += 1
        return rig.engine is not None and rig.engine.intake.scans > 0 and rig.engine.intake.idle

    def status(descriptor: int) -> os.stat_result:
        rig.time.now += 1
        return os.fstat(descriptor)

    rig.disk = replace(DISK, status=status)
    rig.daemon(count, removes=False, limits=limits)
    return turns
