"""Lines kept in memory between reading and sending."""

from typing import Final

from tcc_schemas.lines import Line

from .compact_queue import Entry

_KEPT_BYTES: Final = 16 * 1024 * 1024
_HELD_BYTES: Final = 64 * 1024 * 1024


class LineCache:
    """Lines that can't be read again, until they meet their fate: those of streams, and those made from a journal."""

    def __init__(self) -> None:
        self._lines: dict[tuple[int, int], Line] = {}
        self._bytes = 0

    @property
    def has_room(self) -> bool:
        """Whether more may be read from a stream."""
        return self._bytes < _HELD_BYTES

    @property
    def half_full(self) -> bool:
        """Whether what waits for an operator, and might wait for ever, must not be held any more."""
        return self._bytes >= _HELD_BYTES // 2

    def hold(self, handle: int, line: Line) -> None:
        """Hold a line of a file or stream."""
        self.release(handle, line.number)
        self._lines[handle, line.number] = line
        self._bytes += line.size

    def get(self, handle: int, number: int) -> Line | None:
        """Return a line, if it is held."""
        return self._lines.get((handle, number))

    def release(self, handle: int, number: int) -> None:
        """Hold a line no longer."""
        line = self._lines.pop((handle, number), None)
        self._bytes -= line.size if line else 0


class KeptLines:
    """Lines kept from reading to sending, so that few are read twice."""

    def __init__(self) -> None:
        self._lines: dict[tuple[int, int], Line] = {}
        self._bytes = 0

    def keep(self, handle: int, line: Line) -> None:
        """Keep a line of a file, if there is room."""
        if self._bytes + line.size <= _KEPT_BYTES:
            self._lines[handle, line.number] = line
            self._bytes += line.size

    def take(self, entry: Entry) -> Line | None:
        """Return the line of an entry, if it was kept; it is kept no longer."""
        line = self._lines.pop((entry.handle, entry.line), None)
        if line is not None:
            self._bytes -= line.size
        return line
