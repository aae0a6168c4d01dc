"""Identifies files; a large plain file step by step, because it is hashed whole."""

from collections.abc import Iterator
from pathlib import Path

from tcc_uploader.files import Disk
from tcc_uploader.spool import reader
from tcc_uploader.spool.scan import Seen
from tcc_uploader.spool.segment import Segment


class LargeFiles:
    """The plain files that are not identified yet, in order.  Only the first one was begun, and is open."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._steps: dict[str, Iterator[tuple[Segment, Seen] | None] | None] = {}

    def __len__(self) -> int:
        return len(self._steps)

    def __contains__(self, file: str) -> bool:
        return file in self._steps

    def __iter__(self) -> Iterator[str]:
        return iter(self._steps)

    def identify(self, file: str) -> tuple[Segment, Seen] | None:
        """Take a step; return the segment and the file as it was, or None if the file, one of these now, needs more.

        Raises OSError.
        """
        steps = self._steps.get(file) or reader.identify_in_steps(Path(file), self._disk)
        try:
            identified = next(steps)
        except OSError:
            self._steps.pop(file, None)
            raise
        if identified is None:
            self._steps[file] = steps if next(iter(self._steps), file) == file else None
        else:
            self._steps.pop(file, None)
        return identified
