"""Whether a destination takes records now: a circuit breaker.  Time and random numbers are passed in."""

from dataclasses import dataclass, replace
from typing import Final

FIRST_BACKOFF: Final = 1.0
"""Seconds."""
MAX_BACKOFF: Final = 300.0
"""Seconds."""
OPERATOR_PROBE: Final = 300.0
"""Seconds between probes of a destination that waits for an operator."""
MAX_REFUSALS: Final = 20
"""Refusals without a success after which the destination, not the records, is suspected."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a destination takes no records.

    ``since`` is in wall-clock seconds, ``next_probe`` on the monotonic clock (None: nothing to probe).  ``remedy``
    tells an operator what to do; it is empty if waiting alone helps.  ``asked`` says that the server asked for it.
    """

    reason: str
    since: float
    next_probe: float | None
    remedy: str = ""
    asked: bool = False

    @property
    def needs_operator(self) -> bool:
        """Whether waiting alone won't help."""
        return bool(self.remedy)

    def is_before_probe(self, now: float) -> bool:
        """Whether it is not time to probe yet: an answer that comes now is to a request from before the pause."""
        return self.next_probe is None or self.next_probe > now


@dataclass(slots=True)
class Health:
    """A destination is up, or paused.  ``last_success`` is in wall-clock seconds."""

    pause: Pause | None = None
    failures: int = 0
    """Failed tries in a row."""
    successes: int = 0
    last_success: float | None = None
    refusals: int = 0
    """Records refused since the last success."""

    def succeeded(self, *, now: float, wall: float) -> None:
        """Note a delivery: the destination is up, unless it asked for a pause after it was sent this request."""
        self.successes += 1
        self.failures = 0
        self.refusals = 0
        if not (self.pause and self.pause.asked and self.pause.is_before_probe(now)):
            self.pause = None
        self.last_success = wall

    def failed(self, reason: str, wait: float | None, *, now: float, wall: float, chance: float) -> None:
        """Note an outage: pause for ``wait`` seconds, or for a time that grows with each failure.

        It does not end that an operator is needed, but it was the answer to the probe: the next one comes later.
        """
        if self.pause is not None and self.pause.is_before_probe(now):
            return
        if self.pause is not None and self.pause.needs_operator:
            self.pause = replace(self.pause, next_probe=now + OPERATOR_PROBE)
            return
        self.failures += 1
        delay = backoff(self.failures, chance) if wait is None else wait
        since = self.pause.since if self.pause else wall
        self.pause = Pause(reason, since, now + delay, asked=wait is not None)

    def needs_operator(self, reason: str, remedy: str, *, now: float, wall: float) -> None:
        """Pause until an operator helps; probe every few minutes."""
        since = self.pause.since if self.pause and self.pause.needs_operator else wall
        self.pause = Pause(reason, since, now + OPERATOR_PROBE, remedy)

    def block(self, reason: str, remedy: str, *, wall: float) -> None:
        """Pause for good: as this process was started, nothing can be sent there."""
        self.pause = Pause(reason, wall, None, remedy)

    def refused(self, reason: str, *, now: float, wall: float) -> bool:
        """Note a refused record.  Return whether the destination itself is suspected now, and paused."""
        self.refusals += 1
        pause = self.pause
        waits_for_operator = pause is not None and pause.needs_operator
        if self.refusals < MAX_REFUSALS and not waits_for_operator:
            # the answer to a probe ends the outage, even a refusal; one to an earlier request ends nothing
            self.pause = pause if pause is not None and pause.is_before_probe(now) else None
            return False
        if not waits_for_operator or (pause is not None and not pause.is_before_probe(now)):
            remedy = f"{self.refusals} records in a row were refused: look at the server before the records"
            self.needs_operator(reason, remedy, now=now, wall=wall)
        return True


def backoff(attempt: int, chance: float) -> float:
    """Return the seconds to wait after failure number ``attempt`` (from 1): full jitter from 1 s up to 5 min.

    ``chance`` is uniform in [0, 1).
    """
    ceiling = min(MAX_BACKOFF, FIRST_BACKOFF * 2.0 ** min(attempt, 30))
    return FIRST_BACKOFF + chance * (ceiling - FIRST_BACKOFF)
