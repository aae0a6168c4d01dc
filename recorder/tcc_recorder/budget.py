"""How much may still be written: the spool's own limit, and a floor of free disk that is left to everybody else."""

import errno
import os
import time
from collections.abc import Callable
from typing import Final

_FLOOR: Final = 64 * 1024 * 1024
_STRIDE: Final = 4 * 1024 * 1024
"""Bytes written between two measurements: a directory is never walked per record."""
_PAUSE: Final = 1.0
"""Seconds between two measurements while records are refused."""


class Budget:
    """The budget of one spool directory.  ``clock`` gives seconds that never go back."""

    def __init__(self, directory: str, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._clock = clock
        self._left = 0
        self._refusal: tuple[float, OSError] | None = None

    def expire(self) -> None:
        """Measure again before the next record (a new segment starts)."""
        self._left = 0

    def take(self, size: int) -> None:
        """Take ``size`` bytes out of the budget.

        Raises OSError, saying what to do, if there is no room for them; or if it could not be measured.
        """
        if size > self._left:
            self._left = self._measure(size)
        self._left -= size

    def _measure(self, size: int) -> int:
        """Return the bytes that may be written before the next measurement, ``size`` at least."""
        now = self._clock()
        if self._refusal is not None and now - self._refusal[0] < _PAUSE:
            raise self._refusal[1]
        try:
            in_spool = self._max_bytes - _bytes_in(self._directory)
            on_disk = _free_bytes(self._directory) - _FLOOR
        except FileNotFoundError:  # the directory was removed; the write will see that, and make it again
            return size
        if size > min(in_spool, on_disk):
            error = self._no_room(in_spool <= on_disk)
            self._refusal = (now, error)
            raise error
        self._refusal = None
        return min(in_spool, on_disk, max(size, _STRIDE))

    def _no_room(self, spool_is_full: bool) -> OSError:
        if spool_is_full:
            return OSError(
                errno.EDQUOT,
                f"the spool holds its maximum of {self._max_bytes} bytes; run tcc-upload, or raise TCC_SPOOL_MAX_BYTES",
            )
        return OSError(errno.ENOSPC, f"less than {_FLOOR} bytes of disk are free; make room")


def _bytes_in(directory: str) -> int:
    total = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            try:
                total += entry.stat(follow_symlinks=False).st_size
            except FileNotFoundError:  # an uploader removed it meanwhile
                continue
    return total


def _free_bytes(directory: str) -> int:
    if not hasattr(os, "statvfs"):
        return 1 << 62  # Windows: only the spool's own limit holds
    status = os.statvfs(directory)
    return status.f_bavail * status.f_frsize
