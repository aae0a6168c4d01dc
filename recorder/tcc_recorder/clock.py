"""Times as the wire wants them: UTC, ISO-8601, milliseconds, ``Z``."""

import time
from datetime import UTC, datetime
from typing import Final

_FRACTIONS: Final = tuple(f"{number:03d}Z" for number in range(1000))

_second = (-1, "")
"""The last second that was formatted, and its text: an agent records many times in one second."""


def wire_time(nanoseconds: int) -> str:
    """Return a time since the epoch, in nanoseconds, in the wire's form."""
    global _second  # noqa: PLW0603 -- a cache of one entry, replaced as a whole, so threads need no lock
    milliseconds = nanoseconds // 1_000_000
    seconds = milliseconds // 1000
    cached = _second
    if cached[0] != seconds:
        _second = cached = (seconds, time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(seconds)))
    return cached[1] + _FRACTIONS[milliseconds % 1000]


def now() -> str:
    """Return the present time in the wire's form."""
    return wire_time(time.time_ns())


def from_datetime(value: datetime) -> str:
    """Return a datetime in the wire's form; a naive one is local time.

    Raises OverflowError or OSError if the time can't be expressed in UTC.
    """
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
