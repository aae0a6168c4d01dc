"""Time and random numbers, passed as an argument to all code that depends on them, so that tests can set them."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """``monotonic`` returns seconds for waiting, ``wall`` seconds since 1970, ``chance`` a random number in [0, 1)."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    chance: Callable[[], float] = random.random
