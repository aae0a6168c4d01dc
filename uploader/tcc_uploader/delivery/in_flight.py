"""The records that are being sent, and how many more may be sent."""

from collections import Counter
from typing import Final

from tcc_uploader.model.keys import ByKey

from .record import Record
from .routing import Destination

_MOST_BYTES: Final = 64 * 1024 * 1024
"""The most bytes of lines in flight; the last line may exceed this."""


class InFlight:
    """The records in flight: at most ``most``, and only one per key and key hint."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_key = ByKey[Record]()
        self._per_destination: Counter[Destination] = Counter()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._by_key)

    def __contains__(self, record: Record) -> bool:
        return self._by_key.get(record.key, record.known.hint) is record

    @property
    def room(self) -> tuple[int, int]:
        """How many more records, and how many more bytes, may be sent; the last record may exceed the bytes."""
        return self._most - len(self._by_key), _MOST_BYTES - self._bytes

    def under(self, key: bytes) -> list[Record]:
        """Return the records that are in flight under this key, whatever their hints."""
        return self._by_key.under(key)

    def to(self, destination: Destination) -> int:
        """Return how many records are in flight to a destination."""
        return self._per_destination[destination]

    def add(self, record: Record) -> None:
        """Note that a record is being sent."""
        self._by_key.put(record.key, record.known.hint, record)
        self._per_destination[record.destination] += 1
        self._bytes += len(record.line.data)

    def remove(self, record: Record) -> None:
        """Note that a record was answered, or is not sent after all."""
        self._by_key.remove(record.key, record.known.hint)
        self._per_destination[record.destination] -= 1
        self._bytes -= len(record.line.data)

    def sent_before(self, moment: float) -> list[Record]:
        """Return the records in flight that were sent before ``moment`` (seconds on the monotonic clock)."""
        return [record for _, _, record in self._by_key if record.sent_at < moment]

    def holds_run(self, fingerprint: int) -> bool:
        """Whether a run with this fingerprint is in flight."""
        return any(record.location.run == fingerprint for _, _, record in self._by_key)
