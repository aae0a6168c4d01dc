"""Warnings in the log, each at most once a minute.

An agent that records a thousand runs a second to a full disk must not fill its log too.
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
_WARNING: Final = 30
"""Levels of ``logging``, which may not be imported yet."""
_loggers: Final[list["logging.Logger"]] = []
"""Our logger, after the first call of :func:`find_logger`."""


def find_logger() -> "logging.Logger | None":
    """Return our logger; None if ``logging`` can't be imported: no file descriptor is left, or files can't be read.

    ``logging`` is imported only when there is something to log: that takes a tenth of the time of the first record.
    """
    if not _loggers:
        try:
            import logging  # noqa: PLC0415 -- see above

            _loggers.append(logging.getLogger(LOGGER))
        except Exception:  # noqa: BLE001 -- an import may fail in many ways, and the agent must not suffer
            return None
    return _loggers[0]


def debugs() -> bool:
    """Whether debug messages are enabled; without ``logging`` imported, nobody can have enabled them."""
    logger = find_logger() if "logging" in sys.modules else None
    return logger is not None and logger.isEnabledFor(_DEBUG)


def debug(message: str, *args: object, error: BaseException | None = None) -> None:
    """Log a message if debug messages are enabled.  It may hold what is recorded."""
    if debugs() and (logger := find_logger()) is not None:
        _log(logger, _DEBUG, message, *args, error=error)


def _log(logger: "logging.Logger", level: int, message: str, *args: object, error: BaseException | None = None) -> None:
    """Log a message.  The handlers are the program's own: what they raise must not reach its agent through us."""
    with suppress(Exception):
        logger.log(level, message, *args, exc_info=error)


def enable_debug() -> None:
    """Enable debug messages, on stderr if there is no handler; do nothing if there is no logger."""
    logger = find_logger()
    if logger is not None:
        import logging  # noqa: PLC0415 -- see find_logger

        logger.setLevel(logging.DEBUG)
        if not logger.handlers:
            logger.addHandler(logging.StreamHandler())


class LimitedLog:
    """Logs each message at most once a minute.  ``clock`` returns monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logged_at: dict[str, float] = {}
        self._suppressed: dict[str, int] = {}

    def warning(self, message: str) -> None:
        """Log a message; it should say what to do.  If it was suppressed meanwhile, the log says how often."""
        count = self._suppressed.get(message, 0) + 1
        now = self._clock()
        logged_at = self._logged_at.get(message)
        if logged_at is not None and now - logged_at < _PERIOD:
            self._suppressed[message] = count
            return
        self._logged_at[message] = now
        self._suppressed[message] = 0
        times = "" if count == 1 else f" ({count} times since this was last logged)"
        message = _shown(message)
        logger = find_logger()
        if logger is not None:
            _log(logger, _WARNING, "%s%s", message, times)
        else:
            with suppress(Exception):
                sys.stderr.write(f"{message}{times}\n")  # noqa: TID251 -- as ``logging`` does if nobody configured it


def _shown(text: str) -> str:
    """Return a text as people may see it.  A path, or what an exception says, may hold anything."""
    try:
        from tcc_schemas.display import visible  # noqa: PLC0415 -- only for who has something to say
    except Exception:  # noqa: BLE001 -- see find_logger
        return ascii(text)
    return visible(text)


log = LimitedLog()
"""The only instance of the process."""
