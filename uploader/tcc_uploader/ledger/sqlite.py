# ruff: noqa: D102 -- the Protocol describes the methods
"""The ledger in SQLite, for one uploader: see :class:`tcc_uploader.model.ledger.Ledger`.

The lock of its folder keeps other uploaders out, so every claim is granted.  Only the engine's thread writes.

The journal mode is DELETE: SQLite before 3.51.3 can corrupt a WAL.  Every commit is synced, to survive a power loss.
"""

import contextlib
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final, Self

from tcc_uploader.files import identity_of, size_of
from tcc_uploader.model.fate import COUNT_NAMES, NO_HINT, Counts, Known, Place
from tcc_uploader.model.ledger import Claimed, Damaged, Lost, Unavailable
from tcc_uploader.model.rows import Adjustment, Changes, LetterFate, LetterRow, SegmentRow

from . import upkeep
from .quarantine import FILE_NAME, quarantine_ledger
from .rows import SEGMENT_COLUMNS, letter_of, segment_of, values_of
from .schema import connect as _connect
from .schema import connect_reading as _connect_reading

_LOOKUP_AT_ONCE: Final = 100
"""The most keys in one query."""

_INSERT_DELIVERED: Final = (
    "INSERT INTO delivered (key, hint, digest, segment, line) VALUES (?,?,?,?,?) "
    "ON CONFLICT (key, hint) DO NOTHING"  # what else was delivered under this key has the row of a letter
)
_SELECT_SEGMENTS: Final = f"SELECT {', '.join(SEGMENT_COLUMNS)} FROM segments"  # noqa: S608 -- our own names
_INSERT_SEGMENT: Final = (
    f"INSERT INTO segments ({', '.join(SEGMENT_COLUMNS)}) VALUES ({','.join('?' * len(SEGMENT_COLUMNS))}) "  # noqa: S608
    f"ON CONFLICT (number) DO UPDATE SET {', '.join(f'{name}=excluded.{name}' for name in SEGMENT_COLUMNS[2:])} "
    # or a row would shrink while its segment is read again; but a writer may take back a torn tail
    "WHERE excluded.size >= segments.size - segments.torn"
)
_ADJUST_SEGMENT: Final = f"UPDATE segments SET {', '.join(f'{name}={name}+?' for name in COUNT_NAMES)} WHERE number = ?"  # noqa: S608
_LAST_NUMBER: Final = (
    "SELECT max(n) FROM (SELECT coalesce(max(number), 0) AS n FROM segments UNION SELECT max(segment) FROM letters)"
)
_SELECT_LETTERS: Final = "SELECT id, key, digest, segment, line, fate, reason, hint FROM letters"
_INSERT_LETTER: Final = (
    "INSERT OR REPLACE INTO letters (id, key, digest, segment, line, fate, reason, hint) VALUES (?,?,?,?,?,?,?,?)"
)
_OTHER: Final = "k.key = l.key AND k.digest <> l.digest AND (k.hint = l.hint OR -1 IN (k.hint, l.hint))"
_COUNT_CONTESTED: Final = (
    "WITH contested (key) AS MATERIALIZED (SELECT key FROM letters AS l "  # noqa: S608 -- our own text
    f"WHERE reason = 'conflict' OR EXISTS (SELECT 1 FROM delivered AS k WHERE {_OTHER}) "
    f"OR EXISTS (SELECT 1 FROM letters AS k WHERE {_OTHER})) "
    "SELECT segment, count(*) FROM (SELECT segment, line FROM delivered WHERE key IN contested "
    "UNION SELECT segment, line FROM letters WHERE key IN contested) GROUP BY segment"
)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn SQLite's errors into the ledger's errors."""
    try:
        yield
    except sqlite3.OperationalError as error:  # no room, no permission, a lock; or somebody has emptied the file
        raise (Damaged if str(error).startswith("no such table") else Unavailable)(str(error)) from error
    except sqlite3.DatabaseError as error:
        raise Damaged(str(error)) from error


class SqliteLedger:
    """The open ledger: the methods without a docstring are those of :class:`tcc_uploader.model.ledger.Ledger`."""

    letter_store, refused = None, ()

    def __init__(self, database: sqlite3.Connection, path: Path) -> None:
        self._database = database
        self._path = path
        self._identity = identity_of(path.stat()) if path.exists() else None
        self._last_number: int = database.execute(_LAST_NUMBER).fetchone()[0]
        self._new_numbers: dict[str, int] = {}
        """By id: the numbers of segments that no commit has written yet."""
        self._has_letters = database.execute("SELECT 1 FROM letters LIMIT 1").fetchone() is not None

    @classmethod
    def open(cls, state: Path) -> Self:
        """Open the ledger in the state directory for writing; create it, or migrate it to this version.

        A damaged ledger is quarantined and a new one created: records may be sent again, but none is lost.
        Raises :class:`Unavailable`, :class:`TooNew`; OSError if a damaged ledger can't be renamed.
        """
        path = state / FILE_NAME
        try:
            return cls._open(path)
        except Damaged:
            quarantine_ledger(state)
            return cls._open(path)

    @classmethod
    @_translated()
    def _open(cls, path: Path) -> Self:
        with contextlib.ExitStack() as until_here:
            made = cls(until_here.enter_context(contextlib.closing(_connect(path))), path)
            until_here.pop_all()
            return made

    @classmethod
    @contextlib.contextmanager
    def reading(cls, state: Path | None) -> Iterator[Self]:
        """Yield the ledger, opened read-only while a daemon may write it; an empty one if there is no file or state.

        Raises :class:`Unavailable`, :class:`Damaged`, :class:`TooNew`.
        """
        path = state / FILE_NAME if state else Path("/dev/null")
        there = path.exists() and path.stat().st_size > 0  # an empty file may be a ledger that is being created
        with _translated():
            try:
                database = _connect_reading(f"{path.as_uri()}?mode=ro" if there else ":memory:")
            except sqlite3.OperationalError:
                # a killed uploader left a journal: SQLite must roll it back first, and needs to write for this
                database = _connect_reading(f"{path.as_uri()}?mode=rw")
        with contextlib.closing(database):
            with _translated():
                ledger = cls(database, path)
            yield ledger

    def keep(self) -> None:
        try:
            present = identity_of(self._path.stat())
        except OSError as error:
            raise Lost(f"the ledger's file is gone: {error}") from error
        if present != self._identity:
            raise Lost("another file has replaced the ledger")  # later commits would be lost

    def close(self) -> None:
        self._database.close()

    def size(self) -> int:
        return size_of(self._path)

    def object_queue(self, place: str) -> None:  # noqa: ARG002 -- the Protocol's
        return None

    def set_aside(self) -> dict[str, int]:
        return {}

    def begin(self, segment_id: str) -> tuple[int, bool]:
        if (row := self.segment(segment_id)) is not None:
            return row.number, True
        number = self._new_numbers.setdefault(segment_id, self._last_number + 1)
        self._last_number = max(self._last_number, number)
        return number, True

    def read_elsewhere(self) -> Collection[int]:
        return ()

    def number(self, segment_id: str) -> int:
        return self.begin(segment_id)[0]

    def claim(self, records: Sequence[tuple[bytes, Known]]) -> Claimed:
        return Claimed(self.delivered(key for key, _ in records), frozenset())

    def release(self, keys: Iterable[bytes]) -> None:
        pass

    @_translated()
    def delivered(self, keys: Iterable[bytes]) -> dict[bytes, list[Known]]:
        wanted = list(keys)
        found = defaultdict(list)
        for start in range(0, len(wanted), _LOOKUP_AT_ONCE):
            some = wanted[start : start + _LOOKUP_AT_ONCE]
            marks = ",".join("?" * len(some))
            rows = self._database.execute(
                f"SELECT key, digest, segment, line, hint FROM delivered WHERE key IN ({marks})",  # noqa: S608 -- marks only
                some,
            )
            for key, digest, segment, line, hint in rows:
                found[key].append(Known(digest, Place(segment, line), hint))
        return found

    @_translated()
    def doubtful(self, records: Sequence[tuple[bytes, Known]]) -> set[bytes]:
        doubtful: set[bytes] = set()
        for start in range(0, len(records), _LOOKUP_AT_ONCE):
            some = records[start : start + _LOOKUP_AT_ONCE]
            marks = ",".join(["(?,?,?,?,?)"] * len(some))
            rows = self._database.execute(
                f"WITH here (key, hint, digest, segment, line) AS (VALUES {marks}) "  # noqa: S608 -- marks only
                "SELECT here.key FROM here LEFT JOIN delivered USING (key, hint, digest, segment, line) "
                "WHERE delivered.key IS NULL OR EXISTS (SELECT 1 FROM letters WHERE letters.key = here.key)",
                [part for key, known in some for part in (key, known.hint, known.digest, *known.place)],
            )
            doubtful.update(key for (key,) in rows)
        return doubtful

    def letters(self, key: bytes) -> list[LetterRow]:
        return self._letters("key = ?", key) if self._has_letters else []

    def letters_about(self, key: bytes, record: Known) -> list[LetterRow]:
        if not self._has_letters:
            return []
        same_hint = "" if record.hint == NO_HINT else f"AND hint IN ({record.hint:d}, {NO_HINT:d})"
        return [
            *self._letters("key = ? AND digest = ?", key, record.digest),
            *self._letters(f"key = ? AND digest <> ? {same_hint} LIMIT 1", key, record.digest),
        ]

    def letter(self, ident: str) -> LetterRow | None:
        return next(iter(self._letters("id = ?", ident)), None)

    def letters_with(self, fate: LetterFate) -> list[LetterRow]:
        return self._letters("fate = ?", fate)

    @_translated()
    def _letters(self, condition: str, *values: str | bytes | int) -> list[LetterRow]:
        return list(map(letter_of, self._database.execute(f"{_SELECT_LETTERS} WHERE {condition}", values)))

    @_translated()
    def settled_lines(self) -> dict[int, Counts]:
        found: dict[int, Counts] = defaultdict(Counts)
        rows = self._database.execute(
            "SELECT segment, 'delivered' AS fate, count(DISTINCT line) AS lines FROM delivered AS d WHERE NOT EXISTS "
            "(SELECT 1 FROM letters AS l WHERE l.segment = d.segment AND l.line = d.line) GROUP BY segment UNION ALL "
            "SELECT segment, fate, count(DISTINCT line) FROM letters WHERE fate IN ('delivered', 'dead', 'dropped') "
            "GROUP BY segment, fate"
        )
        for row in rows:
            found[row["segment"]] += Counts(**{row["fate"]: row["lines"]})
        return found

    @_translated()
    def contested_lines(self) -> dict[int, int]:
        return dict(map(tuple, self._database.execute(_COUNT_CONTESTED)))

    @_translated()
    def prune(self, numbers: Iterable[int]) -> None:
        upkeep.prune(self._database, numbers)

    @_translated()
    def forget(self, numbers: Iterable[int]) -> None:
        upkeep.forget(self._database, numbers)

    @_translated()
    def compact(self) -> None:
        upkeep.compact(self._database)

    @_translated()
    def keys(self) -> int:
        return upkeep.count_keys(self._database)

    def segments(self) -> Iterator[SegmentRow]:
        with _translated():
            yield from map(segment_of, self._database.execute(f"{_SELECT_SEGMENTS} ORDER BY number"))

    @_translated()
    def segment(self, segment_id: str) -> SegmentRow | None:
        row = self._database.execute(f"{_SELECT_SEGMENTS} WHERE id = ?", (segment_id,)).fetchone()
        return segment_of(row) if row else None

    @_translated()
    def commit(self, changes: Changes) -> None:
        database = self._database
        with database:  # commits at the end, or rolls back
            database.execute("BEGIN IMMEDIATE")
            delivered = [(key, hint, known.digest, *known.place) for key, hint, known in changes.delivered]
            database.executemany(_INSERT_DELIVERED, delivered)
            adjustments = self._not_made(changes.adjustments)  # asked before the letters get their new fates
            letters = [(*row[:3], *row.place, row.fate, row.reason, row.hint) for row in changes.letters]
            database.executemany(_INSERT_LETTER, letters)
            segments = changes.segments.values()
            written = {row.number for row in segments if database.execute(_INSERT_SEGMENT, values_of(row)).rowcount}
            for adjustment in adjustments:
                if adjustment.segment not in written:  # a complete row already has them
                    database.execute(_ADJUST_SEGMENT, (*adjustment.counts.values(), adjustment.segment))
        self._has_letters = self._has_letters or bool(changes.letters)
        if len(changes.segments) > len(changes.delivered):
            database.execute("PRAGMA shrink_memory")  # mostly waiting segments: their pages are not needed soon
        for row in segments:
            self._new_numbers.pop(row.id, None)

    def _not_made(self, adjustments: Iterable[Adjustment]) -> list[Adjustment]:
        """Leave out what an earlier try of this commit made, that ended with an error only afterwards.

        That is what led to the fate which a letter has now: an addition must not be made twice.
        """
        not_made: dict[str, list[Adjustment]] = defaultdict(list)
        for adjustment in adjustments:
            row = self.letter(adjustment.letter)
            if row is not None and row.fate == adjustment.fate:
                not_made[row.id].clear()
            else:
                not_made[adjustment.letter].append(adjustment)
        return list(chain.from_iterable(not_made.values()))
