"""The records that wait for one destination, in the order in which they are sent."""

import heapq
import logging
from functools import lru_cache
from math import inf
from typing import Final, NamedTuple

from tcc_uploader.transport.answers import Answer
from tcc_uploader.transport.otlp import PartlyRefused

from .compact_queue import CompactQueue, Location
from .health import Health, Pause
from .record import History, Record, RecordEvent
from .result import DestinationReport
from .routing import Route

_AT_ONCE: Final = 64
"""The most records that are taken, and looked up in the ledger, together."""
_SHORT: Final = 200
"""Bytes of a refusal's text that are kept while a record is undecided."""
_log = logging.getLogger(__name__)


@lru_cache(maxsize=64)
def _one_of(answer: Answer) -> Answer:
    """Return the same object for equal answers, to save memory."""
    return answer


class _Postponed(NamedTuple):
    due: float
    order: int
    location: Location
    history: History


class Undecided(NamedTuple):
    """A refused record.  If it was refused for its content, ``record`` is there, and ``due`` is infinity."""

    due: float
    order: int
    location: Location
    history: History
    answer: Answer
    record: Record | None


class DestinationQueue:
    """One destination's records.  Its containers are named after the states in :mod:`.record`.

    ``due`` and ``now`` are times on the monotonic clock, ``wall`` is in wall-clock seconds.
    """

    def __init__(self, route: Route, wall: float) -> None:
        self.destination = route.destination
        self.api_key = route.api_key
        self.health = Health(Pause(route.blocked, wall, None, route.remedy) if route.blocked else None)
        self.partly_refused = 0
        self.spans_refused = 0
        self.refusal = ""
        """See :class:`DestinationReport`."""
        self.queued = CompactQueue()
        self.postponed: list[_Postponed] = []
        """A heap, by due time."""
        self.undecided: list[Undecided] = []
        """A heap, by due time.  At the next success those refused for their content become dead letters."""
        self.in_flight = 0
        """How many records are in flight to this destination."""
        self.window = inf
        """How many may be: halved when requests time out, one more with each answer.  It begins without a limit."""
        self._order = 0

    def __len__(self) -> int:
        return len(self.queued) + len(self.postponed)

    @property
    def holds_any(self) -> bool:
        """Whether records wait here, also undecided ones."""
        return bool(len(self) or self.undecided)

    @property
    def earliest(self) -> Location | None:
        """The location of the record that was read first, of those that wait here; None if none does."""
        waiting = [each.location for each in self.postponed] + [each.location for each in self.undecided]
        return min([*waiting, self.queued.first] if self.queued else waiting, default=None)

    @property
    def last_refusal(self) -> str:
        """Why the server refused the undecided record that it refused last.  Raises ValueError if there is none."""
        return max(self.undecided, key=lambda refused: refused.order).answer.reason

    def postpone(self, location: Location, history: History, due: float) -> None:
        """Queue a record to be sent again, but not before ``due``."""
        self._order += 1
        heapq.heappush(self.postponed, _Postponed(due, self._order, location, history))

    def leave_undecided(self, record: Record, answer: Answer, due: float = inf) -> None:
        """Set a refused record aside, to be tried again at ``due``; at infinity it is decided by other answers."""
        self._order += 1
        short = _one_of(answer._replace(text=answer.text[:_SHORT], date=None))  # there may be many
        keeps = record if due == inf else None
        heapq.heappush(self.undecided, Undecided(due, self._order, record.location, record.history, short, keeps))

    def take_refused_for_content(self) -> list[tuple[Record, Answer]]:
        """Take the undecided records that are decided by other answers, each with its own."""
        taken = [(refused.record, refused.answer) for refused in self.undecided if refused.record is not None]
        if taken:
            self.undecided = [refused for refused in self.undecided if refused.record is None]
            heapq.heapify(self.undecided)
        return taken

    def retry_now(self) -> None:
        """Make the records that failed at most once due now, so that they are sent before later records."""
        self.postponed = [retry._replace(due=0.0) if retry.history.failures <= 1 else retry for retry in self.postponed]
        heapq.heapify(self.postponed)

    def timed_out(self) -> None:
        """Note that some of the requests in flight, which still count, have timed out: send fewer at once."""
        self.window = max(1, min(self.window, self.in_flight) // 2)

    def answered(self, answer: Answer) -> None:
        """Note an answer, if it is one of the server."""
        self.window += answer.status is not None

    def take(self, now: float, most: int, size: int) -> list[tuple[Location, History]]:
        """Take up to ``most`` records that may be sent, but no more once they have ``size`` bytes together.

        A paused destination gets one record at a time, as a probe: if possible one that did not fail before, because
        a record that always fails must not prolong the pause.  The first probes of a suspected one take the newest.
        """
        pause = self.health.pause
        if pause is not None and (self.in_flight or pause.is_before_probe(now)):
            return []
        room = min(most, 1 if pause else _AT_ONCE, self.window - self.in_flight)
        taken: list[tuple[Location, History]] = []
        while len(taken) < room and size > 0:
            if self.queued and pause is not None:
                newest = self.health.quick_probes > 0
                taken.append((self.queued.pop() if newest else self.queued.popleft(), History()))
            elif (retry := self._take_retry(now, any_undecided=pause is not None)) is not None:
                taken.append(retry)
            elif self.queued:
                taken.append((self.queued.popleft(), History()))
            else:
                break
            size -= taken[-1][0].size
        return taken

    def _take_retry(self, now: float, *, any_undecided: bool) -> tuple[Location, History] | None:
        """Take a record that is to be tried again now; None if there is none.

        With ``any_undecided``, an undecided record need not be due.
        """
        if self.postponed and self.postponed[0].due <= now:
            retry = heapq.heappop(self.postponed)
            return retry.location, retry.history
        if self.undecided and (self.undecided[0].due <= now or (any_undecided and self.undecided[0].due < inf)):
            refused = heapq.heappop(self.undecided)
            return refused.location, refused.history
        return None

    def withdraw(self, handle: int, line: int) -> Location | None:
        """Take out a record that is not to be sent, and return its location; None if it does not wait here."""
        for at, retry in enumerate(self.postponed):
            if retry.location[:2] == (handle, line):
                del self.postponed[at]
                heapq.heapify(self.postponed)
                return retry.location
        for at, refused in enumerate(self.undecided):
            if refused.location[:2] == (handle, line):
                if refused.record is not None:
                    refused.record.on(RecordEvent.WITHDRAWN)
                del self.undecided[at]
                heapq.heapify(self.undecided)
                return refused.location
        return self.queued.remove(handle, line)

    def next_due(self) -> float | None:
        """When :meth:`take` may return a record, if nothing else happens before; None: not until something happens."""
        pause = self.health.pause
        if self.in_flight >= self.window:
            return None
        retries = [heap[0].due for heap in (self.postponed, self.undecided) if heap and heap[0].due < inf]
        if pause is None:
            return min(retries, default=None)
        if self.in_flight or pause.next_probe is None:
            return None
        if self.queued or (self.undecided and self.undecided[0].due < inf):
            return pause.next_probe
        return max(min(retries), pause.next_probe) if retries else None

    def holds_run(self, fingerprint: int) -> bool:
        """Whether a run with this fingerprint waits for this destination."""
        return (
            self.queued.holds_run(fingerprint)
            or any(retry.location.run == fingerprint for retry in self.postponed)
            or any(refused.location.run == fingerprint for refused in self.undecided)
        )

    def note_partly_refused(self, record: Record, part: PartlyRefused) -> None:
        """Count and log that the server took a record without some of its spans."""
        self.partly_refused += 1
        self.spans_refused += part.spans
        self.refusal = part.why
        _log.warning(
            "%(file)s line %(line)d was partly refused by %(url)s: %(spans)d spans; `tcc-upload status` tells why",
            {
                "action": "partly_refused",
                "file": record.segment.file,
                "line": record.line.number,
                "url": self.destination.url,
                "spans": part.spans,
            },
        )

    def report(self, epoch: float) -> DestinationReport:
        """Return the destination's state.  ``epoch`` is the wall clock minus the monotonic clock, in seconds."""
        pause = self.health.pause
        refusals = ""
        if self.undecided:
            refusals = f"{len(self.undecided)} refused, by their fault or the server's: {self.last_refusal}"
        return DestinationReport(
            url=self.destination.url,
            key=self.destination.hint,
            state="paused" if pause else "up",
            waiting=len(self) + len(self.undecided) + self.in_flight,
            reason=pause.reason if pause else refusals,
            since=pause.since if pause else None,
            next_probe=pause.next_probe + epoch if pause and pause.next_probe is not None else None,
            remedy=pause.remedy if pause else "",
            last_success=self.health.last_success,
            partly_refused=self.partly_refused,
            spans_refused=self.spans_refused,
            refusal=self.refusal,
        )
