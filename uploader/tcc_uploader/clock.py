"""Time and chance, passed in wherever they decide something."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds: ``monotonic`` to wait by, ``wall`` to tell people; ``chance`` in [0, 1) for jitter."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    chance: Callable[[], float] = random.random
