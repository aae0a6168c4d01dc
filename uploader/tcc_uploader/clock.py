"""Time and random numbers, passed as an argument to all code that depends on them, so that tests can set them."""

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_UNITS: Final = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
"""Seconds, by the letter behind a number."""


@dataclass(frozen=True, slots=True)
class Clock:
    """``monotonic`` returns seconds for waiting, ``wall`` seconds since 1970, ``chance`` a random number in [0, 1).

    ``sleep`` lets some seconds pass.
    """

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    chance: Callable[[], float] = random.random
    sleep: Callable[[float], None] = time.sleep


def seconds_in(text: str) -> float:
    """Return the seconds of a time like 30m, 24h, 7d or 4w.  Raises ValueError for another text."""
    found = re.fullmatch(rf"(\d{{1,4}})([{''.join(_UNITS)}])", text)
    if found is None:
        raise ValueError("give a number of minutes, hours, days or weeks: 30m, 24h, 7d, 4w")
    return int(found[1]) * _UNITS[found[2]]


def about(seconds: float) -> str:
    """Return a time in the greatest unit that it has two of: ``40 seconds``, ``3 hours``, ``12 days``."""
    fits = (pair for pair in ((86_400, "days"), (3600, "hours"), (60, "minutes")) if seconds >= 2 * pair[0])
    size, unit = next(fits, (1, "seconds"))
    return f"{seconds / size:.0f} {unit}"
