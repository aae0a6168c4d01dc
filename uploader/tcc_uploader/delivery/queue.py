"""The records that wait for one destination, in the order in which they may go."""

import heapq
from typing import Final, NamedTuple

from pydantic import BaseModel

from tcc_uploader.transport.answers import Answer

from .compact_queue import CompactQueue, Entry
from .health import Health
from .record import History, Record
from .routing import Route

_AT_ONCE: Final = 64
"""Records whose keys are looked up together."""


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


class _Retry(NamedTuple):
    due: float
    order: int
    entry: Entry
    history: History


class DestinationQueue:
    """One destination's queue.  ``due`` times are on the monotonic clock."""

    def __init__(self, route: Route, now: float) -> None:
        self.state = Health(route.destination, route.api_key)
        if route.blocked:
            self.state.block(route.blocked, route.remedy, wall=now)
        self.undecided: list[tuple[Record, Answer]] = []
        """Refused since the last success: dead at the next one."""
        self.in_flight = 0
        self._fresh = CompactQueue()
        self._retries: list[_Retry] = []
        self._order = 0

    def __len__(self) -> int:
        return len(self._fresh) + len(self._retries)

    def append(self, entry: Entry) -> None:
        """Queue a record that was just read."""
        self._fresh.append(entry)

    def postpone(self, entry: Entry, history: History, due: float) -> None:
        """Queue a record again, not before ``due``."""
        self._order += 1
        heapq.heappush(self._retries, _Retry(due, self._order, entry, history))

    def retry_now(self) -> None:
        """Let the records that failed once in it go now, before what came after them."""
        self._retries = [retry._replace(due=0.0) if retry.history.failures <= 1 else retry for retry in self._retries]
        heapq.heapify(self._retries)

    def take_some(self, now: float, most: int, size: int) -> list[tuple[Entry, History]]:
        """Take up to ``most`` records that may go, none more when they have ``size`` bytes; see :meth:`take`."""
        some: list[tuple[Entry, History]] = []
        most = min(most, 1 if self.state.pause else _AT_ONCE)
        while len(some) < most and size > 0 and (taken := self.take(now)):
            some.append(taken)
            size -= taken[0].size
        return some

    def take(self, now: float) -> tuple[Entry, History] | None:
        """Take the next record that may go, or None.  A paused queue gives one at a time, when it is to be probed.

        A probe takes a record that did not fail before, if there is one: an outage must not hang on one record.
        """
        pause = self.state.pause
        if pause is None:
            if self._retries and self._retries[0].due <= now:
                return self._take_retry()
            return (self._fresh.popleft(), History()) if self._fresh else None
        if self.in_flight or pause.next_probe is None or pause.next_probe > now:
            return None
        if self._fresh:
            return self._fresh.popleft(), History()
        return self._take_retry() if self._retries and self._retries[0].due <= now else None

    def next_due(self) -> float | None:
        """When :meth:`take` may have something again, if nothing else happens."""
        pause, retry = self.state.pause, self._retries[0].due if self._retries else None
        if pause is None:
            return retry
        if self.in_flight or pause.next_probe is None:
            return None
        return pause.next_probe if self._fresh else retry and max(retry, pause.next_probe)

    def holds_run(self, run: int) -> bool:
        """Whether a run with this fingerprint waits here."""
        return (
            self._fresh.holds_run(run)
            or any(retry.entry.run == run for retry in self._retries)
            or any(record.entry.run == run for record, _ in self.undecided)
        )

    def _take_retry(self) -> tuple[Entry, History]:
        retry = heapq.heappop(self._retries)
        return retry.entry, retry.history


def report_of_queue(queue: DestinationQueue, epoch: float) -> DestinationReport:
    """Return how a destination does.  ``epoch`` is the wall clock's lead over the monotonic one."""
    state, pause = queue.state, queue.state.pause
    probe = pause.next_probe if pause else None
    return DestinationReport(
        url=state.destination.url,
        key=state.destination.hint,
        state="paused" if pause else "up",
        waiting=len(queue) + len(queue.undecided) + queue.in_flight,
        reason=pause.reason if pause else _refusals_text(queue),
        since=pause.since if pause else None,
        next_probe=None if probe is None else probe + epoch,
        remedy=pause.remedy if pause else "",
        last_success=state.last_success,
    )


def _refusals_text(queue: DestinationQueue) -> str:
    """Return what is known of refusals that the next success will make dead letters."""
    if not queue.undecided:
        return ""
    _, answer = queue.undecided[-1]
    return f"{len(queue.undecided)} refused since the last success: {answer.reason}"
