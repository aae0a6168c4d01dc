"""The runs that have not ended yet, so that each of them is recorded when the process exits."""

import weakref
from contextlib import suppress
from typing import Protocol

from .forks import check


class Unended(Protocol):
    """What this module needs of a run."""

    def _record_unended(self, message: str) -> None: ...

    def _disown(self) -> None: ...

    def _journal_lines(self) -> list[bytes]: ...


_live: dict[int, weakref.ref[Unended]] = {}
"""By the run's ``id()``.  Each member is set and removed in one atomic step, so threads need no lock."""


def watch(run: Unended) -> None:
    """Remember a run that has begun."""
    check()
    _live[id(run)] = weakref.ref(run)


def forget(run: Unended) -> bool:
    """Forget a run; return whether it was known (a forked process knows none of its parent's runs)."""
    check()
    return _live.pop(id(run), None) is not None


def ended(run: Unended) -> None:
    """Forget a run, which may be known or not."""
    _live.pop(id(run), None)


def record_all() -> None:
    """Record every run that has not ended (the process exits)."""
    for run in _runs():
        run._record_unended("not ended: the process exited")  # noqa: SLF001 -- a method of Run for this module alone


def journal_lines() -> list[bytes]:
    """Return the journal lines of every run that has not ended: a new segment begins with them."""
    lines: list[bytes] = []
    for run in _runs():
        with suppress(Exception):  # a run that can't be journaled must not prevent another run's record
            lines += run._journal_lines()  # noqa: SLF001 -- a method of Run for this module alone
    return lines


def disown_all() -> None:
    """Forget every run: all of them belong to the parent of this forked process."""
    for run in _runs():
        run._disown()  # noqa: SLF001 -- a method of Run for this module alone
    _live.clear()


def _runs() -> list[Unended]:
    return [run for reference in list(_live.values()) if (run := reference()) is not None]
