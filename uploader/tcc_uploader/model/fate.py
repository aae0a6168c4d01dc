"""What can become of a record, and what the ledger knows of one.  Plain values."""

from dataclasses import dataclass, fields
from enum import Enum
from operator import add, sub
from typing import Final, NamedTuple

NO_HINT: Final = -1
"""The hint of a record that was made without a key."""


class Place(NamedTuple):
    """The position of a record: the ledger's number of its segment, and its line number in the segment."""

    segment: int
    line: int


class Known(NamedTuple):
    """What is known about a key: the digest of the record's bytes, the place of that record, and its key hint.

    ``hint`` is the number of :func:`tcc_uploader.model.keys.hint_number`.
    """

    digest: int
    place: Place
    hint: int = NO_HINT


class Decision(Enum):
    """What to do with a record, or what was done with it."""

    SEND = "send"
    DELIVERED = "delivered"
    """The record on this line of this segment was delivered before."""
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    DEAD = "dead"
    DROPPED = "dropped"
    REQUEUED = "requeued"
    """The record is pending: its dead letter is sent instead of it."""


@dataclass(slots=True)
class Counts:
    """How many records a segment has, and how many of them were settled in which way; the others are pending."""

    records: int = 0
    delivered: int = 0
    duplicate: int = 0
    dead: int = 0
    dropped: int = 0
    recovered: int = 0
    """How many of ``records`` were made from the journal of a process that died."""

    @property
    def pending(self) -> int:
        """Records that are not settled yet."""
        return self.records - self.delivered - self.duplicate - self.dead - self.dropped

    def add(self, decision: Decision) -> None:
        """Count a record as settled; do nothing if the decision is SEND or REQUEUED."""
        if decision is Decision.DELIVERED:
            self.delivered += 1
        elif decision is Decision.DUPLICATE:
            self.duplicate += 1
        elif decision in (Decision.DEAD, Decision.CONFLICT):
            self.dead += 1
        elif decision is Decision.DROPPED:
            self.dropped += 1

    def values(self) -> tuple[int, ...]:
        """Return the counts in the order of :data:`COUNT_NAMES`."""
        return self.records, self.delivered, self.duplicate, self.dead, self.dropped, self.recovered

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*map(add, self.values(), other.values()))

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(*map(sub, self.values(), other.values()))


COUNT_NAMES: Final = tuple(field.name for field in fields(Counts))
