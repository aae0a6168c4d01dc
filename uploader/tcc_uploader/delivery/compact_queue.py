"""Where queued records stand, in little memory: a million of them must fit beside everything else."""

import zlib
from array import array
from typing import Final, NamedTuple


class Location(NamedTuple):
    """Where a pending record stands: the file's handle in this process, the line, its offset and size in bytes.

    ``run`` is the fingerprint of a run (:func:`run_fingerprint`), and 0 for every other kind.
    """

    handle: int
    line: int
    offset: int
    size: int
    run: int


def run_fingerprint(handle: int, run_id: str) -> int:
    """Return a number for a run in a file.  Two runs may share one: feedback then waits for both."""
    return (handle << 32) | zlib.crc32(run_id.encode("utf-8", "surrogatepass"))


_COMPACTED: Final = 4096
"""Locations that were taken, from which on their memory is given back."""


class CompactQueue:
    """First in, first out; 40 bytes for each location."""

    def __init__(self) -> None:
        self._columns = tuple(array("Q") for _ in Location._fields)
        self._head = 0

    def __len__(self) -> int:
        return len(self._columns[0]) - self._head

    def append(self, location: Location) -> None:
        """Add at the end."""
        for column, value in zip(self._columns, location, strict=True):
            column.append(value)

    def popleft(self) -> Location:
        """Take the first.  Raises IndexError if there is none."""
        location = Location(*(column[self._head] for column in self._columns))
        self._head += 1
        if self._head > _COMPACTED and self._head * 2 > len(self._columns[0]):
            for column in self._columns:
                del column[: self._head]
            self._head = 0
        return location

    def holds_run(self, fingerprint: int) -> bool:
        """Whether a run with this fingerprint waits here."""
        try:
            self._columns[-1].index(fingerprint, self._head)
        except ValueError:
            return False
        return True
