"""The records that wait for one destination, in the order in which they may go."""

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
"""Records whose keys are looked up together."""
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
        """A heap."""
        self.undecided: list[tuple[Record, Answer]] = []
        """Refused since the last success: dead at the next one."""
        self._order = 0
        if route.blocked:
            self.health.block(route.blocked, route.remedy, wall=wall)
            self.log_change(None)

    def __len__(self) -> int:
        return len(self.queued) + len(self.postponed)

    def postpone(self, location: Location, history: History, due: float) -> None:
        """Queue a record again, not before ``due``."""
        self._order += 1
        heapq.heappush(self.postponed, _Postponed(due, self._order, location, history))

    def retry_now(self) -> None:
        """Let the records that failed at most once be tried again now, before what came after them."""
        self.postponed = [retry._replace(due=0.0) if retry.history.failures <= 1 else retry for retry in self.postponed]
        heapq.heapify(self.postponed)

    def take_some(self, now: float, most: int, size: int, in_flight: int) -> list[tuple[Location, History]]:
        """Take up to ``most`` records that may go, none more when they have ``size`` bytes; see :meth:`take`."""
        some: list[tuple[Location, History]] = []
        most = min(most, 1 if self.health.pause else _AT_ONCE)
        while len(some) < most and size > 0 and (taken := self.take(now, in_flight)):
            some.append(taken)
            size -= taken[0].size
        return some

    def take(self, now: float, in_flight: int) -> tuple[Location, History] | None:
        """Take the next record that may go, or None; ``in_flight`` are on their way to this destination.

        A paused destination gets one at a time, when it is to be probed: one that did not fail before, if there is
        one, because an outage must not hang on one record.
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
        """When :meth:`take` may have something again, if nothing else happens; None: not before something does."""
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
        """Whether a run with this fingerprint waits here."""
        return (
            self.queued.holds_run(fingerprint)
            or any(retry.location.run == fingerprint for retry in self.postponed)
            or any(record.location.run == fingerprint for record, _ in self.undecided)
        )

    def log_change(self, before: Pause | None) -> None:
        """Log that it was paused, for another reason than ``before``, or is up again."""
        url, pause = self.destination.url, self.health.pause
        if pause is None and before is not None:
            _log.info("%s takes records again", url)
        elif pause is not None and (before is None or (before.reason, before.remedy) != (pause.reason, pause.remedy)):
            what_to_do = pause.remedy or "nothing to do: it is tried again"
            _log.warning("%s is paused, its records wait: %s; %s", url, pause.reason, what_to_do)

    def report(self, epoch: float, in_flight: int) -> DestinationReport:
        """Return the destination's state.  ``epoch`` is what the wall clock is ahead of the monotonic one, seconds."""
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
        """Return what is known of refusals that the next success will make dead letters."""
        if not self.undecided:
            return ""
        _, answer = self.undecided[-1]
        return f"{len(self.undecided)} refused since the last success: {answer.reason}"
