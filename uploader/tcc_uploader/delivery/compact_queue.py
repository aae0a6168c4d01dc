"""Where pending records stand, kept small: a million of them must fit beside everything else."""

import zlib
from array import array
from typing import NamedTuple


class Entry(NamedTuple):
    """A pending record's place: the file's handle in this process, the line, where it lies (bytes).

    ``run`` marks a run in its file (see :func:`run_fingerprint`); 0 for every other kind.
    """

    handle: int
    line: int
    offset: int
    size: int
    run: int


def run_fingerprint(handle: int, run_id: str) -> int:
    """Return a number for a run in a file.  Two runs may share one: feedback then waits for both."""
    return (handle << 32) | zlib.crc32(run_id.encode("utf-8", "surrogatepass"))


class CompactQueue:
    """First in, first out; 40 bytes per entry."""

    def __init__(self) -> None:
        self._columns = tuple(array("Q") for _ in Entry._fields)
        self._head = 0

    def __len__(self) -> int:
        return len(self._columns[0]) - self._head

    def append(self, entry: Entry) -> None:
        """Add at the end."""
        for column, value in zip(self._columns, entry, strict=True):
            column.append(value)

    def popleft(self) -> Entry:
        """Take the first.  Raises IndexError if there is none."""
        entry = Entry(*(column[self._head] for column in self._columns))
        self._head += 1
        if self._head > 4096 and self._head * 2 > len(self._columns[0]):  # noqa: PLR2004 -- seldom, and not tiny
            for column in self._columns:
                del column[: self._head]
            self._head = 0
        return entry

    def holds_run(self, run: int) -> bool:
        """Whether a run with this fingerprint waits here."""
        try:
            self._columns[-1].index(run, self._head)
        except ValueError:
            return False
        return True
