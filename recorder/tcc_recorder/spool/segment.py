"""One segment: all I/O on its file.  The writer decides when a segment starts, and what a failure means."""

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

from tcc_recorder.clock import now
from tcc_recorder.config import WriterConfig
from tcc_recorder.ids import new_id
from tcc_schemas.default_dirs import make_private
from tcc_schemas.lines import crc_of, encode
from tcc_schemas.tally import Tally
from tcc_schemas.version import __version__

from .system import SYSTEM, System

_FLAGS: Final = (
    os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)
"""With these no link is followed: O_EXCL refuses one.  Not every file system knows O_NOFOLLOW."""
_NAME_TRIES: Final = 16
"""How many names are tried if another process locks each new file first."""


class SegmentLostError(OSError):
    """The file was removed, or other code closed our descriptor: the last line is not in the spool."""


class Directory(NamedTuple):
    """A spool's directory, ready for writing: the mode of new files, and which directories got a new entry."""

    file_mode: int
    made_in: list[str]


def prepare_directory(path: str) -> Directory:
    """Make the spool's directory if it does not exist.

    Raises OSError if it can't be made, PermissionError if every user may rename and remove files in it.
    """
    made_in = make_private(path)
    mode = os.stat(path).st_mode  # noqa: PTH116 -- pathlib would double the cost of a segment's start
    if mode & stat.S_IWOTH and not mode & (stat.S_ISVTX | stat.S_ISGID):
        raise PermissionError(
            errno.EACCES, f"anybody can write to {path}; set its mode to 0700, or to 2770 for a group of users"
        )
    shared = mode & stat.S_ISGID and mode & stat.S_IWGRP
    return Directory(0o660 if shared else 0o600, made_in)


def sync_directory(path: str, system: System) -> None:
    """Make the directory's entries durable; do nothing if it was removed.  Raises OSError."""
    if sys.platform == "win32":
        return  # a directory can't be opened on Windows
    try:
        descriptor = system.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        system.fsync(descriptor)
    finally:
        system.close(descriptor)


def sync_directories(paths: set[str], system: System) -> list[OSError]:
    """Make the entries of these directories durable, and empty the set; return the errors."""
    errors = []
    while paths:
        try:
            sync_directory(paths.pop(), system)
        except OSError as error:
            errors.append(error)
    return errors


def close_quietly(descriptor: int, system: System) -> None:
    """Close a descriptor that other code may have closed already."""
    with suppress(OSError):
        system.close(descriptor)


class Segment:
    """A segment that this process writes.  Its methods may raise OSError.  The caller holds the writer's mutex."""

    def __init__(self, file_mode: int, config: WriterConfig, system: System = SYSTEM) -> None:
        """Create the file in the spool, lock it and write its header line."""
        self._system = system
        self.id = system.new_id().replace("-", "")
        self.tally = Tally()
        self.size = 0
        """In bytes, up to the end of the last whole line."""
        self.intact = True
        """Whether the file ends with the last line that was counted.  If not, a seal would not be true."""
        self.synced = 0
        """How many of its records are known to be durable."""
        self.unsynced: list[bytes] = []
        """The records after those; used only if the durability is ``power``."""
        self.path, self._descriptor, self.mode_error = _create(config.spool_dir, file_mode, system)
        status = system.fstat(self._descriptor)
        self._identity = (status.st_ino, status.st_dev)
        try:
            header = _header(self.id, config, status.st_ino, system)
            self.append(encode("segment", self.id, header, at=now()), is_record=False)
        except OSError:
            with suppress(OSError):
                system.unlink(self.path)  # it holds no record; leave no empty files on a full disk
            self.close()
            raise

    def append(self, line: bytes, *, is_record: bool = True) -> None:
        """Write one line; ``is_record`` is false for the header, the journal and the seal.

        Raises SegmentLostError if the file is lost, and its lines must be written to another one.  Raises OSError if
        the line could not be written: the file is then as it was before, or it is not :attr:`intact`.
        """
        descriptor = self._descriptor
        if not self.intact:
            raise SegmentLostError(errno.EINTR, "a write was interrupted")
        # a daemonizing program may have closed it, and the agent may use its number for another file
        if self._links(descriptor) is None:
            raise SegmentLostError(errno.EBADF, "other code closed the segment's descriptor")
        self.intact = False  # until file and counts match again: a signal handler may raise in between
        try:
            if self._system.write(descriptor, line) != len(line):  # no second write: other bytes may follow these
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 -- handled as an error of the call is
        except OSError:
            self._cut(descriptor, line)
            raise
        if not self._links(descriptor):
            raise SegmentLostError(errno.ENOENT, "the segment was removed, or other code closed its descriptor")
        self.size += len(line)
        self.tally.add(crc_of(line), is_record=is_record)
        self.intact = True

    def _cut(self, descriptor: int, line: bytes) -> None:
        """Take back the part of a line that was written; never what a forked process wrote, which has our file, too."""
        if self._links(descriptor) is None:
            return
        if line.startswith(self._system.read_from(descriptor, self.size, len(line))):
            self._system.ftruncate(descriptor, self.size)
            self.intact = True

    def seal(self, refused: int) -> None:
        """Write the last line: what this segment holds, and how many records were ``refused`` since the last seal."""
        body = orjson.dumps({"records": self.tally.records, "refused": refused, "crcs": self.tally.crcs})
        self.append(encode("seal", self.id, body, at=now()), is_record=False)

    def close(self) -> None:
        """Close the file.  This also releases its lock, unless a forked process has the file open too."""
        descriptor, self._descriptor = self._descriptor, -1
        if self._links(descriptor) is not None:
            close_quietly(descriptor, self._system)

    def duplicate(self) -> int | None:
        """Return a new descriptor of this file, for a sync; None if the file is gone, because it was delivered."""
        if self._links(self._descriptor) is not None:
            return self._system.dup(self._descriptor)
        try:
            return self._system.open(self.path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0))
        except FileNotFoundError:
            return None

    def mark_synced(self, records: int) -> None:
        """Remember that the first ``records`` records are durable."""
        if records > self.synced:
            del self.unsynced[: records - self.synced]
            self.synced = records

    def _links(self, descriptor: int) -> int | None:
        """Return how many names (hard links) our file has; None if the descriptor is not that of our file any more."""
        try:
            status = self._system.fstat(descriptor)
        except OSError:
            return None
        return status.st_nlink if (status.st_ino, status.st_dev) == self._identity else None


class _Created(NamedTuple):
    """A new file that is locked and still has its name; and the error if its mode could not be set."""

    path: str
    descriptor: int
    mode_error: OSError | None


def _create(directory: str, file_mode: int, system: System) -> _Created:
    for _ in range(_NAME_TRIES):
        name = f"{time.strftime('%Y%m%dt%H%M%Sz', time.gmtime(system.wall()))}-{system.urandom(8).hex()}.jsonl"
        path = os.path.join(directory, name)  # noqa: PTH118 -- see prepare_directory
        descriptor = system.open(path, _FLAGS, file_mode)
        kept = False
        try:
            kept = system.lock(descriptor) and system.fstat(descriptor).st_nlink > 0
            if kept:
                return _Created(path, descriptor, _mode_error(descriptor, file_mode))
        finally:
            if not kept:  # an uploader locked the empty file first, and removes it
                system.close(descriptor)
                with suppress(OSError):
                    system.unlink(path)
    raise OSError(errno.EAGAIN, "another process locks every new segment")


def _mode_error(descriptor: int, file_mode: int) -> OSError | None:
    """Set the mode of a file, whatever the umask says.  A file system may refuse that: the file is as good as any."""
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, file_mode)
    except OSError as error:
        return error
    return None


_MAX_NUMBER: Final = 2**63 - 1
"""The largest number in a header: JSON of other programs holds no larger one."""


def _header(segment_id: str, config: WriterConfig, inode: int, system: System) -> bytes:
    pid = system.getpid()
    name, numbers = _process(pid)
    floor = {} if config.min_free is None else {"min_free": min(config.min_free, _MAX_NUMBER)}
    return orjson.dumps(
        {
            "segment_id": segment_id,
            "host": _host(),
            "boot_id": _boot_id(),
            "pid": pid,
            "process": name,
            "sequence": next(numbers),
            "inode": inode,
            "sdk_version": __version__,
            "durability": config.durability,
            "max_bytes": min(config.max_bytes, _MAX_NUMBER),
            **floor,
        }
    )


def _host() -> str:
    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    return name.encode("utf-8", "replace").decode()


@cache
def _process(_pid: int) -> "tuple[str, count[int]]":
    """Return a unique name for this process, and the counter of its segments, from 1.

    The counter is needed because ids of the same millisecond are not ordered.  A forked process has another pid, and
    so gets a name and a counter of its own.
    """
    return new_id().replace("-", ""), count(1)


@cache
def _boot_id() -> str:
    try:
        # as bytes: in a directory that was removed, CPython 3.13 finds no codec for a text, and raises SystemError
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:  # noqa: PTH123 -- see prepare_directory
            return file.read().strip().decode("ascii")
    except (OSError, ValueError):
        return ""
