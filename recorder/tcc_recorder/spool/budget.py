"""How much may still be written: limited by the spool's maximum, and by a minimum of free space on the disk."""

import errno
import os
import time
from collections.abc import Callable
from typing import Final

from tcc_schemas.room import MIN_FREE
from tcc_schemas.splitter import MAX_LINE

_MEASURE_EVERY: Final = 4 * 1024 * 1024
"""Bytes written between two measurements: the directory must not be listed for each record."""
_RETRY_AFTER: Final = 1.0
"""Seconds between two measurements while records are refused."""


class Budget:
    """The budget of one spool directory.  ``clock`` returns monotonic seconds."""

    def __init__(self, directory: str, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._clock = clock
        self._left = 0
        self._refusal: tuple[float, OSError] | None = None

    def expire(self) -> None:
        """Measure again before the next record, because a new segment starts."""
        self._left = 0

    def take(self, size: int) -> None:
        """Take the ``size`` bytes of a line from the budget.

        Raises OSError if the line is too long or there is no room for it (the error says what to do), or if measuring
        failed.
        """
        if size > MAX_LINE:
            raise OSError(
                errno.EFBIG, f"a record of {size:,} bytes; a line may have {MAX_LINE:,}: record less in one run"
            )
        if size > self._left:
            self._left = self._measure(size)
        self._left -= size

    def _measure(self, size: int) -> int:
        """Return how many bytes may be written before the next measurement: at least ``size``."""
        now = self._clock()
        if self._refusal is not None and now - self._refusal[0] < _RETRY_AFTER:
            raise self._refusal[1]
        try:
            in_spool = self._max_bytes - _bytes_in(self._directory)
            on_disk = _free_bytes(self._directory) - MIN_FREE
        except FileNotFoundError:  # the directory was removed; the write will find out and make it again
            return size
        if size > min(in_spool, on_disk):
            error = self._no_room(in_spool <= on_disk)
            self._refusal = (now, error)
            raise error
        self._refusal = None
        return min(in_spool, on_disk, max(size, _MEASURE_EVERY))

    def _no_room(self, spool_is_full: bool) -> OSError:
        if spool_is_full:
            return OSError(
                errno.EDQUOT,
                f"the spool holds its maximum of {self._max_bytes} bytes; run tcc-upload, or raise TCC_SPOOL_MAX_BYTES",
            )
        return OSError(errno.ENOSPC, f"less than {MIN_FREE} bytes of disk are free; make room")


def _bytes_in(directory: str) -> int:
    total = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            try:
                total += entry.stat(follow_symlinks=False).st_size
            except FileNotFoundError:  # an uploader has just removed it
                continue
    return total


def _free_bytes(directory: str) -> int:
    if not hasattr(os, "statvfs"):
        return 1 << 62  # Windows: only the spool's maximum counts
    status = os.statvfs(directory)
    return status.f_bavail * status.f_frsize
