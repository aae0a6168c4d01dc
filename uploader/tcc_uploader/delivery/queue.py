"""The records that wait for one destination, in the order in which they are sent."""

import heapq
import logging
from typing import Final, NamedTuple

from pydantic import BaseModel

from tcc_uploader.transport.answers import Answer

from .compact_queue import CompactQueue, Location
from .health import Health, Pause
from .record import History, Record, RecordEvent
from .routing import Route

_AT_ONCE: Final = 64
"""The most records that are taken, and looked up in the ledger, together."""
_log = logging.getLogger(__name__)


class DestinationReport(BaseModel):
    """One destination: up, or paused and why.  Times are wall-clock seconds since 1970."""

    url: str
    key: str | None
    state: str
    waiting: int
    reason: str = ""
    since: float | None = None
    next_probe: float | None = None
    remedy: str = ""
    last_success: float | None = None


class _Postponed(NamedTuple):
    due: float
    order: int
    location: Location
    history: History


class DestinationQueue:
    """One destination's records.  Its containers are named after the states in :mod:`.record`.

    ``due`` and ``now`` are times on the monotonic clock, ``wall`` is in wall-clock seconds.
    """

    def __init__(self, route: Route, wall: float) -> None:
        self.destination = route.destination
        self.api_key = route.api_key
        self.health = Health(Pause(route.blocked, wall, None, route.remedy) if route.blocked else None)
        self.queued = CompactQueue()
        self.postponed: list[_Postponed] = []
        """A heap, by due time."""
        self.undecided: list[tuple[Record, Answer]] = []
        """Records refused since the last success; at the next success they become dead letters."""
        self.in_flight = 0
        """How many records are in flight to this destination."""
        self._order = 0
        self.log_change(None)

    def __len__(self) -> int:
        return len(self.queued) + len(self.postponed)

    def postpone(self, location: Location, history: History, due: float) -> None:
        """Queue a record to be sent again, but not before ``due``."""
        self._order += 1
        heapq.heappush(self.postponed, _Postponed(due, self._order, location, history))

    def retry_now(self) -> None:
        """Make the records that failed at most once due now, so that they are sent before later records."""
        self.postponed = [retry._replace(due=0.0) if retry.history.failures <= 1 else retry for retry in self.postponed]
        heapq.heapify(self.postponed)

    def take(self, now: float, most: int, size: int) -> list[tuple[Location, History]]:
        """Take up to ``most`` records that may be sent, but no more once they have ``size`` bytes together.

        A paused destination gets one record at a time, as a probe: if possible one that did not fail before, because
        a record that always fails must not prolong the pause.
        """
        pause = self.health.pause
        if pause is not None and (self.in_flight or pause.is_before_probe(now)):
            return []
        most = min(most, 1 if pause else _AT_ONCE)
        taken: list[tuple[Location, History]] = []
        while len(taken) < most and size > 0:
            retry_is_due = bool(self.postponed) and self.postponed[0].due <= now
            if self.queued and (pause is not None or not retry_is_due):
                taken.append((self.queued.popleft(), History()))
            elif retry_is_due:
                retry = heapq.heappop(self.postponed)
                taken.append((retry.location, retry.history))
            else:
                break
            size -= taken[-1][0].size
        return taken

    def withdraw(self, handle: int, line: int) -> Location | None:
        """Take out a record that is not to be sent, and return its location; None if it does not wait here."""
        for at, retry in enumerate(self.postponed):
            if retry.location[:2] == (handle, line):
                del self.postponed[at]
                heapq.heapify(self.postponed)
                return retry.location
        for at, (record, _) in enumerate(self.undecided):
            if record.location[:2] == (handle, line):
                record.on(RecordEvent.WITHDRAWN)
                del self.undecided[at]
                return record.location
        return self.queued.remove(handle, line)

    def next_due(self) -> float | None:
        """When :meth:`take` may return a record, if nothing else happens before; None: not until something happens."""
        pause = self.health.pause
        retry = self.postponed[0].due if self.postponed else None
        if pause is None:
            return retry
        if self.in_flight or pause.next_probe is None:
            return None
        if self.queued:
            return pause.next_probe
        return None if retry is None else max(retry, pause.next_probe)

    def holds_run(self, fingerprint: int) -> bool:
        """Whether a run with this fingerprint waits for this destination."""
        return (
            self.queued.holds_run(fingerprint)
            or any(retry.location.run == fingerprint for retry in self.postponed)
            or any(record.location.run == fingerprint for record, _ in self.undecided)
        )

    def log_change(self, before: Pause | None) -> None:
        """Log if the destination was paused for a new reason, or is up again; ``before`` is its earlier pause."""
        url, pause = self.destination.url, self.health.pause
        if pause is None and before is not None:
            _log.info("%s takes records again", url)
        elif pause is not None and (before is None or (before.reason, before.remedy) != (pause.reason, pause.remedy)):
            what_to_do = pause.remedy or "nothing to do: the uploader tries again"
            _log.warning("%s is paused, its records wait: %s; %s", url, pause.reason, what_to_do)

    def report(self, epoch: float) -> DestinationReport:
        """Return the destination's state.  ``epoch`` is the wall clock minus the monotonic clock, in seconds."""
        pause = self.health.pause
        refusals = ""
        if self.undecided:  # they become dead letters at the next success
            refusals = f"{len(self.undecided)} refused since the last success: {self.undecided[-1][1].reason}"
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
        )
