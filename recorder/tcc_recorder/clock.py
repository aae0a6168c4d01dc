"""Times as the wire wants them: UTC, ISO-8601, milliseconds, ``Z``."""

import time
from datetime import UTC, datetime
from functools import lru_cache

_millisecond = (-1, "")
"""The last millisecond that was formatted, and its text: an agent records many times in one."""


def wire_time(nanoseconds: int) -> str:
    """Return a time since the epoch, in nanoseconds, in the wire's form."""
    global _millisecond  # noqa: PLW0603 -- a cache of one entry, replaced as a whole, so threads need no lock
    milliseconds = nanoseconds // 1_000_000
    cached = _millisecond
    if cached[0] != milliseconds:
        seconds, fraction = divmod(milliseconds, 1000)
        _millisecond = cached = (milliseconds, f"{_whole(seconds)}{fraction:03d}Z")
    return cached[1]


@lru_cache(maxsize=2)
def _whole(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(seconds))


def now() -> str:
    """Return the present time in the wire's form."""
    return wire_time(time.time_ns())


def from_datetime(value: datetime) -> str:
    """Return a datetime in the wire's form; a naive one is local time.

    Raises OverflowError or OSError if the time can't be expressed in UTC.
    """
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
