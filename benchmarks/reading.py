"""Reading what was delivered before: replay under new file names, and verify."""

import os
import tempfile
import time
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from unittest import mock

from benchmarks import servers
from benchmarks.harness import Row, interleaved, ratios, row
from benchmarks.uploading import record_runs, uploaded

_CHUNK = 1024 * 1024


def rows(quick: bool) -> Iterator[Row]:
    """Deliver a spool; then read it by turns.  What a process takes to start and find nothing is subtracted."""
    repetitions, runs = (1, 100) if quick else (5, 20_000)
    with tempfile.TemporaryDirectory() as folder, servers.holding(0) as server:
        spool, empty, state = Path(folder, "spool"), Path(folder, "empty"), Path(folder, "state")
        empty.mkdir()
        # runs of this key: records of another would wait for it
        with mock.patch.dict(os.environ, {"TCC_API_KEY": "benchmark"}):
            record_runs(spool, runs)
        run = partial(_seconds, server.url, state)
        run("replay", spool)
        delivered = len(server.arrivals())
        renamed = under_new_names(spool, Path(folder, "renamed"))
        nothing = Path(folder, "no state")
        found = interleaved(
            repetitions,
            {
                "limit": lambda _: read_and_sum(spool),
                "replay": lambda _: run("replay", renamed) - run("replay", empty),
                "verify": lambda _: run("verify", spool) - _seconds(server.url, nothing, "verify", empty),
            },
        )
        assert (delivered, server.arrivals()) == (runs, []), "what was delivered must not be sent again"
    limit = "reading and crc of the same bytes"
    size = f"{runs:,} standard runs"
    yield row(f"{limit}, {size}", found["limit"], unit="s")
    for command, what in (
        ("replay", "replay of the same, delivered before, under new file names"),
        ("verify", "verify"),
    ):
        yield row(f"{what}, start of the process aside", ratios(found[command], found["limit"]), limit=limit, at_most=3)


def under_new_names(spool: Path, renamed: Path) -> Path:
    """Give the files of a spool other names in another folder; return that."""
    renamed.mkdir()
    for number, file in enumerate(sorted(spool.glob("*.jsonl"))):
        os.link(file, renamed / f"copy-{number}.jsonl")
    return renamed


def read_and_sum(spool: Path) -> float:
    """Return how many seconds reading a spool's files takes, with a CRC of their bytes."""
    began = time.perf_counter()
    for path in spool.glob("*.jsonl"):
        with path.open("rb", buffering=0) as file:
            crc = 0
            while chunk := file.read(_CHUNK):
                crc = zlib.crc32(chunk, crc)
    return time.perf_counter() - began


def _seconds(url: str, state: Path, command: str, path: Path) -> float:
    return uploaded(url, state, command, path).seconds
