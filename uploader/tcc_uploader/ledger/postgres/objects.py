"""The queue of objects that the workers of a shared ledger share.  Of them, one reads each object.

A worker that vanishes may have been killed by what it read: then the object is a suspect, and is read alone, so that no
other gets under suspicion with it.  That ends with the first commit from it; if too many vanish, it is set aside.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from tcc_uploader.clock import Clock
from tcc_uploader.files import file_name
from tcc_uploader.model.object_queue import AT_ONCE, Retries
from tcc_uploader.model.objects import ObjectRef

from .connection import Connection, Statement, run_together
from .rows import columns
from .texts import loaded, stored
from .worker import ALIVE, Worker

ATTEMPTS: Final = 5
"""How many workers may vanish with an object in hand before it is set aside."""
_ALONE_FOR: Final = 5.0
"""Seconds for which a suspect waits for what else is in hand, and others for the suspect: a pause may take hours."""

_NOTE: Final = (
    "INSERT INTO tcc.object (uri, etag, size) SELECT v.* FROM unnest(%s::text[], %s::text[], %s::int8[]) "
    "AS v (uri, etag, size) "  # only what is missing: a conflict costs a number
    "WHERE NOT EXISTS (SELECT FROM tcc.object AS o WHERE o.uri = v.uri AND o.etag = v.etag) ON CONFLICT DO NOTHING"
)
_FREE: Final = (
    "FROM tcc.object AS o WHERE NOT o.finished AND o.attempt BETWEEN %(least)s AND %(most)s "
    "AND (o.uri = %(place)s OR starts_with(o.uri, %(folder)s)) AND o.number <> ALL(%(not_now)s::int8[]) "
    # what is held by this fence, and not known to be in hand, was taken by a statement whose answer got lost
    f"AND (o.holder = %(fence)s OR NOT {ALIVE.format('o.holder')})"
)
_TAKE: Final = (
    f"WITH t AS MATERIALIZED (SELECT o.number {_FREE} AND {ALIVE.format('%(fence)s')} "  # noqa: S608 -- our own text
    "ORDER BY o.number LIMIT %(limit)s FOR UPDATE OF o SKIP LOCKED) "
    "UPDATE tcc.object AS o SET holder = %(fence)s, attempt = o.attempt + 1 FROM t "
    "WHERE o.number = t.number AND NOT o.finished RETURNING o.number, o.uri, o.etag, o.size"
)
_ARE_THERE: Final = f"SELECT EXISTS (SELECT {_FREE})"
_FINISH: Final = "UPDATE tcc.object SET finished = true, holder = NULL WHERE number = ANY(%s::int8[]) AND NOT finished"
_GIVE_BACK: Final = (
    "UPDATE tcc.object SET holder = NULL, attempt = greatest(attempt - 1, 0) "
    "WHERE number = ANY(%s::int8[]) AND holder = %s"
)
_CLEAR: Final = "UPDATE tcc.object SET attempt = 0 WHERE number = ANY(%s::int8[]) AND holder = %s"
SET_ASIDE: Final = (
    f"SELECT uri, attempt FROM tcc.object WHERE NOT finished AND attempt > {ATTEMPTS} "  # noqa: S608
    f"AND NOT {ALIVE.format('holder')} ORDER BY number"
)
"""Which objects are set aside, and how many workers vanished with each."""
_NEW, _SUSPECT = (0, 0), (1, ATTEMPTS)
"""Numbers of attempts."""


class SharedQueue:
    """The queue of one worker and one place: see :class:`tcc_uploader.model.object_queue.ObjectQueue`.

    What is finished or given back is written with the next call that asks the database, a second later at most.
    """

    def __init__(self, place: str, connection: Connection, worker: Worker, clock: Clock) -> None:
        self._place = stored(place)
        self._connection, self._worker, self._clock = connection, worker, clock
        self._hand: dict[ObjectRef, int] = {}
        """What was taken, each with its number."""
        self._uncleared: dict[int, str] = {}
        """Those of which nothing was settled yet: their names as paths."""
        self._again: Retries[int] = Retries(clock.monotonic)
        self._finished: list[int] = []
        self._given_back: list[int] = []
        self._waits_until: float | None = None
        """Until when nothing is taken before the hand is empty, for the sake of a suspect."""

    def note(self, listed: Sequence[ObjectRef]) -> None:
        """Take in a page of the listing.  Raises :class:`LedgerError`, as all that asks the database."""
        if listed:
            rows = sorted((stored(ref.uri), stored(ref.etag), ref.size) for ref in listed)
            self._connection.run(lambda opened: opened.execute(_NOTE, columns(rows)))

    def all_listed(self) -> None:
        """Do nothing: whoever takes an object that is not there any more finds that out."""

    @property
    def waits(self) -> bool:
        """Whether a suspect waits for what is in hand, or is in hand itself; not for long."""
        return bool(self._hand) and self._waits_until is not None and self._clock.monotonic() < self._waits_until

    def take(self) -> Sequence[ObjectRef]:
        """Return some new ones; if there are none, a suspect alone."""
        if self.waits:
            return ()
        self._worker.check()
        self.write()
        has_waited, self._waits_until = self._waits_until is not None, None
        if taken := self._take(_NEW, AT_ONCE):
            return taken
        if self._hand and not has_waited:
            if self._are_there(_SUSPECT):
                self._wait()
            return ()
        if suspect := self._take(_SUSPECT, 1):
            self._wait()
        return suspect

    def finished(self, ref: ObjectRef) -> None:
        """Take in that nothing more is to be done with an object: a fact, whoever holds it now."""
        number = self._out_of_hand(ref)
        self._again.forget(number)
        self._finished.append(number)

    def give_back(self, ref: ObjectRef) -> None:
        """Let others have an object at once; this worker tries it later."""
        number = self._out_of_hand(ref)
        self._again.add(number)
        self._given_back.append(number)

    def write(self) -> None:
        """Write what is finished or given back."""
        fence, finished, given_back = self._worker.fence, sorted(self._finished), sorted(self._given_back)
        if finished or given_back:
            both: tuple[Statement, ...] = (_FINISH, (finished,)), (_GIVE_BACK, (given_back, fence))
            self._connection.run(lambda opened: run_together(opened, *both))
            self._finished.clear()
            self._given_back.clear()

    def cleared_by(self, paths: Iterable[str]) -> list[int]:
        """Return the numbers of objects of which something is settled for the first time, in these segments."""
        if not self._uncleared:
            return []
        paths = list(paths)
        return [number for number, name in self._uncleared.items() if any(_is_of(path, name) for path in paths)]

    def clear(self, numbers: Iterable[int]) -> None:
        """Take in that this was committed."""
        for number in numbers:
            self._uncleared.pop(number, None)

    def _take(self, attempts: tuple[int, int], limit: int) -> list[ObjectRef]:
        values = {**self._values(attempts), "limit": limit}
        rows = self._connection.run(lambda opened: opened.execute(_TAKE, values).fetchall())
        taken = {ObjectRef(loaded(uri), loaded(etag), size): number for number, uri, etag, size in sorted(rows)}
        self._hand |= taken
        self._uncleared |= {number: file_name(ref.uri) for ref, number in taken.items()}
        return list(taken)

    def _are_there(self, attempts: tuple[int, int]) -> bool:
        values = self._values(attempts)
        return self._connection.run(lambda opened: opened.execute(_ARE_THERE, values).fetchone()) == (True,)

    def _values(self, attempts: tuple[int, int]) -> dict[str, object]:
        return {
            "least": attempts[0],
            "most": attempts[1],
            "place": self._place,
            "folder": self._place.rstrip("/") + "/",
            "not_now": [*self._hand.values(), *self._again.are_waiting()],
            "fence": self._worker.fence,
        }

    def _wait(self) -> None:
        self._waits_until = self._clock.monotonic() + _ALONE_FOR

    def _out_of_hand(self, ref: ObjectRef) -> int:
        number = self._hand.pop(ref)
        self._uncleared.pop(number, None)
        return number


def clearing(numbers: list[int], fence: int | None) -> list[Statement]:
    """Return what a commit writes for objects that are no suspects any more."""
    return [(_CLEAR, (numbers, fence))] if numbers else []


def _is_of(path: str, name: str) -> bool:
    """Whether a segment is an object, a copy of one, or in one."""
    return path.startswith(name) and path[len(name) : len(name) + 1] in ("", "/", "~")
