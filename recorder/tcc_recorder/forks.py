"""Gives up in a forked process what belongs to its parent: a segment and its lock, counts, ids, open runs.

Python tells of its own forks.  uWSGI and other hosts fork in C, where no hook runs: so whatever uses such state asks
:func:`check` first, which costs a sixth of a microsecond.
"""

import os
from collections.abc import Callable
from os import getpid
from typing import Final

from .locks import RLock

_resets: Final[list[Callable[[], None]]] = []
_locks: Final[dict[int, RLock]] = {}
"""By pid: a lock of the parent may be held by a thread that the child does not have."""
_current: int = os.getpid()
"""The process that all state belongs to: its pid."""


def on_fork(reset: Callable[[], None]) -> None:
    """Have ``reset`` called in every forked process, before anything that it resets is used.

    It must not call :func:`check`.
    """
    _resets.append(reset)


def check() -> None:
    """Reset what belongs to the parent, if this process is forked and has not done that yet."""
    if getpid() != _current:
        _reset_all(getpid())


def _reset_all(pid: int) -> None:
    global _current  # noqa: PLW0603 -- one for the process; read at each use, and a list would cost more than the question
    with _locks.setdefault(pid, RLock()):  # the other threads wait until all is reset
        if pid != _current:
            for reset in _resets:
                reset()
            _current = pid
            _locks.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=check)
