"""Prove that a file of a spool may be removed, and remove it.  Its lock is held until the name is gone."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tcc_uploader.files import identity_of, inode_of, opened, try_lock

from .segment import Segment
from .writer_lock import lock_proves

_unlink = os.unlink

CLAIMS_AT_ONCE: Final = 200
"""Files that may be claimed at once: each is held open while its removal is committed."""
ABANDONED_AFTER: Final = 60.0
"""Seconds that a file may stay empty: a recorder writes its first line as soon as it has the lock."""


@contextmanager
def claimed(candidates: Iterable[Segment]) -> Iterator[list[Segment]]:
    """Yield those of ``candidates`` that were read to their end and can't grow; they stay open until the block ends.

    A segment can't grow if it is sealed, or if its writer's lock was taken here.
    """
    with ExitStack() as stack:
        yield [segment for segment in candidates if _claim(segment, stack)]


def writer_is_gone(segment: Segment) -> bool:
    """Whether a segment's lock proves that its writer has ended, and all that it wrote was read."""
    with claimed([segment]) as gone:
        return bool(gone)


def remove(path: Path) -> None:
    """Remove a claimed file.  Raises OSError."""
    _unlink(path)


def remove_if_abandoned(path: Path) -> None:
    """Remove an empty file whose writer died between making and locking it."""
    try:
        with opened(path) as (file, status):
            old = time.time() - status.st_mtime >= ABANDONED_AFTER
            if old and try_lock(file.fileno()) and os.fstat(file.fileno()).st_size == 0:
                _unlink(path)
    except OSError:
        return  # if this fails, the next sweep tries again


def _claim(segment: Segment, held: ExitStack) -> bool:
    sealed = segment.seal is not None
    if not sealed and not lock_proves(segment.header, inode_of(segment.identity)):
        return False
    try:
        file, status = held.enter_context(opened(segment.file))
    except OSError:
        return False
    free = identity_of(status) == segment.identity and (sealed or try_lock(file.fileno()))
    # a line that came since is read first; a later round removes the file
    return free and os.fstat(file.fileno()).st_size == segment.size
