# ruff: noqa: D102 -- the Protocol describes the methods
"""The ledger in PostgreSQL, for many uploaders: see :class:`tcc_uploader.model.ledger.Ledger`.

What was delivered, and what is dead, are facts: any worker may write them at any time, and none is taken back.  The
counts of a segment are those of one reader, so they are written only while this worker holds the segment.

A record is claimed first and looked up then, by a second statement: whoever held its key before has committed by then,
and a statement sees what was committed before it began.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import Any, Final, Self
from uuid import UUID

import psycopg

from tcc_uploader.clock import Clock
from tcc_uploader.model.fate import NO_HINT, Counts, Known, Place
from tcc_uploader.model.ledger import Claimed, LedgerError, Unavailable
from tcc_uploader.model.rows import Changes, LetterFate, LetterRow, SegmentRow

from . import schema, statements
from .commits import write
from .connection import Connection, pipelined
from .letters import PostgresLetters
from .rows import columns, letter_of, segment_of, uuids
from .texts import stored
from .worker import Worker

_Cursor = psycopg.Cursor[tuple[Any, ...]]

_PRUNED_AT_ONCE: Final = 1_000
"""Segments that are pruned in one transaction: others wait for its locks."""


class PostgresLedger:
    """The open ledger: the methods without a docstring are those of :class:`tcc_uploader.model.ledger.Ledger`."""

    def __init__(self, connection: Connection, worker: Worker | None) -> None:
        self._connection = connection
        self._worker = worker
        """None: it is open for reading, and for requests."""
        self.letter_store = PostgresLetters(connection)
        self.refused: Collection[int] = ()
        self._released: set[bytes] = set()
        """Keys whose claims end with the next statement that is sent."""
        self._asked: frozenset[bytes] = frozenset()
        """The keys that were looked up last."""
        self._lettered: set[bytes] = set()
        """Those of them that have letters: there is no need to ask about the others one by one."""

    @classmethod
    def open(cls, url: str, target: str, clock: Clock | None = None) -> Self:
        """Open the ledger at a URL to deliver with it.  Raises :class:`Unavailable`, :class:`Unusable`."""
        clock = clock or Clock()
        worker = Worker(clock)
        connection = Connection(url, worker.greet, clock)
        try:
            schema.check(connection, target)
            connection.run(worker.begin)
        except LedgerError:
            connection.close()
            raise
        return cls(connection, worker)

    @classmethod
    @contextmanager
    def reading(cls, url: str, target: str) -> Iterator[Self]:
        """Yield the ledger, open for reading.  Raises :class:`Unavailable`, :class:`Unusable`."""
        with closing(Connection(url)) as connection:
            schema.check(connection, target)
            yield cls(connection, None)

    @property
    def _working(self) -> Worker:
        if self._worker is None:
            raise Unavailable("the shared ledger is open for reading only")
        return self._worker

    def keep(self) -> None:
        worker = self._working

        def renew(opened: psycopg.Connection) -> None:
            opened.execute(statements.RELEASE, (uuids(self._released), worker.fence))
            if worker.wants_renewal:
                worker.renew(opened)

        if self._released or worker.wants_renewal:
            self._connection.run(renew)
            self._released.clear()
        worker.check()

    def close(self) -> None:
        with suppress(LedgerError):  # what it holds ends by itself, with its lease
            if self._worker is not None:
                self._connection.run(self._worker.end)
        self._connection.close()

    def begin(self, segment_id: str) -> tuple[int, bool]:
        values = {"id": stored(segment_id), "fence": self._working.fence}

        def hold(opened: psycopg.Connection) -> tuple[int, bool]:
            with pipelined(opened):
                opened.execute(statements.NUMBER, values)
                opened.execute(statements.HOLD, values)
                held = opened.execute(statements.HELD, values)
            ((number, ours),) = held.fetchall()
            return number, bool(ours)

        return self._connection.run(hold)

    def claim(self, records: Sequence[tuple[bytes, Known]]) -> Claimed:
        worker = self._working
        worker.check()
        if not records:
            return Claimed({}, frozenset())
        wanted = dict(sorted(records, reverse=True))  # of two records with one key, the first one is claimed
        keys = sorted(wanted)
        values = {
            "fence": worker.fence,
            "keys": uuids(keys),
            "digests": [wanted[key].digest for key in keys],
            "segments": [wanted[key].place.segment for key in keys],
            "lines": [wanted[key].place.line for key in keys],
        }

        def take(opened: psycopg.Connection) -> Claimed:
            with pipelined(opened):
                opened.execute(statements.RELEASE, (uuids(self._released), worker.fence))
                granted = opened.execute(statements.CLAIM, values)
                known = self._ask(opened, keys)
            got = {key.bytes for (key,) in granted.fetchall()}
            return Claimed(self._told(keys, *known), frozenset(wanted.keys() - got))

        claimed = self._connection.run(take)
        self._released.clear()
        return claimed

    def release(self, keys: Iterable[bytes]) -> None:
        self._released.update(keys)

    def delivered(self, keys: Iterable[bytes]) -> dict[bytes, list[Known]]:
        wanted = list(keys)
        if not wanted:
            return {}

        def look(opened: psycopg.Connection) -> dict[bytes, list[Known]]:
            with pipelined(opened):
                known = self._ask(opened, wanted)
            return self._told(wanted, *known)

        return self._connection.run(look)

    def _ask(self, opened: psycopg.Connection, keys: Iterable[bytes]) -> tuple[_Cursor, _Cursor]:
        """Ask what was delivered under these keys, and which of them have letters."""
        values = (uuids(keys),)
        return opened.execute(statements.DELIVERED, values), opened.execute(statements.LETTERED, values)

    def _told(self, keys: Iterable[bytes], delivered: _Cursor, lettered: _Cursor) -> dict[bytes, list[Known]]:
        found = defaultdict(list)
        for key, digest, segment, line, hint in delivered.fetchall():
            found[key.bytes].append(Known(digest, Place(segment, line), hint))
        self._asked, self._lettered = frozenset(keys), {key.bytes for (key,) in lettered.fetchall()}
        return dict(found)

    def doubtful(self, records: Sequence[tuple[bytes, Known]]) -> set[bytes]:
        rows = [(UUID(bytes=key), known.hint, known.digest, *known.place) for key, known in records]
        return {key.bytes for (key,) in self._rows(statements.DOUBTFUL, columns(rows))} if rows else set()

    def letters(self, key: bytes) -> list[LetterRow]:
        return self._letters("key = %s", UUID(bytes=key))

    def letters_about(self, key: bytes, record: Known) -> list[LetterRow]:
        if key in self._asked and key not in self._lettered:
            return []
        same_hint = "" if record.hint == NO_HINT else f"AND hint IN ({record.hint:d}, {NO_HINT:d})"
        uuid = UUID(bytes=key)
        return [
            *self._letters("key = %s AND digest = %s", uuid, record.digest),
            *self._letters(f"key = %s AND digest <> %s {same_hint} LIMIT 1", uuid, record.digest),
        ]

    def letter(self, ident: str) -> LetterRow | None:
        return next(iter(self._letters("id = %s", stored(ident))), None)

    def letters_with(self, fate: LetterFate) -> list[LetterRow]:
        return self._letters("fate = %s", fate)

    def _letters(self, condition: str, *values: object) -> list[LetterRow]:
        return [letter_of(*row) for row in self._rows(f"{statements.LETTERS} WHERE {condition}", values)]

    def settled_lines(self) -> dict[int, Counts]:
        found: dict[int, Counts] = defaultdict(Counts)
        for segment, fate, lines in self._rows(statements.SETTLED_LINES):
            found[segment] += Counts(**{fate: lines})
        return found

    def contested_lines(self) -> dict[int, int]:
        return dict(self._rows(statements.CONTESTED_LINES))

    def segments(self) -> Iterator[SegmentRow]:
        return map(segment_of, self._rows(f"{statements.SEGMENTS} ORDER BY number"))

    def segment(self, segment_id: str) -> SegmentRow | None:
        rows = self._rows(f"{statements.SEGMENTS} AND id = %s", (stored(segment_id),))
        return segment_of(rows[0]) if rows else None

    def size(self) -> int:
        ((size,),) = self._rows(statements.SIZE)
        return int(size)

    def prune(self, numbers: Iterable[int]) -> None:
        wanted = sorted(numbers)

        def delete(some: list[int], opened: psycopg.Connection) -> None:
            with opened.transaction():
                idle = [number for (number,) in opened.execute(statements.IDLE, (some,)).fetchall()]
                for statement in statements.PRUNE if idle else ():
                    opened.execute(statement, {"numbers": idle, "least": idle[0], "most": idle[-1]})

        for start in range(0, len(wanted), _PRUNED_AT_ONCE):
            self._connection.run(partial(delete, wanted[start : start + _PRUNED_AT_ONCE]))

    def forget(self, numbers: Iterable[int]) -> None:
        values = (list(numbers),)
        self._connection.run(lambda opened: opened.execute(statements.FORGET, values))

    def compact(self) -> None:
        pass  # autovacuum gives room back

    def commit(self, changes: Changes) -> None:
        worker = self._working
        self.refused = ()
        if not changes:
            return
        turn = worker.committed + 1
        bodies = self.letter_store.unwritten
        self.refused = self._connection.run(lambda opened: write(opened, changes, bodies, worker.fence, turn))
        worker.committed = turn
        self._asked = frozenset()
        for row in changes.letters:
            bodies.pop(row.id, None)

    def _rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._connection.run(lambda opened: opened.execute(statement, values).fetchall())
