"""Decides what to do with a record, from what is known about its key.  Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import Enum
from operator import add
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


def decide(
    record: Known,
    *,
    delivered: Iterable[Known] = (),
    in_flight: Iterable[Known] = (),
    letters: Iterable[tuple[Known, str]] = (),
) -> Decision:
    """Decide about a record, from what is known under its dedupe key; ``letters`` each with its fate.

    What has another key hint is another record; a missing hint matches any.  The digest decides, wherever the bytes
    stood: equal bytes make a duplicate, and if there are only other bytes, the record is a conflict.
    """
    letters = [(letter, fate) for letter, fate in letters if _matches(letter, record)]
    for letter, fate in letters:
        if (letter.place, letter.digest) == (record.place, record.digest):
            return Decision(fate)
    delivered = [known for known in delivered if _matches(known, record)]
    if any((known.place, known.digest) == (record.place, record.digest) for known in delivered):
        return Decision.DELIVERED
    others = [
        *delivered,
        *(known for known in in_flight if _matches(known, record)),
        *(letter for letter, _ in letters),
    ]
    if any(known.digest == record.digest for known in others):
        return Decision.DUPLICATE
    return Decision.CONFLICT if others else Decision.SEND


def _matches(known: Known, record: Known) -> bool:
    return known.hint == record.hint or NO_HINT in (known.hint, record.hint)


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
