"""The ledger in SQLite: which keys were delivered, which records are dead, and the counts of every segment.

Only the engine's thread writes.  The journal mode is DELETE, because SQLite before 3.51.3 can corrupt a WAL.  Every
commit is synced, so it survives a power loss.
"""

import contextlib
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self

from tcc_uploader.model.fate import COUNT_NAMES, Counts, Known, Place

from .quarantine import FILE_NAME, quarantine_ledger
from .rows import Changes, LetterFate, LetterRow, SegmentRow
from .schema import connect as _connect
from .schema import connect_reading as _connect_reading
from .store import Damaged, Lost, Unavailable

_LOOKUP_AT_ONCE: Final = 100
"""The most keys in one query."""

_INSERT_DELIVERED: Final = (
    "INSERT INTO delivered (key, hint, digest, segment, line) VALUES (?,?,?,?,?) "
    "ON CONFLICT (key, hint) DO UPDATE SET digest=excluded.digest "
    "WHERE segment=excluded.segment AND line=excluded.line"  # a key keeps the place of its first delivery
)
_SEGMENT_COLUMNS: Final = (
    *("number", "id", "path", "size", "finished"),
    *COUNT_NAMES,
    *("damaged", "torn", "refused", "sealed", "skipped", "last_commit"),
)
_SELECT_SEGMENTS: Final = f"SELECT {', '.join(_SEGMENT_COLUMNS)} FROM segments"  # noqa: S608 -- our own names
_INSERT_SEGMENT: Final = (
    f"INSERT INTO segments ({', '.join(_SEGMENT_COLUMNS)}) VALUES ({','.join('?' * len(_SEGMENT_COLUMNS))}) "  # noqa: S608
    f"ON CONFLICT (number) DO UPDATE SET {', '.join(f'{name}=excluded.{name}' for name in _SEGMENT_COLUMNS[2:])} "
    "WHERE excluded.size >= segments.size"  # or a row would shrink while its segment is read again
)
_ADJUST_SEGMENT: Final = f"UPDATE segments SET {', '.join(f'{name}={name}+?' for name in COUNT_NAMES)} WHERE number = ?"  # noqa: S608
_LAST_NUMBER: Final = (
    "SELECT max(n) FROM (SELECT coalesce(max(number), 0) AS n FROM segments UNION SELECT max(segment) FROM letters)"
)
_SELECT_LETTERS: Final = "SELECT id, key, digest, segment, line, fate, reason, hint FROM letters"
_INSERT_LETTER: Final = (
    "INSERT OR REPLACE INTO letters (id, key, digest, segment, line, fate, reason, hint) VALUES (?,?,?,?,?,?,?,?)"
)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn SQLite's errors into the ledger's errors."""
    try:
        yield
    except sqlite3.OperationalError as error:  # no room, no permission, a lock
        raise Unavailable(str(error)) from error
    except sqlite3.DatabaseError as error:
        raise Damaged(str(error)) from error


class Ledger:
    """The open ledger.  Its methods raise :class:`Unavailable` or :class:`Damaged` if the file can't be used."""

    def __init__(self, database: sqlite3.Connection, path: Path) -> None:
        self._database = database
        self._path = path
        status = path.stat() if path.exists() else None
        self._identity = (status.st_dev, status.st_ino) if status else None
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
        database = _connect(path)
        try:
            return cls(database, path)
        except BaseException:
            database.close()
            raise

    @classmethod
    @contextlib.contextmanager
    def reading(cls, state: Path) -> Iterator[Self]:
        """Yield the ledger, opened read-only while a daemon may write it; an empty ledger if there is no file yet.

        Raises :class:`Unavailable`, :class:`Damaged`, :class:`TooNew`.
        """
        path = state / FILE_NAME
        there = path.exists() and path.stat().st_size > 0  # an empty file is a ledger that is being created
        with _translated():
            try:
                database = _connect_reading(f"{path.as_uri()}?mode=ro" if there else ":memory:")
            except sqlite3.OperationalError:
                # a killed uploader left a journal: SQLite must roll it back first, and needs to write for this
                database = _connect_reading(f"{path.as_uri()}?mode=rw")
        try:
            yield cls(database, path)
        finally:
            database.close()

    def check(self) -> None:
        """Raise :class:`Lost` if the file was removed or replaced: later commits would be lost."""
        try:
            present = self._path.stat()
        except OSError as error:
            raise Lost(f"the ledger's file is gone: {error}") from error
        if (present.st_dev, present.st_ino) != self._identity:
            raise Lost("another file has replaced the ledger")

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @_translated()
    def number_of(self, segment_id: str) -> int:
        """Return the number of the segment with this id; a new number if the ledger does not know the id yet."""
        row = self._database.execute("SELECT number FROM segments WHERE id = ?", (segment_id,)).fetchone()
        return int(row["number"]) if row is not None else self.new_number(segment_id)

    def new_number(self, segment_id: str) -> int:
        """Return a number for a segment that the ledger does not hold; the same number until a commit writes it."""
        number = self._new_numbers.setdefault(segment_id, self._last_number + 1)
        self._last_number = max(self._last_number, number)
        return number

    @_translated()
    def delivered(self, keys: Iterable[bytes]) -> dict[bytes, list[Known]]:
        """Return those of ``keys`` that were delivered, each with what is known about it: one value for each hint."""
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
        """Return the keys that must be judged one by one, of records that each come with their key.

        The other records have no letter, and exactly their bytes were delivered from their place.
        """
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
        """Return the letters under a record's key."""
        return self._letters("key = ?", key) if self._has_letters else []

    def letter(self, ident: str) -> LetterRow | None:
        """Return the letter with this id; None if the ledger does not know it."""
        return next(iter(self._letters("id = ?", ident)), None)

    def letters_with(self, fate: LetterFate) -> list[LetterRow]:
        """Return all letters that have this fate."""
        return self._letters("fate = ?", fate)

    @_translated()
    def _letters(self, condition: str, value: str | bytes) -> list[LetterRow]:
        return list(map(_letter, self._database.execute(f"{_SELECT_LETTERS} WHERE {condition}", (value,))))

    @_translated()
    def settled_lines(self) -> dict[int, Counts]:
        """Return how many records of each segment were delivered, are dead, or were dropped; count keys and letters."""
        found: dict[int, Counts] = defaultdict(Counts)
        rows = self._database.execute(
            "SELECT segment, count(DISTINCT line) AS lines FROM delivered AS d WHERE NOT EXISTS "
            "(SELECT 1 FROM letters AS l WHERE l.segment = d.segment AND l.line = d.line) GROUP BY segment"
        )
        for row in rows:
            found[row["segment"]].delivered += row["lines"]
        rows = self._database.execute(
            "SELECT segment, sum(fate = 'delivered') AS delivered, sum(fate = 'dead') AS dead, "
            "sum(fate = 'dropped') AS dropped FROM letters GROUP BY segment"
        )
        for row in rows:
            found[row["segment"]] += Counts(delivered=row["delivered"], dead=row["dead"], dropped=row["dropped"])
        return found

    def segments(self) -> Iterator[SegmentRow]:
        """Yield the row of every segment, oldest first."""
        with _translated():
            yield from map(_segment, self._database.execute(f"{_SELECT_SEGMENTS} ORDER BY number"))

    @_translated()
    def segment(self, segment_id: str) -> SegmentRow | None:
        """Return the row of the segment with this id; None if there is none."""
        row = self._database.execute(f"{_SELECT_SEGMENTS} WHERE id = ?", (segment_id,)).fetchone()
        return _segment(row) if row else None

    @_translated()
    def commit(self, changes: Changes) -> None:
        """Write all of ``changes`` in one transaction, and sync them."""
        database = self._database
        database.execute("BEGIN IMMEDIATE")
        try:
            self._write(changes)
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
        self._has_letters = self._has_letters or bool(changes.letters)
        if len(changes.segments) > len(changes.delivered):
            database.execute("PRAGMA shrink_memory")  # mostly waiting segments: their pages are not needed soon
        for row in changes.segments.values():
            self._new_numbers.pop(row.id, None)

    def _write(self, changes: Changes) -> None:
        database = self._database
        database.executemany(
            _INSERT_DELIVERED, [(key, hint, known.digest, *known.place) for key, hint, known in changes.delivered]
        )
        database.executemany(
            _INSERT_LETTER,
            [(row.id, row.key, row.digest, *row.place, row.fate, row.reason, row.hint) for row in changes.letters],
        )
        written = {row.number for row in changes.segments.values() if database.execute(*_insert(row)).rowcount}
        adjustments = [(*counts.values(), number) for number, counts in changes.adjustments if number not in written]
        database.executemany(_ADJUST_SEGMENT, adjustments)  # a complete row already has them


def _insert(row: SegmentRow) -> tuple[str, Sequence[object]]:
    before = (row.number, row.id, row.path, row.size, row.finished)
    after = (row.damaged, row.torn, row.refused, row.sealed, row.skipped, row.last_commit)
    return _INSERT_SEGMENT, (*before, *row.counts.values(), *after)


def _letter(row: sqlite3.Row) -> LetterRow:
    place = Place(row["segment"], row["line"])
    return LetterRow(row["id"], row["key"], row["digest"], place, row["fate"], row["reason"], row["hint"])


def _segment(row: sqlite3.Row) -> SegmentRow:
    values: dict[str, Any] = {name: row[name] for name in _SEGMENT_COLUMNS}
    values |= {
        name: values[name] or 0 for name in (*COUNT_NAMES, "damaged", "torn", "refused", "skipped", "last_commit")
    }  # a flipped bit: NULL
    counts = Counts(*(values.pop(name) for name in COUNT_NAMES))
    return SegmentRow(**{**values, "finished": bool(values["finished"]), "counts": counts})
