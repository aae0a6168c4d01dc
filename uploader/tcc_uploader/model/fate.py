"""What becomes of a record, decided from what is known of its key.  Pure."""

from dataclasses import dataclass, fields
from enum import Enum
from operator import add
from typing import Final, NamedTuple


class Place(NamedTuple):
    """Where a record stands: the ledger's number of its segment, and its line there."""

    segment: int
    line: int


class Known(NamedTuple):
    """What is known under a key: the digest of the bytes, and the place they came from."""

    digest: int
    place: Place


class Decision(Enum):
    """What to do with a record, or what became of it."""

    SEND = "send"
    DELIVERED = "delivered"
    """This very line was delivered before."""
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    DEAD = "dead"
    DROPPED = "dropped"
    REQUEUED = "requeued"
    """Pending: its letter is sent in its place."""


def decide(
    place: Place,
    digest: int,
    *,
    delivered: Known | None,
    in_flight: Known | None,
    letter: Known | None,
    letter_fate: str = "dead",
) -> Decision:
    """Decide from what was delivered, is in flight, or is a dead letter under the record's key.

    Other bytes under a key that was delivered, or is in flight, are a conflict.  Other bytes under the key of a dead
    letter are sent.
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
    """How many records of a segment were settled, and how; all others are pending."""

    records: int = 0
    delivered: int = 0
    duplicate: int = 0
    dead: int = 0
    dropped: int = 0
    recovered: int = 0
    """How many of these records were made from the journal of a process that died."""

    @property
    def pending(self) -> int:
        """Records that are not settled yet."""
        return self.records - self.delivered - self.duplicate - self.dead - self.dropped

    def add(self, decision: Decision) -> None:
        """Count a record as settled; one that is still to be sent is not counted."""
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
