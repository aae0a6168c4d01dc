"""Where the process's records go, and the one place where failures to record stop.

There is one sink per process: its spool, made when the first record needs it, or what a test put in its place.
"""

import atexit
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from . import privacy, unended
from .complaints import complaints, debug_logger, log_debug_lines
from .config import checked_arguments, checked_metadata, debug_wanted, settings
from .defaults import defaults
from .spool import Spool


class Sink(Protocol):
    """Takes lines.  Nothing that a sink does raises because of the disk."""

    def record(self, lines: Sequence[bytes], done: Callable[[], object] | None = None) -> bool:
        """Keep these lines; return whether all were kept.  ``done`` is called before another line can follow."""

    def flush(self) -> bool:
        """Make durable what was kept so far; return whether that worked."""


_arguments: Final[dict[str, Any]] = {}
_spools: Final[dict[str, Spool]] = {}
"""At most one, as ``"current"``: a dict's setdefault makes it once, whatever threads do."""
_captures: Final[list[Sink]] = []
"""What stands in for the spool in tests; the last one counts."""


def emit(build: Callable[..., list[bytes]], *args: object, done: Callable[[], object] | None = None) -> bool:
    """Build lines and keep them; return whether that worked.  Nothing is raised."""
    try:
        lines = build(*args)
        kept = _current().record(lines, done)
        if (logger := debug_logger()) is not None:
            for line in lines:
                logger.debug("%s %.200s", "recorded" if kept else "could not record", line.decode())
    except Exception as error:  # noqa: BLE001 -- the agent must not suffer, whatever is wrong with us
        complaints.complain(f"a record is lost: {type(error).__name__}: {error}")
        return False
    return kept


def journals() -> bool:
    """Whether runs that have not ended are to be journaled."""
    return not _captures and (_spools.get("current") or _make()).journals


def note(build: Callable[..., list[bytes]], *args: object) -> None:
    """Build lines and add them to the journal.  Nothing is raised, and nothing depends on it."""
    try:
        (_spools.get("current") or _make()).note(build(*args))
    except Exception as error:  # noqa: BLE001 -- see emit
        complaints.complain(f"the journal lacks a line: {type(error).__name__}: {error}")


def flush() -> bool:
    """Make everything that was recorded so far survive a loss of power; return whether that worked."""
    try:
        return _current().flush()
    except Exception as error:  # noqa: BLE001 -- see emit
        complaints.complain(f"flush failed: {type(error).__name__}: {error}")
        return False


def configure(
    *,
    spool_dir: str | os.PathLike[str] | None = None,
    durability: str | None = None,
    max_bytes: int | None = None,
    journal: bool | None = None,
    metadata: Mapping[str, str] | None = None,
    redact: privacy.Redact | None = None,
    content: bool | None = None,
) -> None:
    """Set what the environment does not say, or says otherwise; None leaves a setting as it is.

    ``spool_dir`` is the directory of the segments, ``durability`` is ``"process"`` (records survive the process's
    death) or ``"power"`` (and a loss of power), ``max_bytes`` is how many bytes the spool may hold, ``journal`` whether
    a run whose process is killed can be recovered as far as it had come.  ``metadata`` is what each run begins with
    (``{}`` clears).  ``redact`` is ``"status"`` (secrets in status messages), ``"secrets"`` (in every text), or a list
    of these, of patterns, and of callables from text to text; ``content=False`` leaves texts out.  What was recorded so
    far is sealed and made durable where it is.  Raises ValueError for a value that a setting can't have.
    """
    given = checked_arguments(spool_dir, durability, max_bytes, journal)
    default_metadata = None if metadata is None else checked_metadata(metadata)
    privacy.configure(redact, content)  # raises before it changes anything
    defaults.configure(default_metadata)
    _arguments.update(given)
    replaced = _spools.pop("current", None)
    if replaced is not None:
        replaced.close()
        replaced.flush()


def push(capture: Sink) -> None:
    """Let ``capture`` stand in for the spool."""
    _captures.append(capture)


def remove(capture: Sink) -> None:
    """Undo :func:`push`."""
    _captures.remove(capture)


def _current() -> Sink:
    if _captures:
        return _captures[-1]
    return _spools.get("current") or _make()


def _make() -> Spool:
    if debug_wanted(os.environ):
        log_debug_lines()
    return _spools.setdefault("current", Spool(settings(_arguments, os.environ), unended.journal))


def _at_exit() -> None:
    unended.record_all()
    spool = _spools.get("current")
    if spool is not None:
        spool.close()


def _after_fork() -> None:
    unended.disown_all()
    spool = _spools.get("current")
    if spool is not None:
        spool.reset_after_fork()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
