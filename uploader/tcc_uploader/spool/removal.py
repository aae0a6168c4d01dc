"""Prove that a file of a spool may be removed, and remove it.  The file stays open and locked until it is removed."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tcc_uploader.files import DISK, Disk, inode_of, opened

from .scan import Seen
from .segment import Segment
from .writer_lock import lock_proves

REMOVED_AT_ONCE: Final = 200
"""The most files to remove at once: each stays open until the commit before its removal."""
ABANDONED_AFTER: Final = 60.0
"""Seconds after which an empty file is abandoned: a recorder locks a new file and writes its first line at once."""


@contextmanager
def frozen(candidates: Iterable[Segment], disk: Disk = DISK) -> Iterator[list[Segment]]:
    """Yield the segments of ``candidates`` that were read to the end and can't grow; keep them open in the block.

    A segment can't grow if it is sealed, or if this process could take its writer's lock.
    """
    with ExitStack() as stack:
        yield [segment for segment in candidates if _freeze(segment, stack, disk)]


def writer_is_gone(segment: Segment, disk: Disk = DISK) -> bool:
    """Whether a segment was read to the end, and its seal or lock proves that its writer adds nothing more."""
    with frozen([segment], disk) as gone:
        return bool(gone)


def remove_unchanged(seen: Seen, disk: Disk) -> None:
    """Remove a file that could not grow any more when it was seen, unless it has another size now.

    Raises OSError; FileNotFoundError if it is another file now.
    """
    with opened(seen.file, seen.identity, disk) as (_, status):
        if status.st_size == seen.size:
            disk.remove(seen.file)


def why_not_removed(seen: Seen, disk: Disk = DISK) -> OSError | None:
    """Do :func:`remove_unchanged`; return why that is not possible.  A file that is gone already is removed."""
    try:
        remove_unchanged(seen, disk)
    except FileNotFoundError:
        return None
    except OSError as error:
        return error
    return None


def remove_if_abandoned(path: Path, now: float, disk: Disk) -> None:
    """Remove a file that is empty, not locked, and old ``now`` (in seconds since 1970); ignore OSError.

    Its writer died before the first line.
    """
    try:
        with opened(path, disk=disk) as (file, status):
            old = now - status.st_mtime >= ABANDONED_AFTER
            if old and disk.lock(file.fileno()) and disk.status(file.fileno()).st_size == 0:
                disk.remove(str(path))
    except OSError:
        return  # if this fails, the next sweep tries again


def _freeze(segment: Segment, held: ExitStack, disk: Disk) -> bool:
    sealed = segment.seal is not None
    if not sealed and not lock_proves(segment.header, inode_of(segment.identity)):
        return False
    try:
        file, _ = held.enter_context(opened(segment.file, segment.identity, disk))
    except OSError:
        return False
    # if the size differs, new lines must be read first; a later call removes the file
    return (sealed or disk.lock(file.fileno())) and disk.status(file.fileno()).st_size == segment.size
