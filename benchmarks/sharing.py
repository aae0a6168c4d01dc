"""One ledger for many machines: PostgreSQL on the same machine, beside SQLite."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from benchmarks import servers
from benchmarks.harness import Row, ratios, row, unmeasured
from benchmarks.uploading import Ran, uploaded, write_small_runs

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # the database is the one that tests start
from support.postgres import Postgres, running

DURABLE = ("fsync=on", "full_page_writes=on", "shared_buffers=128MB")
"""As it is installed: tests do without."""
_WRITTEN = "SELECT pg_current_wal_insert_lsn() - '0/0'"
_SIZE = "SELECT pg_total_relation_size('tcc.delivered')"


class _Round(NamedTuple):
    """One repetition: ``again`` is a fresh machine's replay of what was delivered, ``nothing`` its start alone."""

    sqlite: Ran
    shared: Ran
    again: Ran
    nothing: Ran
    bytes_per_key: float
    log_per_key: float


def rows(quick: bool) -> Iterator[Row]:
    """Deliver the same runs with either ledger in turns, then once more from a machine that is new."""
    runs, repetitions = (200, 1) if quick else (20_000, 5)
    what = f"replay of {runs:,} runs with a shared ledger"
    try:
        with tempfile.TemporaryDirectory() as place, running(*DURABLE) as postgres:
            spool, empty = Path(place, "spool"), Path(place, "empty")
            write_small_runs(spool, 4, runs // 4)
            empty.mkdir()
            rounds = [_round(postgres, spool, empty, runs) for _ in range(repetitions)]
    except pytest.skip.Exception:
        yield unmeasured(what, "PostgreSQL is not installed")
        return
    slower = ratios([each.sqlite.seconds for each in rounds], [each.shared.seconds for each in rounds])
    yield row(f"{what}: runs per second", slower, limit="with SQLite", at_least=0.9)
    processor = ratios([each.shared.processor for each in rounds], [each.sqlite.processor for each in rounds])
    yield row(f"{what}: processor time of the uploader", processor, limit="with SQLite", at_most=1.2)
    yield row("a start with a shared ledger and nothing to read", [each.nothing.seconds for each in rounds], unit="s")
    again = ratios([each.again.seconds for each in rounds], [each.nothing.seconds for each in rounds])
    yield row("a fresh machine replays a finished file", again, limit="a start with nothing to read", at_most=1.5)
    yield row("a key on disk, with its index", [each.bytes_per_key for each in rounds], unit="bytes", at_most=100)
    yield row("a key in the database's log", [each.log_per_key for each in rounds], unit="bytes", at_most=250)


def _round(postgres: Postgres, spool: Path, empty: Path, runs: int) -> _Round:
    database = postgres.new_database()
    settings = empty.with_name("shared.toml")
    settings.write_text(f'ledger = "{postgres.url(database)}"\ntarget = "here"\n')
    shared = ("--config", settings)

    def number(query: str) -> int:
        return int(postgres.run(query, database)[0][0])

    with servers.holding(0) as server:

        def replayed(source: Path, *options: str | Path) -> Ran:
            with tempfile.TemporaryDirectory() as state:
                return uploaded(server.url, Path(state), "replay", source, *options)

        sqlite = replayed(spool)
        size, written = number(_SIZE), number(_WRITTEN)
        first = replayed(spool, *shared)
        size, written = number(_SIZE) - size, number(_WRITTEN) - written
        again, nothing = replayed(spool, *shared), replayed(empty, *shared)
    return _Round(sqlite, first, again, nothing, size / runs, written / runs)
