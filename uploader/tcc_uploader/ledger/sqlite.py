"""The ledger: which keys were delivered, which records lie dead, and the counts of every segment.  SQLite.

One connection writes, in the deciding thread.  The journal mode is DELETE (SQLite before 3.51.3 can corrupt a WAL),
and every commit is synced: what the ledger says was delivered stays said after a power loss.
"""

import contextlib
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Final, Self

from tcc_schemas.lines import Line
from tcc_uploader.model.fate import Counts, Decision, Known, Place, decide
from tcc_uploader.model.keys import digest_of, idempotency_token, invalid_key

from .quarantine import FILE_NAME, quarantine_ledger
from .rows import Changes, LetterFate, LetterRow, SegmentRow
from .schema import connect as _connect
from .schema import connect_reading as _connect_reading

_LOOKUP_AT_ONCE: Final = 100


_INSERT_DELIVERED: Final = (
    "INSERT INTO delivered VALUES (?,?,?,?) ON CONFLICT (key) DO UPDATE SET digest=excluded.digest "
    "WHERE segment=excluded.segment AND line=excluded.line"  # a key stays with the record that it was delivered by
)
_UPDATED: Final = (
    "path",
    "size",
    "finished",
    *(field.name for field in fields(Counts)),
    "damaged",
    "torn",
    "refused",
    "sealed",
)
_INSERT_SEGMENT: Final = (
    f"INSERT INTO segments VALUES ({','.join('?' * (len(_UPDATED) + 2))}) "  # noqa: S608 -- see above
    "ON CONFLICT (number) DO UPDATE SET "
    + ", ".join(f"{name}=excluded.{name}" for name in _UPDATED)
    + " WHERE excluded.size >= segments.size"  # a segment that is read again must not shrink on the way
)


class LedgerLostError(sqlite3.DatabaseError):
    """The ledger's file is not there any more, or another one is."""


class Ledger:
    """The open ledger.  Methods raise :class:`sqlite3.Error` where the disk or the file fails them."""

    def __init__(self, database: sqlite3.Connection, path: Path) -> None:
        self._database = database
        self._path = path
        status = path.stat() if path.exists() else None
        self._identity = (status.st_dev, status.st_ino) if status else None
        row = database.execute("SELECT coalesce(max(number), 0) FROM segments").fetchone()
        self._last_number: int = row[0]
        self._new_numbers: dict[str, int] = {}
        """Numbers of segments that no commit has written yet."""
        self._has_letters = database.execute("SELECT 1 FROM letters LIMIT 1").fetchone() is not None

    @classmethod
    def open(cls, state: Path) -> Self:
        """Open the ledger in the state directory for writing; create it, or bring it up to date.

        A corrupt one is moved aside and a new one started: that costs duplicates, never data.
        """
        path = state / FILE_NAME
        database = None
        try:
            database = _connect(path)
            return cls(database, path)
        except sqlite3.DatabaseError as error:
            if database is not None:
                database.close()
            if isinstance(error, sqlite3.OperationalError):
                raise  # no room, no permission: nothing says that the file is bad
            quarantine_ledger(state)
            return cls(_connect(path), path)

    @classmethod
    @contextlib.contextmanager
    def reading(cls, state: Path) -> Iterator[Self]:
        """Open the ledger read-only, beside a daemon that writes it; empty if there is none yet."""
        path = state / FILE_NAME
        there = path.exists() and path.stat().st_size > 0  # an empty file is a ledger that is just being made
        try:
            database = _connect_reading(f"{path.as_uri()}?mode=ro" if there else ":memory:")
        except sqlite3.OperationalError:
            # a journal that a killed uploader left must be rolled back first, which takes the right to write
            database = _connect_reading(f"{path.as_uri()}?mode=rw")
        try:
            yield cls(database, path)
        finally:
            database.close()

    def check(self) -> None:
        """Raise :class:`LedgerLostError` if the file was removed or replaced: commits to it would be lost."""
        try:
            present = self._path.stat()
        except OSError as error:
            raise LedgerLostError(f"the ledger has gone: {error}") from error
        if (present.st_dev, present.st_ino) != self._identity:
            raise LedgerLostError("another file has taken the ledger's place")

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def number_of(self, segment_id: str) -> int:
        """Return the number of a segment, a new one if it is not known yet."""
        row = self._database.execute("SELECT number FROM segments WHERE id = ?", (segment_id,)).fetchone()
        return int(row[0]) if row is not None else self.new_number(segment_id)

    def new_number(self, segment_id: str) -> int:
        """Return the number of a segment that was never written: a new one, or that which it was given before."""
        number = self._new_numbers.setdefault(segment_id, self._last_number + 1)
        self._last_number = max(self._last_number, number)
        return number

    def delivered(self, keys: Iterable[bytes]) -> dict[bytes, Known]:
        """Return what is known of those of ``keys`` that were delivered."""
        wanted = list(keys)
        found = {}
        for start in range(0, len(wanted), _LOOKUP_AT_ONCE):
            some = wanted[start : start + _LOOKUP_AT_ONCE]
            marks = ",".join("?" * len(some))
            rows = self._database.execute(
                f"SELECT key, digest, segment, line FROM delivered WHERE key IN ({marks})",  # noqa: S608 -- marks only
                some,
            )
            found.update({key: Known(digest, Place(segment, line)) for key, digest, segment, line in rows})
        return found

    def to_judge(self, segment: int, found: Sequence[tuple[Line, bytes]]) -> list[tuple[Line, bytes]]:
        """Return those of a segment's records, given with their keys, that :meth:`judge` is needed for.

        All others have no letter and were delivered from where they stand: of a spool that was delivered, none is left
        to be looked up one by one.
        """
        doubtful: set[bytes] = set()
        for start in range(0, len(found), _LOOKUP_AT_ONCE):
            some = [part for line, key in found[start : start + _LOOKUP_AT_ONCE] for part in (key, line.number)]
            marks = ",".join(["(?,?)"] * (len(some) // 2))
            rows = self._database.execute(
                f"WITH here (key, line) AS (VALUES {marks}) SELECT here.key FROM here "  # noqa: S608 -- marks only
                "LEFT JOIN delivered ON delivered.key = here.key "
                "WHERE delivered.line IS NOT here.line OR delivered.segment IS NOT ? "
                "OR EXISTS (SELECT 1 FROM letters WHERE letters.key = here.key)",
                (*some, segment),
            )
            doubtful.update(key for (key,) in rows)
        return [(line, key) for line, key in found if key in doubtful] if doubtful else []

    def letters(self, key: bytes) -> list[LetterRow]:
        """Return the letters under a record's key."""
        if not self._has_letters:
            return []
        rows = self._database.execute("SELECT * FROM letters WHERE key = ?", (key,))
        return [_letter(row) for row in rows]

    def judge(
        self, segment: int, line: Line, key: bytes, delivered: Known | None, in_flight: Known | None = None
    ) -> Decision:
        """Decide what to do with a record of a segment, given what was delivered or is in flight under its key."""
        letters = self.letters(key)
        if delivered is None and in_flight is None and not letters:
            return Decision.SEND
        place = Place(segment, line.number)
        if delivered is not None and delivered.place == place and not letters:
            return Decision.DELIVERED  # as decide() would say, without the hash of the whole body
        letter = next((row for row in letters if row.place == place), letters[0] if letters else None)
        return decide(
            place,
            digest_of(idempotency_token(line.kind, line.id, line.body)),
            delivered=delivered,
            in_flight=in_flight,
            letter=Known(letter.digest, letter.place) if letter else None,
            letter_fate=letter.fate if letter else "dead",
        )

    def judge_invalid(self, place: Place, raw: bytes) -> Decision:
        """Decide what a plain line that is no record comes to: SEND if it has no letter yet."""
        letters = self.letters(invalid_key(raw))
        fate = next((row.fate for row in letters if row.place == place), None)
        if fate is not None:
            return Decision(fate)
        return Decision.DUPLICATE if letters else Decision.SEND

    def letter(self, ident: str) -> LetterRow | None:
        """Return a letter by its id."""
        row = self._database.execute("SELECT * FROM letters WHERE id = ?", (ident,)).fetchone()
        return _letter(row) if row else None

    def letters_with(self, fate: LetterFate) -> list[LetterRow]:
        """Return the letters that met this fate."""
        return [_letter(row) for row in self._database.execute("SELECT * FROM letters WHERE fate = ?", (fate,))]

    def settled_lines(self) -> dict[int, Counts]:
        """Return, from the keys alone, how many records of each segment were delivered, are dead, or were dropped."""
        found: dict[int, Counts] = defaultdict(Counts)
        keys = self._database.execute(
            "SELECT segment, count(DISTINCT line) FROM delivered AS d WHERE NOT EXISTS "
            "(SELECT 1 FROM letters AS l WHERE l.segment = d.segment AND l.line = d.line) GROUP BY segment"
        )
        for number, lines in keys:
            found[number].delivered += lines
        for row in self._database.execute("SELECT * FROM letters"):
            letter = _letter(row)
            if letter.fate != "requeued":
                counts = found[letter.place.segment]
                setattr(counts, letter.fate, getattr(counts, letter.fate) + 1)
        return found

    def segments(self) -> Iterator[SegmentRow]:
        """Return every segment ever seen, oldest first."""
        return map(_segment, self._database.execute("SELECT * FROM segments ORDER BY number"))

    def segment(self, segment_id: str) -> SegmentRow | None:
        """Return what is known of one segment."""
        row = self._database.execute("SELECT * FROM segments WHERE id = ?", (segment_id,)).fetchone()
        return _segment(row) if row else None

    def commit(self, changes: Changes) -> None:
        """Write ``changes``, all or nothing, and sync them."""
        database = self._database
        database.execute("BEGIN IMMEDIATE")
        try:
            database.executemany(
                _INSERT_DELIVERED,
                [(key, digest, *place) for key, digest, place in changes.delivered],
            )
            database.executemany(
                "INSERT OR REPLACE INTO letters VALUES (?,?,?,?,?,?,?)",
                [(row.id, row.key, row.digest, *row.place, row.fate, row.reason) for row in changes.letters],
            )
            written = set()
            for row in changes.segments.values():
                if database.execute(_INSERT_SEGMENT, (*row[:5], *row.counts.values(), *row[6:])).rowcount:
                    written.add(row.number)
            for number, fate, by in changes.adjustments:
                if number not in written:  # else its row says so already
                    database.execute(f"UPDATE segments SET {fate} = {fate} + ? WHERE number = ?", (by, number))  # noqa: S608
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
        self._has_letters = self._has_letters or bool(changes.letters)
        if len(changes.segments) > len(changes.delivered):
            database.execute("PRAGMA shrink_memory")  # segments that wait: their pages are not wanted again soon
        for row in changes.segments.values():
            self._new_numbers.pop(row.id, None)


def _letter(row: tuple[str, bytes, int, int, int, LetterFate, str]) -> LetterRow:
    ident, key, digest, segment, line, fate, reason = row
    return LetterRow(ident, key, digest, Place(segment, line), fate, reason)


def _segment(row: tuple[int, str, str, int, int, int, int, int, int, int, int, int, int, int | None]) -> SegmentRow:
    number, ident, path, size, finished, *counts, damaged, torn, refused, sealed = row
    known = Counts(*(count or 0 for count in counts))
    return SegmentRow(number, ident, path, size, bool(finished), known, damaged or 0, torn or 0, refused or 0, sealed)
