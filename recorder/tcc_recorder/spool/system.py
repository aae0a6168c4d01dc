"""What a writer asks of the operating system about its segments."""

import errno
import os
import sys
import time
from typing import Final

from tcc_recorder.ids import new_id

if sys.platform != "win32":
    import fcntl

_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})
"""Errors of a file system without locks: the uploader delivers such a segment but does not remove it."""


class System:
    """The system calls of a writer, and what makes its names unique.  A test passes another, or replaces a member."""

    open = staticmethod(os.open)
    write = staticmethod(os.write)
    dup = staticmethod(os.dup)
    close = staticmethod(os.close)
    fstat = staticmethod(os.fstat)
    fsync = staticmethod(os.fsync)
    ftruncate = staticmethod(os.ftruncate)
    unlink = staticmethod(os.unlink)
    wall = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    urandom = staticmethod(os.urandom)
    getpid = staticmethod(os.getpid)
    new_id = staticmethod(new_id)

    @staticmethod
    def fdatasync(descriptor: int) -> None:
        """Make a file's bytes durable.  Raises OSError."""
        if sys.platform == "darwin":
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # on macOS, fsync does not empty the drive's cache
        elif hasattr(os, "fdatasync"):
            os.fdatasync(descriptor)
        else:
            os.fsync(descriptor)

    @staticmethod
    def lock(descriptor: int) -> bool:
        """Take the lock that tells uploaders that the writer is alive; return False if another process has it.

        Raises OSError.
        """
        if sys.platform != "win32":
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
        return True


SYSTEM: Final = System()
