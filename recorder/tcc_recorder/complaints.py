"""What goes wrong, said once a minute per reason.

An agent that records a thousand runs a second into a full disk must not fill its log with it as well.
"""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import logging

LOGGER: Final = "tcc_recorder"
_PERIOD: Final = 60.0
"""Seconds."""
_DEBUG: Final = 10
"""The level, as ``logging`` has it."""
_loggers: Final[list["logging.Logger"]] = []
"""Ours, once it was asked for."""


def find_logger() -> "logging.Logger | None":
    """Return our logger; None if ``logging`` can't be read any more: no descriptor is left, or no right to.

    It is imported when there is something to say: that would be a tenth of what the first record costs.
    """
    if not _loggers:
        try:
            import logging  # noqa: PLC0415 -- see above

            _loggers.append(logging.getLogger(LOGGER))
        except Exception:  # noqa: BLE001 -- an import may fail in many ways, and the agent must not suffer
            return None
    return _loggers[0]


def debug_logger() -> "logging.Logger | None":
    """Return our logger if it lets debug messages through; before ``logging`` is there, nobody can have told it to."""
    logger = find_logger() if "logging" in sys.modules else None
    return logger if logger is not None and logger.isEnabledFor(_DEBUG) else None


def log_debug_lines() -> None:
    """Let debug messages through, to stderr if nobody handles them; nothing if there is no logger to be had."""
    logger = find_logger()
    if logger is not None:
        import logging  # noqa: PLC0415 -- see find_logger

        logger.setLevel(logging.DEBUG)
        if not logger.handlers:
            logger.addHandler(logging.StreamHandler())


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
        logger = find_logger()
        if logger is not None:
            logger.warning("%s%s", reason, times)
        else:
            with suppress(Exception):
                sys.stderr.write(f"{reason}{times}\n")  # as ``logging`` does for a program that does not set it up


complaints = Complaints()
"""The process's own."""
