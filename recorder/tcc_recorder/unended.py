"""The runs that have begun and not ended yet, so that none goes unseen when the process exits."""

import weakref
from contextlib import suppress
from typing import Protocol


class Unended(Protocol):
    """A run, as far as this module is concerned."""

    def _record_unended(self, message: str) -> None: ...

    def _disown(self) -> None: ...

    def _journal(self) -> list[bytes]: ...


_live: dict[int, weakref.ref[Unended]] = {}
"""By the run's id().  Each entry is set and removed in one step, so that threads need no lock."""


def watch(run: Unended) -> None:
    """Remember a run that has begun."""
    _live[id(run)] = weakref.ref(run)


def forget(run: Unended) -> bool:
    """Forget a run; return whether it was remembered (a forked process remembers none of its parent's)."""
    return _live.pop(id(run), None) is not None


def record_all() -> None:
    """Record every run that has not ended (the process exits)."""
    for run in _runs():
        run._record_unended("not ended: the process exited")  # noqa: SLF001 -- Run's other half


def journal() -> list[bytes]:
    """Return what the journal holds of every run that has not ended, for a segment that takes over from another."""
    lines: list[bytes] = []
    for run in _runs():
        with suppress(Exception):  # a run that can't be journaled must not keep another's record from the disk
            lines += run._journal()  # noqa: SLF001 -- Run's other half
    return lines


def disown_all() -> None:
    """Forget every run: they belong to the parent of this process."""
    for run in _runs():
        run._disown()  # noqa: SLF001 -- Run's other half
    _live.clear()


def _runs() -> list[Unended]:
    return [run for reference in list(_live.values()) if (run := reference()) is not None]
