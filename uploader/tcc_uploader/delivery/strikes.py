"""Counts how often a server refused one record although it took others between.  Pure."""

from typing import Final, NamedTuple

REFUSALS: Final = (5, 3600.0)
"""How many times, and over how many seconds at least, a record is refused until it is dead: a back end may flap."""
ERRORS: Final = (10, 24 * 3600.0)
"""The same for a record for which alone the server fails (5xx)."""


class Strikes(NamedTuple):
    """How often, since when (monotonic seconds), and how many successes the destination had at the last time."""

    number: int = 0
    since: float = 0.0
    successes: int = -1

    def struck(self, successes: int, now: float) -> "Strikes":
        """Count once more, if the server took another record since the last time."""
        if successes <= self.successes:
            return self
        return Strikes(self.number + 1, self.since if self.number else now, successes)

    def are_enough(self, limit: tuple[int, float], now: float) -> bool:
        """Whether the record is at fault, and not the server."""
        number, seconds = limit
        return self.number >= number and now - self.since >= seconds
