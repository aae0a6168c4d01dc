"""Lines in memory, from reading to sending."""

from typing import Final

from tcc_schemas.lines import Line

_PINNED_BYTES: Final = 64 * 1024 * 1024
_EVICTABLE_BYTES: Final = 16 * 1024 * 1024


class LineCache:
    """Lines by their file's handle and their number there.

    *Pinned* lines can't be read again, and stay until their record is settled: those of streams, and those made from a
    journal.  The others only save a second read; there is a limit to them, and each goes when it is taken.
    """

    def __init__(self) -> None:
        self._lines: dict[tuple[int, int], tuple[Line, bool]] = {}
        self._pinned_bytes = 0
        self._evictable_bytes = 0

    @property
    def has_room(self) -> bool:
        """Whether more may be read from a stream."""
        return self._pinned_bytes < _PINNED_BYTES

    @property
    def half_full(self) -> bool:
        """Whether lines that wait for an operator, and might wait for ever, must not be pinned any more."""
        return self._pinned_bytes >= _PINNED_BYTES // 2

    def pin(self, handle: int, line: Line) -> None:
        """Keep a line that can't be read again."""
        self.drop(handle, line.number)
        self._lines[handle, line.number] = line, True
        self._pinned_bytes += line.size

    def keep(self, handle: int, line: Line) -> None:
        """Keep a line if there is room, and it is not pinned."""
        if (handle, line.number) not in self._lines and self._evictable_bytes + line.size <= _EVICTABLE_BYTES:
            self._lines[handle, line.number] = line, False
            self._evictable_bytes += line.size

    def take(self, handle: int, number: int) -> Line | None:
        """Return a line, if it is here; it is kept on only if it is pinned."""
        line, pinned = self._lines.get((handle, number), (None, True))
        if not pinned:
            self.drop(handle, number)
        return line

    def drop(self, handle: int, number: int) -> None:
        """Keep a line no longer."""
        line, pinned = self._lines.pop((handle, number), (None, True))
        if line is not None and pinned:
            self._pinned_bytes -= line.size
        elif line is not None:
            self._evictable_bytes -= line.size
