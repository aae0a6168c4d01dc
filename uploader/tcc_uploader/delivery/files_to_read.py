"""Decides which file is read next, and identifies it; a large plain file step by step, because it is hashed whole."""

from collections import deque
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tcc_uploader.files import Disk
from tcc_uploader.spool import reader
from tcc_uploader.spool.scan import Seen
from tcc_uploader.spool.segment import Segment


class FilesToRead:
    """The files that are to be read, in order."""

    def __init__(self, disk: Disk) -> None:
        self.scanned: deque[str] = deque()
        """What the last scan found."""
        self._disk = disk
        self._hinted: dict[str, None] = {}
        """What is read before that."""
        self._large: dict[str, Iterator[tuple[Segment, Seen] | None] | None] = {}
        """The plain files that are not identified yet, after that.  Only the first of them was begun, and is open."""

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(chain(self._hinted, self.scanned, self._large)))

    def __len__(self) -> int:
        return len(self._hinted) + len(self.scanned) + len(self._large)

    def __bool__(self) -> bool:
        return bool(self._hinted or self.scanned or self._large)

    def hint(self, file: str) -> None:
        """Note that a file may have grown; it is read first."""
        if not self.is_large(file):
            self._hinted.setdefault(file)

    def is_large(self, file: str) -> bool:
        """Whether this is a plain file that is being identified: it needs nothing else."""
        return file in self._large

    def next(self) -> str:
        """Return the next file, which is read now.  Raises StopIteration if there is none."""
        if not self._hinted and self.scanned:
            return self.scanned.popleft()
        file = next(chain(self._hinted, self._large))
        self._hinted.pop(file, None)
        return file

    def identify(self, file: str) -> tuple[Segment, Seen] | None:
        """Take a step; return the segment in a file, and the file as it was, or None if it needs another step later.

        Raises OSError.
        """
        steps = self._large.get(file) or reader.identify_in_steps(Path(file), self._disk)
        try:
            identified = next(steps)
        except OSError:
            self._large.pop(file, None)
            raise
        if identified is None:
            self._large[file] = steps if next(iter(self._large), file) == file else None
        else:
            self._large.pop(file, None)
        return identified
