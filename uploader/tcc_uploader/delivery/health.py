"""Whether a destination takes records now: a circuit breaker.  Pure: clock and chance are passed in."""

import logging
from dataclasses import dataclass
from typing import Final

from .routing import Destination

_log = logging.getLogger(__name__)


FIRST_BACKOFF: Final = 1.0
MAX_BACKOFF: Final = 300.0
OPERATOR_PROBE: Final = 300.0
"""Seconds between probes of a destination that waits for an operator."""
MAX_REFUSALS: Final = 20
"""Refusals without a success after which the destination, not the records, is suspected."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a destination takes no records.  ``next_probe`` is on the monotonic clock; None: nothing to probe."""

    reason: str
    since: float
    next_probe: float | None
    remedy: str = ""

    @property
    def needs_operator(self) -> bool:
        """Whether waiting alone won't help."""
        return bool(self.remedy)


@dataclass(slots=True)
class Health:
    """A destination is up, or paused.  ``since`` and ``last_success`` are wall-clock seconds."""

    destination: Destination
    api_key: str | None
    pause: Pause | None = None
    failures: int = 0
    """Failed tries in a row."""
    successes: int = 0
    last_success: float | None = None
    undecided: int = 0
    """Records refused since the last success."""

    def succeeded(self, wall: float) -> None:
        """Note a delivery: the destination is up."""
        self.successes += 1
        self.failures = 0
        self.undecided = 0
        self.pause = None
        self.last_success = wall

    def failed(self, reason: str, wait: float | None, *, now: float, wall: float, chance: float) -> None:
        """Note an outage: pause for ``wait`` seconds, or for a time that grows with each failure."""
        if self.pause is not None and (self.pause.needs_operator or (self.pause.next_probe or 0) > now):
            return  # an answer to a request that was under way when the pause began
        self.failures += 1
        delay = backoff(self.failures, chance) if wait is None else wait
        since = self.pause.since if self.pause else wall
        self.pause = Pause(reason, since, now + delay)

    def needs_operator(self, reason: str, remedy: str, *, now: float, wall: float) -> None:
        """Pause until an operator helps; probe every few minutes."""
        since = self.pause.since if self.pause and self.pause.needs_operator else wall
        self.pause = Pause(reason, since, now + OPERATOR_PROBE, remedy)

    def log_change(self, before: Pause | None) -> None:
        """Log that it was paused, for another reason than before, or is up again."""
        url, pause = self.destination.url, self.pause
        if pause is None and before is not None:
            _log.info("%s takes records again", url)
        elif pause is not None and (before is None or (before.reason, before.remedy) != (pause.reason, pause.remedy)):
            what_to_do = pause.remedy or "nothing to do: it is tried again"
            _log.warning("%s is paused, its records wait: %s; %s", url, pause.reason, what_to_do)

    def block(self, reason: str, remedy: str, *, wall: float) -> None:
        """Pause for good: as this process was started, nothing can be sent there."""
        self.pause = Pause(reason, wall, None, remedy)
        self.log_change(None)

    def refused(self, reason: str, *, now: float, wall: float) -> bool:
        """Note a refused record.  Return whether the destination itself is suspected now, and paused."""
        self.undecided += 1
        pause = self.pause
        early = pause is not None and (pause.next_probe is None or pause.next_probe > now)
        if self.undecided < MAX_REFUSALS and not (pause and pause.needs_operator):
            # a probe that is refused was answered: the outage is over; an answer from before the pause ends nothing
            self.pause = pause if early else None
            return False
        if not (pause and pause.needs_operator and early):
            remedy = f"{self.undecided} records in a row were refused: look at the server before the records"
            self.needs_operator(reason, remedy, now=now, wall=wall)
        return True


def backoff(attempt: int, chance: float) -> float:
    """Return the seconds to wait after failure number ``attempt`` (from 1): full jitter from 1 s up to 5 min.

    ``chance`` is uniform in [0, 1).
    """
    ceiling = min(MAX_BACKOFF, FIRST_BACKOFF * 2.0 ** min(attempt, 30))
    return FIRST_BACKOFF + chance * (ceiling - FIRST_BACKOFF)
