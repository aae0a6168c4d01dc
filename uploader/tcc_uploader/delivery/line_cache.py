"""Keeps lines in memory after they are read, until they are sent."""

from typing import Final

from tcc_schemas.lines import Line

_PINNED_BYTES: Final = 32 * 1024 * 1024
_OF_A_LINE: Final = 1024
"""Bytes that a line takes beside its own."""
_EVICTABLE_BYTES: Final = 16 * 1024 * 1024


class LineCache:
    """Lines by their file's handle and line number.

    *Pinned* lines (from streams, or made from a journal) can't be read again, and stay until their record is settled.
    Other lines only save a second read: their total size is limited, and a line is removed when it is taken.
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
        """Whether half of the room is used: then records that wait for an operator must not be pinned any more."""
        return self._pinned_bytes >= _PINNED_BYTES // 2

    def pin(self, handle: int, line: Line) -> None:
        """Keep a line that can't be read again, until :meth:`drop`."""
        self.drop(handle, line.number)
        self._lines[handle, line.number] = line, True
        self._pinned_bytes += line.size + _OF_A_LINE

    def keep(self, handle: int, line: Line) -> None:
        """Keep a line if there is room, and the line is not pinned."""
        size = line.size + _OF_A_LINE
        if (handle, line.number) not in self._lines and self._evictable_bytes + size <= _EVICTABLE_BYTES:
            self._lines[handle, line.number] = line, False
            self._evictable_bytes += size

    def take(self, handle: int, number: int) -> Line | None:
        """Return a line, or None.  The line stays only if it is pinned."""
        line, pinned = self._lines.get((handle, number), (None, True))
        if not pinned:
            self.drop(handle, number)
        return line

    def drop(self, handle: int, number: int) -> None:
        """Remove a line, also a pinned one."""
        line, pinned = self._lines.pop((handle, number), (None, True))
        if line is not None and pinned:
            self._pinned_bytes -= line.size + _OF_A_LINE
        elif line is not None:
            self._evictable_bytes -= line.size + _OF_A_LINE
