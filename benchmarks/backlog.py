"""Starting with much to send: a server that wants another key, so that all is read and nothing is delivered."""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks import servers
from benchmarks.harness import Row, ratios, row
from benchmarks.uploading import uploaded, write_small_runs

_WRONG_KEY = 401
_OPERATOR_NEEDED = 77
_PER_SEGMENT = 1000


class _Start(NamedTuple):
    """Seconds from the process's start to its first request, seconds per record from there, bytes at its peak."""

    first_request: float
    per_record: float
    memory: int
    scandir: float


def rows(quick: bool) -> Iterator[Row]:
    """Measure few and many records, then many segments."""
    repetitions = 1 if quick else 5
    few, many, segments = (1_000, 10_000, 500) if quick else (100_000, 1_000_000, 100_000)
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "few"), Path(folder, "many")
        write_small_runs(small, few // _PER_SEGMENT, _PER_SEGMENT)
        write_small_runs(large, many // _PER_SEGMENT, _PER_SEGMENT)
        rounds = [(_started(small, few), _started(large, many)) for _ in range(repetitions)]
    starts = [after for _, after in rounds]
    what = f"start with {many:,} pending records of 1 KB"
    yield row(f"{what}: to the first request", [s.first_request for s in starts], unit="s", at_most=1)
    yield _memory(what, starts)
    growth = ratios([s.per_record for s in starts], [before.per_record for before, _ in rounds])
    yield row(f"{what}: time per record", growth, limit=f"with {few:,} records", at_most=1.3)

    with tempfile.TemporaryDirectory() as folder:
        spool = Path(folder)
        write_small_runs(spool, segments, 1)
        starts = [_started(spool, segments) for _ in range(repetitions)]
    what = f"start with {segments:,} segments of one record"
    firsts = [s.first_request for s in starts]
    yield row(f"{what}: to the first request", firsts, unit="s", at_most=5)
    yield row(f"{what}: to the first request", ratios(firsts, [s.scandir for s in starts]), limit="scandir of the same")
    yield _memory(what, starts)


def _memory(what: str, starts: list[_Start]) -> Row:
    return row(f"{what}: memory at its peak", [s.memory / 1e6 for s in starts], unit="MB", at_most=150)


def _started(spool: Path, records: int) -> _Start:
    scandir = _seconds_to_list(spool)
    with tempfile.TemporaryDirectory() as state, servers.holding(0, _WRONG_KEY) as server:
        ran = uploaded(server.url, Path(state), "replay", spool, exits=(_OPERATOR_NEEDED,))
        first = server.arrivals()[0] - ran.began
    return _Start(first, (ran.seconds - first) / records, ran.memory, scandir)


def _seconds_to_list(spool: Path) -> float:
    began = time.perf_counter()
    with os.scandir(spool) as entries:
        for entry in entries:
            entry.stat()
    return time.perf_counter() - began
