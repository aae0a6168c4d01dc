"""One segment: its file's whole I/O.  When there is one, and what a failure costs, the spool decides."""

import errno
import os
import stat
import sys
import time
from contextlib import suppress
from functools import cache
from itertools import count
from typing import Final, NamedTuple

import orjson

from tcc_schemas.lines import crc_of, encode
from tcc_schemas.tally import Tally
from tcc_schemas.version import __version__

from .clock import now
from .ids import new_id

if sys.platform != "win32":
    import fcntl

# Replaced by fault tests.
_open = os.open
_write = os.write
_close = os.close
_fstat = os.fstat
_fsync = os.fsync
_ftruncate = os.ftruncate
_unlink = os.unlink

_FLAGS: Final = (
    os.O_WRONLY
    | os.O_APPEND
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_BINARY", 0)
)
_NAMES: Final = 16
"""How many names are tried before somebody who locks every new file is given up on."""
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})
"""A file system without locks: the uploader delivers such a segment and leaves it."""


def _fdatasync(descriptor: int) -> None:
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # there, fsync stops at the drive's cache
    elif hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


class SegmentLostError(OSError):
    """The file was removed, or somebody closed our descriptor: what was written last is not in the spool."""


class Directory(NamedTuple):
    """A spool's directory, ready to be written: the mode of its files, and the directories just made around it."""

    file_mode: int
    made_in: list[str]


def prepare_directory(path: str) -> Directory:
    """Make the spool's directory if there is none.

    Raises OSError if it can't be made, and PermissionError if anybody at all may rename and remove files in it.
    """
    made_in = []
    parent = path
    # os.path throughout: pathlib would double the cost of a segment's start
    while not os.path.isdir(parent) and parent != os.path.dirname(parent):  # noqa: PTH112, PTH120 -- see above
        parent = os.path.dirname(parent)  # noqa: PTH120 -- see above
        made_in.append(parent)
    if made_in:
        os.makedirs(path, mode=0o700, exist_ok=True)  # noqa: PTH103 -- see above
    mode = os.stat(path).st_mode  # noqa: PTH116 -- see above
    if mode & stat.S_IWOTH and not mode & (stat.S_ISVTX | stat.S_ISGID):
        raise PermissionError(
            errno.EACCES, f"anybody can write to {path}; set its mode to 0700, or to 2770 for a group of users"
        )
    shared = mode & stat.S_ISGID and mode & stat.S_IWGRP
    return Directory(0o660 if shared else 0o600, made_in)


def sync(descriptor: int) -> None:
    """Make a file's bytes durable.  Raises OSError."""
    _fdatasync(descriptor)


def sync_directory(path: str) -> None:
    """Make the directory's entries durable; one that is gone has none.  Raises OSError."""
    if sys.platform == "win32":
        return  # a directory can't be opened there
    try:
        descriptor = _open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        _fsync(descriptor)
    finally:
        _close(descriptor)


def sync_directories(paths: set[str]) -> list[OSError]:
    """Make the entries of these directories durable, and take them out of the set; return what went wrong."""
    errors = []
    while paths:
        try:
            sync_directory(paths.pop())
        except OSError as error:
            errors.append(error)
    return errors


def close_quietly(descriptor: int) -> None:
    """Close a descriptor that somebody else may have closed already."""
    with suppress(OSError):
        _close(descriptor)


class Segment:
    """A segment that this process writes.  Its methods raise OSError, and the caller holds the spool's mutex."""

    def __init__(self, directory: str, file_mode: int, durability: str) -> None:
        """Create the file, lock it, write its header line."""
        self.id = new_id().replace("-", "")
        self.tally = Tally()
        self.size = 0
        """Bytes; where the last whole line ends."""
        self.intact = True
        """Whether the file ends with the last line that was counted.  A seal would be a lie otherwise."""
        self.synced = 0
        """How many of its records are known to be durable."""
        self.unsynced: list[bytes] = []
        """The records behind those, if the durability is ``power``."""
        self.path, self._descriptor = _create(directory, file_mode)
        status = _fstat(self._descriptor)
        self._identity = (status.st_ino, status.st_dev)
        try:
            self.append(
                encode("segment", self.id, _header(self.id, durability, status.st_ino), at=now()), is_record=False
            )
        except OSError:
            with suppress(OSError):
                _unlink(self.path)  # it holds nothing; a full disk must not collect empty files as well
            self.close()
            raise

    def append(self, line: bytes, *, is_record: bool = True) -> None:
        """Write one line: a record, or what is none.

        Raises SegmentLostError if it must be written again elsewhere, OSError if it could not be written: then the
        file is as it was before, or not :attr:`intact`.
        """
        descriptor = self._descriptor
        if not self.intact:
            raise SegmentLostError(errno.EINTR, "a write was interrupted")
        if self._links(descriptor) is None:  # a daemonizer closed it; it may be the agent's own file by now
            raise SegmentLostError(errno.EBADF, "somebody closed the segment's descriptor")
        self.intact = False  # until the books are in order again, whatever interrupts us
        try:
            if _write(descriptor, line) != len(line):  # the rest could land behind somebody else's line
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 -- both kinds end alike
        except OSError:
            if self._links(descriptor) is not None:
                _ftruncate(descriptor, self.size)
                self.intact = True
            raise
        if not self._links(descriptor):
            raise SegmentLostError(errno.ENOENT, "somebody removed the segment, or closed its descriptor")
        self.size += len(line)
        self.tally.add(crc_of(line), is_record=is_record)
        self.intact = True

    def seal(self, refused: int) -> None:
        """Write the last line: what this segment holds, and how many records were ``refused`` since the last seal."""
        body = orjson.dumps({"records": self.tally.records, "refused": refused, "crcs": self.tally.crcs})
        self.append(encode("seal", self.id, body, at=now()), is_record=False)

    def close(self) -> None:
        """Close the file, and thereby give up its lock (unless a forked process holds it too)."""
        descriptor, self._descriptor = self._descriptor, -1
        if self._links(descriptor) is not None:
            close_quietly(descriptor)

    def handle(self) -> int | None:
        """Return a new descriptor of this file to sync it by; None if the file is gone: it was delivered."""
        if self._links(self._descriptor) is not None:
            return os.dup(self._descriptor)
        try:
            return _open(self.path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0))
        except FileNotFoundError:
            return None

    def mark_synced(self, records: int) -> None:
        """Take note that the first ``records`` records are durable."""
        if records > self.synced:
            del self.unsynced[: records - self.synced]
            self.synced = records

    def _links(self, descriptor: int) -> int | None:
        """Return how many names our file has; None if the descriptor does not stand for it any more."""
        try:
            status = _fstat(descriptor)
        except OSError:
            return None
        return status.st_nlink if (status.st_ino, status.st_dev) == self._identity else None


def _create(directory: str, file_mode: int) -> tuple[str, int]:
    """Return path and descriptor of a new file that nobody else had a chance to take."""
    for _ in range(_NAMES):
        name = f"{time.strftime('%Y%m%dt%H%M%Sz', time.gmtime())}-{os.urandom(8).hex()}.jsonl"
        path = os.path.join(directory, name)  # noqa: PTH118 -- see prepare_directory
        descriptor = _open(path, _FLAGS, file_mode)
        try:
            if _lock(descriptor) and _fstat(descriptor).st_nlink:
                if hasattr(os, "fchmod"):
                    os.fchmod(descriptor, file_mode)  # whatever the umask says
                return path, descriptor
        except OSError:
            _close(descriptor)
            raise
        _close(descriptor)  # an uploader saw the empty file first; it removes it
    raise OSError(errno.EAGAIN, "somebody else locks every new segment")


def _lock(descriptor: int) -> bool:
    """Take the lock that tells uploaders a writer lives; return False if somebody else has it."""
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
    return True


def _header(segment_id: str, durability: str, inode: int) -> bytes:
    name, numbers = _process(os.getpid())
    return orjson.dumps(
        {
            "segment_id": segment_id,
            "host": _host(),
            "boot_id": _boot_id(),
            "pid": os.getpid(),
            "process": name,
            "sequence": next(numbers),
            "inode": inode,
            "sdk_version": __version__,
            "durability": durability,
        }
    )


def _host() -> str:
    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    return name.encode("utf-8", "replace").decode()


@cache
def _process(_pid: int) -> "tuple[str, count[int]]":
    """Return a name for this process that no other will ever have, and what numbers its segments, from 1.

    Ids made in one millisecond are in no order.  A forked process asks with a pid of its own.
    """
    return new_id().replace("-", ""), count(1)


@cache
def _boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123 -- see above
            return file.read().strip()
    except (OSError, ValueError):
        return ""
