"""Catches every error of the recording code, so that none reaches the program that is recorded."""

import functools
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, ParamSpec, Self, TypeVar

from tcc_recorder.limited_log import debug, log

P = ParamSpec("P")
T = TypeVar("T")
_HERE: Final = Path(__file__).parent


class Guard:
    """Usable as ``with guard:`` and as ``@guard``, any number of times and in any thread.

    An exception inside is logged (once a minute for each location in the code), counted and not raised; a guarded
    function then returns None.  KeyboardInterrupt and the like pass through: they belong to the program.
    """

    def __init__(self) -> None:
        self.failures = 0

    def __call__(self, function: Callable[P, T]) -> Callable[P, T | None]:
        """Return ``function``, guarded."""

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T | None:
            with self:
                return function(*args, **kwargs)
            return None

        return guarded

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self.failed(_location(trace), error)
        return True

    def failed(self, what: str, error: Exception) -> None:
        """Count a failure and log it.  ``what`` says what failed, with few different texts and no values."""
        self.failures += 1
        # The error's text may quote what was being recorded, so it is only logged as a debug message.
        log.warning(f"recording an agent's run failed: {type(error).__name__} in {what}")
        debug("recording an agent's run failed", error=error)


def _location(trace: TracebackType | None) -> str:
    """Return the innermost location in this package, so that the number of different log messages is bounded."""
    location = "an unknown location"
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.parent == _HERE:
            location = f"{file.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return location


guard: Final = Guard()
"""The only instance of the process."""
