"""The records that wait for one destination, in the order in which they are sent."""

import heapq
import logging
from typing import Final, NamedTuple

from pydantic import BaseModel

from tcc_uploader.transport.answers import Answer

from .compact_queue import CompactQueue, Location
from .health import Health, Pause
from .record import History, Record
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
        self.health = Health()
        self.queued = CompactQueue()
        self.postponed: list[_Postponed] = []
        """A heap, by due time."""
        self.undecided: list[tuple[Record, Answer]] = []
        """Records refused since the last success; at the next success they become dead letters."""
        self._order = 0
        if route.blocked:
            self.health.block(route.blocked, route.remedy, wall=wall)
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

    def take_some(self, now: float, most: int, size: int, in_flight: int) -> list[tuple[Location, History]]:
        """Take up to ``most`` records, but no more once they have ``size`` bytes together: see :meth:`take`."""
        some: list[tuple[Location, History]] = []
        most = min(most, 1 if self.health.pause else _AT_ONCE)
        while len(some) < most and size > 0 and (taken := self.take(now, in_flight)):
            some.append(taken)
            size -= taken[0].size
        return some

    def take(self, now: float, in_flight: int) -> tuple[Location, History] | None:
        """Take the next record that may be sent, or None.  ``in_flight`` records are in flight to this destination.

        A paused destination gets one record at a time, as a probe: if possible one that did not fail before, because
        a record that always fails must not prolong the pause.
        """
        pause = self.health.pause
        if pause is not None and (in_flight or pause.is_before_probe(now)):
            return None
        retry_is_due = bool(self.postponed) and self.postponed[0].due <= now
        if self.queued and (pause is not None or not retry_is_due):
            return self.queued.popleft(), History()
        if retry_is_due:
            retry = heapq.heappop(self.postponed)
            return retry.location, retry.history
        return None

    def next_due(self, in_flight: int) -> float | None:
        """When :meth:`take` may return a record, if nothing else happens before; None: not until something happens."""
        pause = self.health.pause
        retry = self.postponed[0].due if self.postponed else None
        if pause is None:
            return retry
        if in_flight or pause.next_probe is None:
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

    def report(self, epoch: float, in_flight: int) -> DestinationReport:
        """Return the destination's state.  ``epoch`` is the wall clock minus the monotonic clock, in seconds."""
        pause = self.health.pause
        probe = pause.next_probe if pause else None
        return DestinationReport(
            url=self.destination.url,
            key=self.destination.hint,
            state="paused" if pause else "up",
            waiting=len(self) + len(self.undecided) + in_flight,
            reason=pause.reason if pause else self._refusals(),
            since=pause.since if pause else None,
            next_probe=None if probe is None else probe + epoch,
            remedy=pause.remedy if pause else "",
            last_success=self.health.last_success,
        )

    def _refusals(self) -> str:
        """Describe the refused records that become dead letters at the next success; empty if there are none."""
        if not self.undecided:
            return ""
        _, answer = self.undecided[-1]
        return f"{len(self.undecided)} refused since the last success: {answer.reason}"
