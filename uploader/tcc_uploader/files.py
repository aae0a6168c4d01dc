"""Files: open them without following links, write them completely or not at all, lock them, identify them."""

import errno
import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from tcc_schemas.default_dirs import make_private

if sys.platform != "win32":
    import fcntl

CHUNK: Final = 1024 * 1024
"""Bytes to read in one call."""
_INODE_BITS: Final = 64
_UNITS: Final = {"": 1, "k": 1024, "M": 1024**2, "G": 1024**3}

_fsync = os.fsync
_replace = os.replace


class ByteStream(Protocol):
    """A source of bytes that can be read once, from beginning to end."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most ``size``; ``b""`` at the end.  Raises OSError."""


def bytes_in(text: str) -> int:
    """Return the bytes of a size like 500, 64k, 200M or 1G, where 1k is 1,024.  Raises ValueError for another text."""
    found = re.fullmatch(r"(\d{1,9})([kMG]?)", text)
    if found is None:
        raise ValueError("give bytes, or 64k, 200M, 1G (1k is 1,024)")
    return int(found[1]) * _UNITS[found[2]]


@contextmanager
def new_file(path: Path, *, replace: bool = False, synced: bool = True) -> Iterator[BinaryIO]:
    """Yield a new file (0600).  It gets its name when the block ends without an error, so it is complete or not there.

    With ``synced`` it survives a power loss.  With ``replace`` it replaces the file of this name, which must have only
    one writer at a time.  Raises OSError; without ``replace`` also FileExistsError if the name is taken.
    """
    if replace:  # the temporary name is always the same: the next writer removes what a killed one left
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.unlink(missing_ok=True)
    else:  # several may write here, in containers all with pid 1: nobody else has this name, nor will
        temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        with open(temporary, "xb", opener=partial(os.open, mode=0o600)) as file:
            yield file
            file.flush()
            if synced:
                _fsync(file.fileno())  # without this, a power loss could leave the name with an empty file
        if replace:
            _replace(temporary, path)
        else:
            _name(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if synced:
        sync_folder(path.parent)  # without this, a power loss could take the name away


def write_whole(path: Path, content: bytes, *, synced: bool = True) -> None:
    """Replace a file's content.  After a crash the file has the complete old or new content.  Raises OSError."""
    with new_file(path, replace=True, synced=synced) as file:
        file.write(content)


def _name(temporary: Path, path: Path) -> None:
    """Give a file its final name.  Raises OSError; FileExistsError if another file has this name."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, as on many USB sticks
        if path.exists():
            raise FileExistsError(str(path)) from None
        _replace(temporary, path)


def make_durably(folder: Path) -> None:
    """Create a folder (0700) and its missing parents, so that they survive a power loss.  Raises OSError."""
    for parent in make_private(str(folder)):
        sync_folder(Path(parent))


def sync_folder(path: Path) -> None:
    """Make the names in a folder survive a power loss.  Raises OSError."""
    if os.name != "posix":
        return  # a folder can't be opened on Windows
    folder = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _fsync(folder)
    finally:
        os.close(folder)


def free_bytes(folder: Path | str) -> int:
    """Return how many bytes of the folder's disk this user may still fill.  Raises OSError."""
    return shutil.disk_usage(folder).free


def size_of(path: Path) -> int:
    """Return a file's size in bytes; 0 if it can't be told."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def try_lock(descriptor: int) -> bool:
    """Lock an open file until it is closed.  Return False if another open file holds the lock, or locking fails.

    On Windows this is always False, so only sealed segments are removed there.
    """
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # also on a file system without locks
        return False
    return True


def identity_of(status: os.stat_result) -> int:
    """Return a file's device and inode as one number, which needs less memory than a tuple."""
    return status.st_dev << _INODE_BITS | status.st_ino


def inode_of(identity: int) -> int:
    """Return the inode of an identity that :func:`identity_of` made."""
    return identity & (1 << _INODE_BITS) - 1


def file_name(path: Path | str) -> str:
    """Return a path as text; bytes that are not valid UTF-8 are escaped."""
    return os.fsencode(path).decode(errors="backslashreplace")


def open_plainly(path: str, flags: int) -> int:
    """Return a descriptor; follow no link, and don't wait for a named pipe's writer.  Raises OSError."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


@dataclass(frozen=True, slots=True)
class Disk:
    """What is asked of the disk about files of others.  Like a clock, it is passed as an argument: tests pass another.

    Each call raises OSError.
    """

    file: type[FileIO] = FileIO
    status: Callable[[int], os.stat_result] = os.fstat
    listed: Callable[[str], "os._ScandirIterator[str]"] = os.scandir
    lock: Callable[[int], bool] = try_lock
    remove: Callable[[str], None] = os.unlink


DISK: Final = Disk()


@contextmanager
def opened(path: Path | str, identity: int | None = None, disk: Disk = DISK) -> Iterator[tuple[FileIO, os.stat_result]]:
    """Open a regular file for reading, but not through a link; yield the file and its status.

    Raises OSError; FileNotFoundError if another file than the one with ``identity`` has this name.
    """
    with disk.file(path, "rb", opener=open_plainly) as file:
        status = disk.status(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if identity not in (None, identity_of(status)):
            raise FileNotFoundError(errno.ENOENT, "another file has taken this name", str(path))
        yield file, status


def read_fully(stream: ByteStream, size: int) -> bytes:
    """Return ``size`` bytes, fewer only at the end.  One read may give fewer: of a network mount, of an unpacker."""
    parts = []
    while size and (data := stream.read(min(size, CHUNK))):
        parts.append(data)
        size -= len(data)
    return b"".join(parts)
