"""Files: opened without following links, replaced as a whole, locked, and told apart by device and inode."""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Final, Protocol

if sys.platform != "win32":
    import fcntl

CHUNK: Final = 1024 * 1024
"""Bytes read at once."""

_fsync = os.fsync
_replace = os.replace


class ByteStream(Protocol):
    """What bytes are read from, once, from the beginning to the end."""

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes, ``b""`` at the end.  Raises OSError."""


def write_whole(path: Path, content: bytes, *, synced: bool = True) -> None:
    """Replace a file's content: after a crash the old or the new one is there, whole.  Raises OSError.

    Temporary file, write, fsync, rename, fsync of the folder: without the first fsync the new name could stand for
    an empty file, without the second the rename could be undone, by a loss of power.  What is not worth that is not
    ``synced``.
    """
    temporary = path.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        if synced:
            _fsync(descriptor)
    _replace(temporary, path)
    if synced:
        sync_folder(path.parent)


def make_durably(folder: Path) -> None:
    """Make a folder (0700) and those above it, if need be, so that no power loss takes its name.  Raises OSError."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder survive a power loss.  Raises OSError."""
    if os.name != "posix":
        return  # a folder can't be opened on Windows
    folder = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _fsync(folder)
    finally:
        os.close(folder)


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file if nobody holds it; it is held until the file is closed.

    On Windows no lock is ever obtained, so only sealed segments are removed.
    """
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held by another, or a file system without locks
        return False
    return True


_INODE_BITS: Final = 64


def identity_of(status: os.stat_result) -> int:
    """Return which file a name stands for now: device and inode in one number, of which 100,000 may be in memory."""
    return status.st_dev << _INODE_BITS | status.st_ino


def inode_of(identity: int) -> int:
    """Return the inode in what :func:`identity_of` returned."""
    return identity & (1 << _INODE_BITS) - 1


def file_name(path: Path) -> str:
    """Return a path as text that UTF-8 can hold, whatever bytes it is made of."""
    return os.fsencode(path).decode(errors="backslashreplace")


class NotAFileError(OSError):
    """The name stands for a link, a device or a folder: it is left alone."""


@contextmanager
def opened(path: Path | str) -> Iterator[tuple[FileIO, os.stat_result]]:
    """Open a file of a spool for reading: no links, no devices, no waiting.  Raises OSError."""
    with FileIO(path, "rb", opener=open_plainly) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise NotAFileError(errno.EINVAL, "no regular file", str(path))
        yield file, status


def open_plainly(path: str, flags: int) -> int:
    """Open without following a link, and without waiting for a pipe's other end."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
