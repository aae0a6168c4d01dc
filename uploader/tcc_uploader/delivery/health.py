"""Decides whether a destination gets records now: a circuit breaker.  Time and random numbers are arguments."""

from dataclasses import dataclass, replace
from typing import Final

FIRST_BACKOFF: Final = 1.0  # seconds
MAX_BACKOFF: Final = 300.0  # seconds
OPERATOR_PROBE: Final = 300.0
"""Seconds between probes of a destination that waits for an operator."""
MAX_REFUSALS: Final = 20
"""Records refused without a success after which the destination is suspected, not the records."""
QUICK_PROBES: Final = 20
"""Probes that follow each other without a delay when a destination is suspected: most records may be good."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a destination gets no records now.

    ``since`` is in wall-clock seconds, ``next_probe`` in seconds on the monotonic clock (None: it is never probed,
    because with this process's settings nothing can be sent there).
    ``remedy`` says what an operator must do; it is empty if waiting helps.  ``asked``: the server asked for the pause.
    """

    reason: str
    since: float
    next_probe: float | None
    remedy: str = ""
    asked: bool = False

    @property
    def needs_operator(self) -> bool:
        """Whether waiting does not help."""
        return bool(self.remedy)

    def is_before_probe(self, now: float) -> bool:
        """Whether the next probe is not due yet.  An answer that arrives now is to a request from before the pause."""
        return self.next_probe is None or self.next_probe > now


@dataclass(slots=True)
class Health:
    """The health of a destination: up, or paused.  ``last_success`` is in wall-clock seconds."""

    pause: Pause | None = None
    failures: int = 0
    """Outages in a row."""
    successes: int = 0
    last_success: float | None = None
    refusals: int = 0
    """Records refused since the last success."""
    quick_probes: int = 0
    """How many probes without a delay are left."""

    def succeeded(self, *, now: float, wall: float) -> None:
        """Note a delivery: this ends a pause, but not one that the server asked for and that is not over yet."""
        self.successes += 1
        self.failures = 0
        self.refusals = 0
        self.quick_probes = 0
        if not (self.pause and self.pause.asked and self.pause.is_before_probe(now)):
            self.pause = None
        self.last_success = wall

    def failed(self, reason: str, wait: float | None, *, now: float, wall: float, chance: float) -> None:
        """Note an outage: pause for ``wait`` seconds; None: for a time that grows with each failure.

        Before a probe is due, this does nothing.  A pause that needs an operator goes on, and the next probe is later.
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
        """Pause until an operator acts; probe every :data:`OPERATOR_PROBE` seconds."""
        since = self.pause.since if self.pause and self.pause.needs_operator else wall
        self.pause = Pause(reason, since, now + OPERATOR_PROBE, remedy)

    def refused(self, reason: str, *, again: bool = False, untried: bool = False, now: float, wall: float) -> bool:
        """Note a refused record.  Return whether the destination is suspected now, and so is paused.

        ``again``: the record was refused before, since the last success.  ``untried``: others wait that were not sent
        yet; so many of them are sent as probes without a delay.
        """
        self.refusals += not again
        before_probe = self.pause is not None and self.pause.is_before_probe(now)
        waits_for_operator = self.pause is not None and self.pause.needs_operator
        suspected = waits_for_operator or self.refusals >= MAX_REFUSALS
        if suspected and not (waits_for_operator and before_probe):
            self.quick_probes = max(0, self.quick_probes - 1) if waits_for_operator else QUICK_PROBES
            self.quick_probes *= untried
            remedy = f"records refused in a row: {self.refusals}; is the URL the right one (TCC_BASE_URL, TCC_URL)?"
            self.needs_operator(reason, remedy, now=now, wall=wall)
            if self.quick_probes and self.pause is not None:
                self.pause = replace(self.pause, next_probe=now)
        elif not suspected and not before_probe:
            self.pause = None  # a refusal that answers a probe ends the outage; one of an earlier request does not
        return suspected


def backoff(attempt: int, chance: float) -> float:
    """Return how long to wait after failure number ``attempt`` (from 1): 1 to ``2 ** attempt`` seconds, at most 5 min.

    ``chance``, a random number in [0, 1), selects the time in this range.
    """
    ceiling = min(MAX_BACKOFF, FIRST_BACKOFF * 2.0 ** min(attempt, 30))
    return FIRST_BACKOFF + chance * (ceiling - FIRST_BACKOFF)
