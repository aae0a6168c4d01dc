"""How much may be in memory and under way at once."""

from typing import Final

from tcc_schemas.lines import Line

from .entries import Entry
from .lanes import Record

_WINDOW_BYTES: Final = 64 * 1024 * 1024
"""Bodies in flight; one is always admitted."""
_KEPT_BYTES: Final = 16 * 1024 * 1024
_HELD_BYTES: Final = 64 * 1024 * 1024


class Window:
    """The records in flight: at most ``most`` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._records: set[Record] = set()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, record: Record) -> bool:
        return record in self._records

    @property
    def room(self) -> tuple[int, int]:
        """How many more records, and bytes, may go; the last record may have more."""
        return self._most - len(self._records), _WINDOW_BYTES - self._bytes

    def add(self, record: Record) -> None:
        """Note that a record is under way."""
        self._records.add(record)
        self._bytes += len(record.line.data)

    def remove(self, record: Record) -> None:
        """Note that a record has its answer."""
        self._records.remove(record)
        self._bytes -= len(record.line.data)

    def sent_before(self, moment: float) -> list[Record]:
        """Return the records that have been under way since before a moment on the monotonic clock."""
        return [record for record in self._records if record.sent_at < moment]

    def holds_run(self, mark: int) -> bool:
        """Whether a run with this mark is under way."""
        return any(record.entry.run == mark for record in self._records)


class HeldLines:
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
