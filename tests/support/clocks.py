"""Clocks that tests set."""


class Clock:
    """Returns ``now``, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.now
