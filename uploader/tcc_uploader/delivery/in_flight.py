"""The records that are being sent, and how many more may be sent."""

from collections import Counter
from typing import Final

from .record import Record
from .routing import Destination

_MOST_BYTES: Final = 64 * 1024 * 1024
"""The most bytes of lines in flight; the last line may exceed this."""


class InFlight:
    """The records in flight: at most ``most``, and only one per key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_key: dict[bytes, Record] = {}
        self._per_destination: Counter[Destination] = Counter()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._by_key)

    def __contains__(self, record: Record) -> bool:
        return self._by_key.get(record.key) is record

    @property
    def room(self) -> tuple[int, int]:
        """How many more records, and how many more bytes, may be sent; the last record may exceed the bytes."""
        return self._most - len(self._by_key), _MOST_BYTES - self._bytes

    def under(self, key: bytes) -> Record | None:
        """Return the record that is in flight under this key; None if there is none."""
        return self._by_key.get(key)

    def to(self, destination: Destination) -> int:
        """Return how many records are in flight to a destination."""
        return self._per_destination[destination]

    def add(self, record: Record) -> None:
        """Note that a record is being sent."""
        self._by_key[record.key] = record
        self._per_destination[record.destination] += 1
        self._bytes += len(record.line.data)

    def remove(self, record: Record) -> None:
        """Note that a record was answered, or is not sent after all."""
        del self._by_key[record.key]
        self._per_destination[record.destination] -= 1
        self._bytes -= len(record.line.data)

    def sent_before(self, moment: float) -> list[Record]:
        """Return the records in flight that were sent before ``moment`` (seconds on the monotonic clock)."""
        return [record for record in self._by_key.values() if record.sent_at < moment]

    def holds_run(self, fingerprint: int) -> bool:
        """Whether a run with this fingerprint is in flight."""
        return any(record.location.run == fingerprint for record in self._by_key.values())
