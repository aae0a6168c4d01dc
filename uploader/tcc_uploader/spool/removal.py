"""Prove that a file of a spool may be removed, and remove it.  The file stays open and locked until it is removed."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tcc_uploader.files import inode_of, opened, try_lock

from .scan import Seen
from .segment import Segment
from .writer_lock import lock_proves

remove = os.unlink
"""Remove a file that can't grow.  Raises OSError."""

REMOVED_AT_ONCE: Final = 200
"""The most files to remove at once: each stays open until the commit before its removal."""
ABANDONED_AFTER: Final = 60.0
"""Seconds after which an empty file is abandoned: a recorder locks a new file and writes its first line at once."""


@contextmanager
def frozen(candidates: Iterable[Segment]) -> Iterator[list[Segment]]:
    """Yield the segments of ``candidates`` that were read to the end and can't grow; keep them open in the block.

    A segment can't grow if it is sealed, or if this process could take its writer's lock.
    """
    with ExitStack() as stack:
        yield [segment for segment in candidates if _freeze(segment, stack)]


def writer_is_gone(segment: Segment) -> bool:
    """Whether a segment was read to the end, and its seal or lock proves that its writer adds nothing more."""
    with frozen([segment]) as gone:
        return bool(gone)


def remove_unchanged(seen: Seen) -> None:
    """Remove a file that could not grow any more when it was seen, unless it has another size now.

    Raises OSError; FileNotFoundError if it is another file now.
    """
    with opened(seen.file, seen.identity) as (_, status):
        if status.st_size == seen.size:
            remove(Path(seen.file))


def remove_if_abandoned(path: Path) -> None:
    """Remove a file that is empty, old and not locked: its writer died before the first line.  Ignores OSError."""
    try:
        with opened(path) as (file, status):
            old = time.time() - status.st_mtime >= ABANDONED_AFTER
            if old and try_lock(file.fileno()) and os.fstat(file.fileno()).st_size == 0:
                remove(path)
    except OSError:
        return  # if this fails, the next sweep tries again


def _freeze(segment: Segment, held: ExitStack) -> bool:
    sealed = segment.seal is not None
    if not sealed and not lock_proves(segment.header, inode_of(segment.identity)):
        return False
    try:
        file, _ = held.enter_context(opened(segment.file, segment.identity))
    except OSError:
        return False
    # if the size differs, new lines must be read first; a later call removes the file
    return (sealed or try_lock(file.fileno())) and os.fstat(file.fileno()).st_size == segment.size
