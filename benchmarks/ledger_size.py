"""A ledger of many keys, beside one of few."""

import hashlib
import os
import random
import sqlite3
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.harness import Row, interleaved, ratios, row, seconds_of

from tcc_uploader.ledger.quarantine import FILE_NAME
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.model.fate import Known, Place
from tcc_uploader.model.rows import Changes

_AT_ONCE = 32
"""Keys of a lookup and of a commit: what a full flight of requests brings."""
_TIME = 6
"""Bytes that a key of the recorder's own ids begins with: its time."""
_SEGMENT = 1000
"""Records of a segment."""


def rows(quick: bool) -> Iterator[Row]:
    """Look up and insert by turns in both."""
    repetitions, times = (1, 5) if quick else (7, 200)
    few, many = (10_000, 100_000) if quick else (1_000_000, 10_000_000)
    with tempfile.TemporaryDirectory() as folder:
        small, large = _Full(Path(folder, "few"), few), _Full(Path(folder, "many"), many)
        found = interleaved(
            repetitions,
            {
                "lookup few": lambda _: small.lookup(times, small.together),
                "lookup many": lambda _: large.lookup(times, large.together),
                "anywhere few": lambda _: small.lookup(times, small.anywhere),
                "anywhere many": lambda _: large.lookup(times, large.anywhere),
                "insert few": lambda _: small.insert(times),
                "insert many": lambda _: large.insert(times),
            },
        )
        small.ledger.close()
        large.ledger.close()
    limit = f"{few:,} keys"
    yield row(f"{many:,} keys: bytes on disk per key", [large.bytes / many], unit="", at_most=45)
    for name, what in (
        ("lookup", f"lookup of {_AT_ONCE} that were made one after the other, half of them delivered"),
        ("anywhere", f"lookup of {_AT_ONCE} from anywhere, half of them delivered"),
        ("insert", f"insert of {_AT_ONCE}"),
    ):
        figures = ratios(found[f"{name} many"], found[f"{name} few"])
        yield row(f"{many:,} keys: {what}", figures, limit=limit, at_most=1.5)


class _Full:
    """A ledger with so many keys as the recorder's ids give: they begin with their time.  ``bytes`` is its size."""

    def __init__(self, state: Path, keys: int) -> None:
        state.mkdir()
        SqliteLedger.open(state).close()
        self._keys = 0
        database = sqlite3.connect(state / FILE_NAME, isolation_level=None)
        database.execute("PRAGMA synchronous=OFF")
        database.execute("BEGIN")
        found = (self._next() for _ in range(keys))
        rows = ((key, known.hint, known.digest, *known.place) for key, known in found)
        database.executemany("INSERT INTO delivered VALUES (?,?,?,?,?)", rows)
        database.execute("COMMIT")
        database.close()
        self.bytes = (state / FILE_NAME).stat().st_size
        self.ledger = SqliteLedger.open(state)

    def lookup(self, times: int, keys: Callable[[], list[bytes]]) -> float:
        """Return the median seconds of looking up what ``keys`` returns."""
        return statistics.median(seconds_of(self.ledger.delivered, [keys() for _ in range(times)]))

    def together(self) -> list[bytes]:
        """Return keys of one time, as a segment's records have them: half of them are there."""
        first = random.randrange(1, self._keys - _AT_ONCE)
        there = [_key(number) for number in range(first, first + _AT_ONCE // 2)]
        return [*there, *(key[:_TIME] + os.urandom(10) for key in there)]

    def anywhere(self) -> list[bytes]:
        """Return keys of any time, as ids that an agent makes up have them: half of them are there."""
        half = _AT_ONCE // 2
        return [*map(_key, random.choices(range(1, self._keys), k=half)), *(os.urandom(16) for _ in range(half))]

    def insert(self, times: int) -> float:
        """Return the median seconds of committing new keys."""
        changes = [Changes() for _ in range(times)]
        for change in changes:
            for _ in range(_AT_ONCE):
                key, known = self._next()
                change.delivered.put(key, known.hint, known)
        return statistics.median(seconds_of(self.ledger.commit, changes))

    def _next(self) -> tuple[bytes, Known]:
        self._keys += 1
        key = _key(self._keys)
        return key, Known(int.from_bytes(key[-6:]), Place(self._keys // _SEGMENT, self._keys % _SEGMENT))


def _key(number: int) -> bytes:
    time = number.to_bytes(_TIME)
    return time + hashlib.sha256(time).digest()[:10]
