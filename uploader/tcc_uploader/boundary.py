"""Where whatever input can cause ends: an exception that nobody foresaw costs one piece of input, not the process.

The pieces are one line, file, archive member, manifest, answer, letter and request.  What is known to be wrong with
one has an error and a message of its own, and passes through a boundary unchanged.  No boundary stands around judging,
settling, committing or removing: a bug there ends the process, before it can do harm.
"""

import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_MOST: Final = 100
"""Pairs of a place and an exception that are told apart; hostile input can cause any number of them."""


class UnexpectedError(OSError, ValueError):
    """Something unforeseen happened to one piece of input; the text says what.

    Its bases are what a piece that can't be read raises, so that whoever reads pieces goes on with the next one.
    """


@dataclass(frozen=True, slots=True)
class Caught:
    """What was caught at one place: ``first`` is the part where it was caught first, ``count`` how many times."""

    place: str
    exception: str
    first: str
    count: int


class _Log:
    """What this process has caught.  Sending threads add to it, too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str], tuple[str, int]] = {}
        self.times = 0
        """How many times anything was caught, also what is not told by :meth:`all`."""

    def add(self, place: str, exception: str, part: str) -> None:
        """Count one exception."""
        with self._lock:
            self.times += 1
            key = place, exception
            if key in self._found or len(self._found) < _MOST:
                first, count = self._found.get(key, (part, 0))
                self._found[key] = first, count + 1

    def all(self) -> list[Caught]:
        """Return what was caught, the oldest first."""
        with self._lock:
            return [Caught(*key, *value) for key, value in self._found.items()]

    def clear(self) -> None:
        """Begin to count anew."""
        with self._lock:
            self._found.clear()
            self.times = 0


caught: Final = _Log()


class Boundary:
    """Turns anything but ``expected`` into an :class:`UnexpectedError`: ``with Boundary("letter 1", ValueError)``."""

    def __init__(self, place: str, *expected: type[BaseException]) -> None:
        self._place = place
        self._expected = (*expected, UnexpectedError)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: TracebackType | None) -> None:
        if error is not None and not isinstance(error, self._expected):
            raise UnexpectedError(unexpected(error, self._place)) from error


def unexpected(error: BaseException, place: str, part: str = "") -> str:
    """Count what was caught at a boundary, and return what it is; ``part`` tells where in ``place`` it was.

    Raises ``error`` again if it is no fault of anything, but ends the process or a generator.  The text has neither
    the error's message nor any input: these could quote a secret.
    """
    # pyo3's, which pydantic raises where its Rust code panics, is a BaseException, and no module exports it
    if not (isinstance(error, Exception) or type(error).__name__ == "PanicException"):
        raise error
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else ""
    exception = f"{type(error).__name__}{where}"
    caught.add(place, exception, part)
    return f"unexpected: {exception}"
