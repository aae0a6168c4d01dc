"""A queue of records' locations that needs little memory, because a million records may be queued."""

import zlib
from array import array
from typing import Final, NamedTuple


class Location(NamedTuple):
    """The location of a pending record: its file's handle, its line number, and its offset and size in bytes.

    ``run`` is the run fingerprint (:func:`run_fingerprint`) if the record is a run, else 0.
    """

    handle: int
    line: int
    offset: int
    size: int
    run: int


def run_fingerprint(handle: int, run_id: str) -> int:
    """Return the run fingerprint, a number for a run in a file.  If two runs get the same, feedback waits for both."""
    return (handle << 32) | zlib.crc32(run_id.encode("utf-8", "surrogatepass"))


_COMPACTED: Final = 4096  # locations that may be taken before their memory is released


class CompactQueue:
    """A first-in, first-out queue; each location takes 40 bytes."""

    def __init__(self) -> None:
        self._columns = tuple(array("Q") for _ in Location._fields)
        self._head = 0

    def __len__(self) -> int:
        return len(self._columns[0]) - self._head

    def append(self, location: Location) -> None:
        """Add a location at the end."""
        for column, value in zip(self._columns, location, strict=True):
            column.append(value)

    @property
    def first(self) -> Location:
        """The first location.  Raises IndexError if the queue is empty."""
        return Location(*(column[self._head] for column in self._columns))

    def popleft(self) -> Location:
        """Remove and return the first location.  Raises IndexError if the queue is empty."""
        location = self.first
        self._head += 1
        if self._head > _COMPACTED and self._head * 2 > len(self._columns[0]):
            for column in self._columns:
                del column[: self._head]
            self._head = 0
        return location

    def pop(self) -> Location:
        """Remove and return the last location.  Raises IndexError if the queue is empty."""
        if len(self) == 0:
            raise IndexError("the queue is empty")
        return Location(*(column.pop() for column in self._columns))

    def remove(self, handle: int, line: int) -> Location | None:
        """Remove and return the location of this line; None if it is not there.  Reads the whole queue."""
        handles, lines = self._columns[:2]
        for at in range(self._head, len(handles)):
            if handles[at] == handle and lines[at] == line:
                return Location(*(column.pop(at) for column in self._columns))
        return None

    def holds_run(self, fingerprint: int) -> bool:
        """Whether a run with this fingerprint is in the queue."""
        try:
            self._columns[-1].index(fingerprint, self._head)
        except ValueError:
            return False
        return True
