"""Where the records of this process go.  No failure to record gets past this module to the agent.

There is one sink per process: the spool's writer, made for the first record, or what a test uses in its place.
"""

import atexit
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from tcc_schemas.switches import enabled

from . import unended
from .config import checked_arguments, checked_metadata, writer_config
from .defaults import defaults
from .forks import check, on_fork
from .limited_log import debug, debugs, enable_debug, log
from .redact import policy
from .spool.writer import SpoolWriter


class Sink(Protocol):
    """Takes lines.  A sink does not raise when the disk fails."""

    def record(self, lines: Sequence[bytes], done: Callable[[], object] | None = None) -> bool:
        """Store these lines; return whether all were stored.  ``done`` is called before another line can follow."""

    def flush(self) -> bool:
        """Make durable what was stored so far; return whether that worked."""


_arguments: Final[dict[str, Any]] = {}
_writers: Final[dict[str, SpoolWriter]] = {}
"""At most one, as ``"current"``: with ``setdefault`` of a dict, all threads get the same one without a lock."""
_captures: Final[list[Sink]] = []
"""What takes the place of the spool in tests; the last one is used."""


def emit(build: Callable[..., list[bytes]], *args: object, done: Callable[[], object] | None = None) -> bool:
    """Build lines and store them; return whether that worked.  Nothing is raised."""
    try:
        lines = build(*args)
        stored = _current().record(lines, done)
    except Exception as error:  # noqa: BLE001 -- the agent must not suffer, whatever is wrong with us
        log.warning(f"a record is lost: {type(error).__name__}: {error}")
        return False
    if debugs():  # asked before the lines are decoded
        for line in lines:
            debug("%s %s", "recorded" if stored else "could not record", line[:200].decode(errors="replace"))
    return stored


def keeps_journal() -> bool:
    """Return whether runs that have not ended are journaled."""
    try:
        # asked for each child: the writer that is there may be the parent's, which keeps a journal if this one does
        return not _captures and (_writers.get("current") or _writer()).keeps_journal
    except Exception:  # noqa: BLE001 -- the record itself will tell
        return False


def journal(build: Callable[..., list[bytes]], *args: object) -> None:
    """Build lines and add them to the journal.  Nothing is raised; a failure costs only the journal's lines."""
    try:
        _writer().journal(build(*args))
    except Exception as error:  # noqa: BLE001 -- see emit
        log.warning(f"the journal lacks a line: {type(error).__name__}: {error}")


def flush() -> bool:
    """Make everything that was recorded so far survive a power loss; return whether that worked."""
    try:
        return _current().flush()
    except Exception as error:  # noqa: BLE001 -- see emit
        log.warning(f"flush failed: {type(error).__name__}: {error}")
        return False


def configure(
    *,
    spool_dir: str | os.PathLike[str] | None = None,
    durability: str | None = None,
    max_bytes: int | None = None,
    journal: bool | None = None,
    metadata: Mapping[str, str] | None = None,
    redact: policy.Redact | None = None,
    content: bool | None = None,
) -> None:
    """Change settings; they win over the environment.  None leaves a setting as it is.

    ``spool_dir`` is the directory of the segments.  With ``durability="process"`` records survive the death of the
    process, with ``"power"`` a power loss too.  ``max_bytes`` is the most that the spool may hold.  With ``journal``, a
    run whose process is killed can be recovered, as far as it had come.  Each run begins with ``metadata`` (``{}``
    clears it).  ``redact`` is ``"status"`` (secrets in status messages), ``"secrets"`` (in every text), or a list of
    these, of patterns, and of callables from text to text; ``content=False`` leaves texts out.

    What was recorded before is sealed and made durable where it is.  Raises ValueError for an invalid value.
    """
    given = checked_arguments(spool_dir, durability, max_bytes, journal)
    default_metadata = None if metadata is None else checked_metadata(metadata)
    policy.configure(redact, content)  # raises before it changes anything
    defaults.configure(default_metadata)
    _arguments.update(given)
    replaced = _writers.pop("current", None)
    if replaced is not None:
        replaced.close()
        replaced.flush()


def push(capture: Sink) -> None:
    """Use ``capture`` in place of the spool."""
    _captures.append(capture)


def remove(capture: Sink) -> None:
    """Undo :func:`push`."""
    _captures.remove(capture)


def _current() -> Sink:
    if _captures:
        return _captures[-1]
    return _writer()


def _writer() -> SpoolWriter:
    """Return the spool's writer; the first call makes it."""
    check()
    writer = _writers.get("current")
    if writer is None:
        if enabled(os.environ, "TCC_DEBUG", log.warning):
            enable_debug()
        made = SpoolWriter(writer_config(_arguments, os.environ), unended.journal_lines)
        writer = _writers.setdefault("current", made)
    return writer


def _at_exit() -> None:
    check()
    unended.record_all()
    writer = _writers.get("current")
    if writer is not None:
        writer.close()


def _after_fork() -> None:
    unended.disown_all()
    writer = _writers.get("current")
    if writer is not None:
        writer.reset_after_fork()


atexit.register(_at_exit)
on_fork(_after_fork)
