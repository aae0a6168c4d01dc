"""The records that are being sent, and how many more may be."""

from typing import Final

from .record import Record

_WINDOW_BYTES: Final = 64 * 1024 * 1024
"""Bodies in flight; one is always admitted."""


class InFlight:
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

    def holds_run(self, fingerprint: int) -> bool:
        """Whether a run with this fingerprint is under way."""
        return any(record.entry.run == fingerprint for record in self._records)
