"""What goes wrong, said once a minute per reason.

An agent that records a thousand runs a second into a full disk must not fill its log with it as well.
"""

import logging
import time
from collections.abc import Callable
from typing import Final

_PERIOD: Final = 60.0
"""Seconds."""

logger = logging.getLogger("tcc_recorder")


class Complaints:
    """``clock`` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def complain(self, reason: str) -> None:
        """Log ``reason``, which says what to do, with how often it came up since it was last logged."""
        count = self._unsaid.get(reason, 0) + 1
        now = self._clock()
        said = self._said.get(reason)
        if said is not None and now - said < _PERIOD:
            self._unsaid[reason] = count
            return
        self._said[reason] = now
        self._unsaid[reason] = 0
        times = "" if count == 1 else f" ({count} times since this was last logged)"
        logger.warning("%s%s", reason, times)


complaints = Complaints()
"""The process's own."""
