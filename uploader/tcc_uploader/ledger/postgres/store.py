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
from typing import Any, Final, Self
from uuid import UUID

from tcc_uploader.clock import Clock
from tcc_uploader.model.fate import NO_HINT, Counts, Known, Place
from tcc_uploader.model.ledger import Claimed, LedgerError, Lost, Unavailable
from tcc_uploader.model.rows import Changes, LetterFate, LetterRow, SegmentRow

from . import schema, statements
from .commits import commit_of
from .connection import Connection, Statement, run_together
from .letters import PostgresLetters
from .objects import SET_ASIDE, SharedQueue, clearing
from .rows import columns, letter_of, segment_of, uuids
from .texts import loaded, stored
from .worker import Worker

_Rows = list[tuple[Any, ...]]

_PRUNED_AT_ONCE: Final = 1_000
"""Segments that are pruned in one transaction: others wait for its locks."""


class PostgresLedger:
    """The open ledger: the methods without a docstring are those of :class:`tcc_uploader.model.ledger.Ledger`."""

    def __init__(self, connection: Connection, worker: Worker | None, clock: Clock) -> None:
        self._connection = connection
        self._worker = worker
        """None: it is open for reading, and for requests."""
        self.letter_store = PostgresLetters(connection)
        self.refused: Collection[int] = ()
        self._clock = clock
        self._queues: list[SharedQueue] = []
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
        return cls(connection, worker, clock)

    @classmethod
    @contextmanager
    def reading(cls, url: str, target: str) -> Iterator[Self]:
        """Yield the ledger, open for reading.  Raises :class:`Unavailable`, :class:`Unusable`."""
        with closing(Connection(url)) as connection:
            schema.check(connection, target)
            yield cls(connection, None, Clock())

    @property
    def _working(self) -> Worker:
        if self._worker is None:
            raise Unavailable("the shared ledger is open for reading only")
        return self._worker

    def keep(self) -> None:
        worker = self._working

        if worker.wants_renewal:
            self._connection.run(worker.renew)
        if self._released:
            self._together(self._release())
            self._released.clear()
        for queue in self._queues:
            queue.write()
        worker.check()

    def object_queue(self, place: str) -> SharedQueue:
        self._queues.append(SharedQueue(place, self._connection, self._working, self._clock))
        return self._queues[-1]

    def set_aside(self) -> dict[str, int]:
        return {loaded(uri): vanished for uri, vanished in self._rows(SET_ASIDE)}

    def close(self) -> None:
        with suppress(LedgerError):  # what it holds ends by itself, with its lease
            if self._worker is not None:
                for queue in self._queues:
                    queue.write()
                self._connection.run(self._worker.end)
        self._connection.close()

    def begin(self, segment_id: str) -> tuple[int, bool]:
        values = {"id": stored(segment_id), "fence": self._working.fence}
        *_, ((number, is_ours),) = self._together(
            *((text, values) for text in (statements.NUMBER, statements.HOLD, statements.HELD))
        )
        return number, bool(is_ours)

    def read_elsewhere(self) -> Collection[int]:
        return {number for (number,) in self._rows(statements.READ_NOW)}

    def number(self, segment_id: str) -> int:
        values = {"id": stored(segment_id), "fence": None}
        *_, ((number, _),) = self._together((statements.NUMBER, values), (statements.HELD, values))
        return int(number)

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

        is_alive = statements.IS_ALIVE, (worker.fence,)
        _, granted, ((alive,),), *known = self._together(
            self._release(), (statements.CLAIM, values), is_alive, *_questions(keys)
        )
        self._released.clear()
        if not alive:
            raise Lost("this uploader's claims on the shared ledger have ended: it stood still for too long")
        return Claimed(self._told(keys, *known), frozenset(wanted.keys() - {key.bytes for (key,) in granted}))

    def release(self, keys: Iterable[bytes]) -> None:
        self._released.update(keys)

    def delivered(self, keys: Iterable[bytes]) -> dict[bytes, list[Known]]:
        wanted = list(keys)
        return self._told(wanted, *self._together(*_questions(wanted))) if wanted else {}

    def _told(self, keys: Iterable[bytes], delivered: _Rows, lettered: _Rows) -> dict[bytes, list[Known]]:
        """Return what was delivered, from the answers to the :func:`_questions`; remember which keys have letters."""
        found = defaultdict(list)
        for key, digest, segment, line, hint in delivered:
            found[key.bytes].append(Known(digest, Place(segment, line), hint))
        self._asked, self._lettered = frozenset(keys), {key.bytes for (key,) in lettered}
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

    def keys(self) -> int:
        ((number,),) = self._rows(statements.KEYS)
        return int(number)

    def prune(self, numbers: Iterable[int]) -> None:
        wanted = sorted(numbers)
        for start in range(0, len(wanted), _PRUNED_AT_ONCE):
            some = wanted[start : start + _PRUNED_AT_ONCE]
            values = {"numbers": some, "least": some[0], "most": some[-1]}
            self._together(*((text, values) for text in statements.PRUNE))

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
        settled = changes.settled_in
        paths = [row.path for number, row in changes.segments.items() if row.finished or number in settled]
        cleared = [(queue, queue.cleared_by(paths)) for queue in self._queues]
        objects = clearing(sorted(number for _, numbers in cleared for number in numbers), worker.fence)
        ours, *_ = self._together(*commit_of(changes, bodies, worker.fence, turn), *objects)
        worker.committed = turn
        for queue, numbers in cleared:
            queue.clear(numbers)
        self.refused = {number for number, is_ours in ours if not is_ours}
        self._asked = frozenset()
        for row in changes.letters:
            bodies.pop(row.id, None)

    def _release(self) -> Statement:
        return statements.RELEASE, (uuids(self._released), self._working.fence)

    def _together(self, *texts: Statement) -> list[_Rows]:
        return self._connection.run(lambda opened: run_together(opened, *texts))

    def _rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._connection.run(lambda opened: opened.execute(statement, values).fetchall())


def _questions(keys: Iterable[bytes]) -> tuple[Statement, Statement]:
    """Return what asks what was delivered under these keys, and which of them have letters."""
    return (statements.DELIVERED, (uuids(keys),)), (statements.LETTERED, (uuids(keys),))
