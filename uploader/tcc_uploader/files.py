"""Files: opened without following links, written whole or not at all, locked, told apart by device and inode."""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final, Protocol

if sys.platform != "win32":
    import fcntl

CHUNK: Final = 1024 * 1024
"""Bytes read at once."""

_fsync = os.fsync
_replace = os.replace


class ByteStream(Protocol):
    """Something that bytes are read from, once, from beginning to end."""

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes, ``b""`` at the end.  Raises OSError."""


@contextmanager
def new_file(path: Path, *, replace: bool = False, synced: bool = True) -> Iterator[BinaryIO]:
    """Write a file (0600) that gets its name when the block ends without an error: it is there whole, or not at all.

    It survives a power loss if it is ``synced``.  Raises OSError; FileExistsError if the name is taken, unless the file
    of this name is to be replaced.  A file that is replaced must have one writer at a time.
    """
    # of a killed writer's file that would be replaced, the next attempt removes what is left
    temporary = path.with_suffix(".tmp") if replace else path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        with open(temporary, "xb", opener=partial(os.open, mode=0o600)) as file:
            yield file
            file.flush()
            if synced:
                _fsync(file.fileno())  # or the name might stand for an empty file
        if replace:
            _replace(temporary, path)
        else:
            _name(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if synced:
        sync_folder(path.parent)  # or the file might lose its name


def write_whole(path: Path, content: bytes, *, synced: bool = True) -> None:
    """Replace a file's content: after a crash the old or the new one is there, whole.  Raises OSError."""
    with new_file(path, replace=True, synced=synced) as file:
        file.write(content)


def _name(temporary: Path, path: Path) -> None:
    """Give a file its final name.  Raises FileExistsError if another has it."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, as on many USB sticks
        if path.exists():
            raise FileExistsError(str(path)) from None
        _replace(temporary, path)


def make_durably(folder: Path) -> None:
    """Make a folder (0700) and those above it where they are missing; they survive a power loss.  Raises OSError."""
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
    """Take the lock of an open file, until it is closed.  Return False if it is held elsewhere, or can't be taken.

    On Windows it can never be taken, so only sealed segments are removed there.
    """
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # also on a file system without locks
        return False
    return True


_INODE_BITS: Final = 64


def identity_of(status: os.stat_result) -> int:
    """Return a file's device and inode as one number: 100,000 of them may be in memory."""
    return status.st_dev << _INODE_BITS | status.st_ino


def inode_of(identity: int) -> int:
    """Return the inode in what :func:`identity_of` returned."""
    return identity & (1 << _INODE_BITS) - 1


def file_name(path: Path) -> str:
    """Return a path as text that is valid UTF-8; other bytes are escaped."""
    return os.fsencode(path).decode(errors="backslashreplace")


@contextmanager
def opened(path: Path | str) -> Iterator[tuple[FileIO, os.stat_result]]:
    """Open a regular file for reading, never through a link; yield it with its status.  Raises OSError."""
    with FileIO(path, "rb", opener=open_plainly) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "no regular file", str(path))
        yield file, status


def open_plainly(path: str, flags: int) -> int:
    """Open without following a link, and without waiting for the other end of a pipe.  Raises OSError."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
