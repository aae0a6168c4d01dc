"""Times in the format of the wire: UTC, ISO-8601, milliseconds, ``Z``."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple


class _Elapsed(NamedTuple):
    monotonic_ns: Callable[[], int]


ELAPSED: Final = _Elapsed(time.monotonic_ns)
"""The monotonic clock that the process began with, in nanoseconds.

A test that freezes time replaces the functions of ``time``, and every name of a module that is bound to one.  What
began before or ends after the freeze would then have an end before its start, or in the year 2076.
"""
_millisecond = (-1, "")
"""The last millisecond that was formatted, and its text: an agent needs many times within one millisecond."""


def wire_time(nanoseconds: int) -> str:
    """Return a time since the epoch, in nanoseconds, in the wire's format."""
    global _millisecond  # noqa: PLW0603 -- a cache of one entry, replaced as a whole, so threads need no lock
    milliseconds = nanoseconds // 1_000_000
    known, formatted = _millisecond
    if known != milliseconds:
        seconds, fraction = divmod(milliseconds, 1000)
        formatted = f"{_seconds(seconds)}{fraction:03d}Z"
        _millisecond = (milliseconds, formatted)
    return formatted


@lru_cache(maxsize=2)
def _seconds(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(seconds))


def now() -> str:
    """Return the current time in the wire's format."""
    return wire_time(time.time_ns())


def from_datetime(value: datetime) -> str:
    """Return a datetime in the wire's format; a naive one is local time.

    Raises OverflowError or OSError if the time can't be expressed in UTC.
    """
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
