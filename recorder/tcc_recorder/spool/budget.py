"""How much may still be written: limited by the spool's maximum, and by a minimum of free space on the disk."""

import errno
import os
import time
from collections.abc import Callable
from typing import Final

from tcc_schemas.room import free_floor
from tcc_schemas.splitter import MAX_LINE

_MEASURE_EVERY: Final = 4 * 1024 * 1024
"""Bytes written between two measurements: the directory must not be listed for each record."""
_WHAT_FREES: Final = "to free it, run tcc-upload daemon, tcc-upload replay --remove or tcc-upload bundle --remove"
_RETRY_AFTER: Final = 1.0
"""Seconds between two measurements while lines of this size are refused."""


class Budget:
    """The budget of one spool directory, which may hold ``max_bytes``.  ``clock`` returns monotonic seconds.

    ``min_free`` bytes of the disk stay free; None: :func:`.room.free_floor` says how many.
    """

    def __init__(
        self, directory: str, max_bytes: int, min_free: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._directory = directory
        self._max_bytes, self._min_free = max_bytes, min_free
        self._clock = clock
        self._left = 0
        self._refusal: tuple[float, int, OSError] | None = None

    @property
    def min_free(self) -> int | None:
        """How many bytes of the disk stay free; None if the disk does not tell its size."""
        try:
            return self._floor(_free_and_all(self._directory)[1])
        except OSError:
            return None

    def _floor(self, disk: int) -> int:
        return free_floor(disk) if self._min_free is None else self._min_free

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
        if self._refusal is not None:
            refused_at, refused, error = self._refusal
            if size >= refused and now - refused_at < _RETRY_AFTER:  # a smaller line may have room
                raise error
        try:
            in_spool = self._max_bytes - _bytes_in(self._directory)
            free, disk = _free_and_all(self._directory)
        except FileNotFoundError:  # the directory was removed; the write will find out and make it again
            return size
        floor = self._floor(disk)
        on_disk = free - floor
        if size > min(in_spool, on_disk):
            error = self._spool_is_full() if in_spool <= on_disk else _disk_is_full(floor)
            self._refusal = (now, size, error)
            raise error
        self._refusal = None
        return min(in_spool, on_disk, max(size, _MEASURE_EVERY))

    def _spool_is_full(self) -> OSError:
        return OSError(
            errno.EDQUOT,
            f"the spool holds its maximum of {self._max_bytes:,} bytes; {_WHAT_FREES}, or raise TCC_SPOOL_MAX_BYTES",
        )


def _disk_is_full(floor: int) -> OSError:
    return OSError(
        errno.ENOSPC,
        f"less than {floor:,} bytes of the spool's disk are free; make room ({_WHAT_FREES}), "
        "or lower TCC_SPOOL_MIN_FREE",
    )


def _bytes_in(directory: str) -> int:
    total = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            try:
                total += entry.stat(follow_symlinks=False).st_size
            except FileNotFoundError:  # an uploader has just removed it
                continue
    return total


def _free_and_all(directory: str) -> tuple[int, int]:
    """Return how many bytes of a directory's disk this user may still fill, and how many it has."""
    if not hasattr(os, "statvfs"):
        return 1 << 62, 1 << 62  # Windows: only the spool's maximum counts
    status = os.statvfs(directory)
    return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize
