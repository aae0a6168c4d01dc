"""Clocks that tests set."""


class Clock:
    """A clock that returns ``now`` (seconds), which the test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.now
