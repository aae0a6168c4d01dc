"""How much room a spool may take: recorders refuse records beyond it, and uploaders keep delivered ones well below."""

from typing import Final, NamedTuple

DEFAULT_MAX_BYTES: Final = 1024**3
"""The most bytes that a spool may hold, unless its recorders are told otherwise."""
MIN_FREE: Final = 64 * 1024 * 1024
"""Bytes of free disk below which records are refused, unless the disk is small or the recorder is told otherwise."""


class Room(NamedTuple):
    """What the header of a segment tells of the room that its writer leaves, in bytes; the defaults are for old ones.

    ``max_bytes`` is the most that the spool may hold, ``min_free`` of its disk stays free.
    """

    max_bytes: int = DEFAULT_MAX_BYTES
    min_free: int = MIN_FREE


UNTOLD: Final = Room()
"""Of a segment whose header tells nothing."""


def free_floor(disk: int) -> int:
    """Return how many bytes of a disk of this size recorders leave free: 64 MiB, or 5 % of a small one."""
    return min(MIN_FREE, disk // 20)
