"""The one place where what goes wrong in recording stops, before it reaches the program that is recorded."""

import functools
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, ParamSpec, Self, TypeVar

from tcc_recorder.complaints import complaints, debug_logger

P = ParamSpec("P")
T = TypeVar("T")
_HERE: Final = Path(__file__).parent


class Guard:
    """Usable as ``with guard:`` and as ``@guard``, any number of times and in any thread.

    What is raised inside is logged (once a minute for each place) and counted, never raised.  A guarded function
    returns None then.  A KeyboardInterrupt is the program's own, and passes.
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
        if error is None:
            return False
        if not isinstance(error, Exception):
            return False
        self.failures += 1
        try:
            # The message may quote what was being recorded: it is for those who ask for debug lines.
            complaints.complain(f"recording an agent's run failed: {type(error).__name__} in {_place(trace)}")
            if (logger := debug_logger()) is not None:
                logger.debug("recording an agent's run failed", exc_info=error)
        except Exception:  # noqa: BLE001 -- a logging handler of the program's own may raise anything
            return True
        return True


def _place(trace: TracebackType | None) -> str:
    """Return the innermost place in this package: that bounds how many reasons there are to be logged."""
    place = "an unknown place"
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.parent == _HERE:
            place = f"{file.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


guard: Final = Guard()
"""The process's own."""
