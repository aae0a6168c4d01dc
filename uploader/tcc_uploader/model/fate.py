"""Decides what to do with a record, from what is known about its key.  Pure."""

from dataclasses import dataclass, fields
from enum import Enum
from operator import add
from typing import Final, NamedTuple


class Place(NamedTuple):
    """The position of a record: the ledger's number of its segment, and its line number in the segment."""

    segment: int
    line: int


class Known(NamedTuple):
    """What is known about a key: the digest of the record's bytes, and the place of that record."""

    digest: int
    place: Place


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


def decide(
    place: Place,
    digest: int,
    *,
    delivered: Known | None,
    in_flight: Known | None,
    letter: Known | None,
    letter_fate: str = "dead",
) -> Decision:
    """Decide about a record.  ``delivered``, ``in_flight`` and ``letter`` are what is known about the record's key.

    A record with other bytes than the delivered record with this key, or the one in flight, is a conflict.  A record
    with other bytes than the dead letter with this key is sent.
    """
    if letter is not None and letter.place == place:
        return Decision(letter_fate)
    for known in (delivered, in_flight):
        if known is not None:
            if known.place == place:
                return Decision.DELIVERED if known is delivered else Decision.DUPLICATE
            return Decision.DUPLICATE if known.digest == digest else Decision.CONFLICT
    return Decision.DUPLICATE if letter is not None and letter.digest == digest else Decision.SEND


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


COUNT_NAMES: Final = tuple(field.name for field in fields(Counts))
