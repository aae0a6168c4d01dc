"""The records that are being sent, and how many more may be sent."""

from collections.abc import Iterable
from typing import Final

from tcc_uploader.model.fate import Known
from tcc_uploader.model.keys import ByKey
from tcc_uploader.spool.format import Format

from .queue import DestinationQueue
from .record import Record

_MOST_BYTES: Final = 64 * 1024 * 1024
"""The most bytes of lines in flight; the last line may exceed this."""


class InFlight:
    """The records in flight: at most ``most``, and only one per key and key hint."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.by_key = ByKey[Record]()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.by_key)

    def __contains__(self, record: Record) -> bool:
        return self.by_key.get(record.key, record.known.hint) is record

    @property
    def room(self) -> tuple[int, int]:
        """How many more records, and how many more bytes, may be sent; the last record may exceed the bytes."""
        return self._most - len(self.by_key), _MOST_BYTES - self._bytes

    def add(self, record: Record, queue: DestinationQueue) -> None:
        """Note that a record is being sent."""
        self.by_key.put(record.key, record.known.hint, record)
        queue.in_flight += 1
        self._bytes += len(record.line.data)

    def remove(self, record: Record, queue: DestinationQueue) -> None:
        """Note that a record was answered, or is not sent after all."""
        self.by_key.remove(record.key, record.known.hint)
        queue.in_flight -= 1
        self._bytes -= len(record.line.data)

    def holds_run(self, fingerprint: int) -> bool:
        """Whether a run with this fingerprint is in flight."""
        return any(record.location.run == fingerprint for _, _, record in self.by_key)

    def holds_up(self, record: Record, uncommitted: Iterable[Known]) -> bool:
        """Whether another record with its key must be settled first; ``uncommitted`` was delivered under the key.

        A claim is on a key, and ends when what was delivered under it is committed; so of a key only one record is on
        its way, whatever the hints.  Of equal hints the other one decides; but not if it is this very record, of a file
        that is read anew.
        """
        flying = self.by_key.under(record.key)
        if record.segment.format is Format.LETTER:
            return bool(flying)
        if any((it.segment.file, it.known) == (record.segment.file, record.known) for it in flying):
            return True
        return any(known.hint != record.known.hint for known in (*(it.known for it in flying), *uncommitted))
