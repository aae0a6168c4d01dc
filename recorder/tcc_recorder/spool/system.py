"""What a writer asks of the operating system about its segments."""

import os
import sys
import time
from typing import Final

from tcc_recorder.ids import new_id

if sys.platform != "win32":
    import fcntl


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
    def read_from(descriptor: int, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``; what is written next goes to the end all the same."""
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)

    @staticmethod
    def lock(descriptor: int) -> bool:
        """Take the lock that tells uploaders that the writer is alive; return False if another process has it.

        Any other error is that of a file system without locks: the uploader delivers such a segment, and keeps it.
        """
        if sys.platform != "win32":
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            except OSError:
                return True
        return True


SYSTEM: Final = System()
