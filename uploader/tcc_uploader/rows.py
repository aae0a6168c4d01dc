"""What the ledger holds, as plain values."""

from dataclasses import dataclass
from operator import add
from typing import Literal, NamedTuple, Self

from tcc_uploader.model.fate import Decision, Place


@dataclass(slots=True)
class Counts:
    """How many records of a segment met which fate; what is neither is pending."""

    records: int = 0
    delivered: int = 0
    duplicate: int = 0
    dead: int = 0
    dropped: int = 0
    recovered: int = 0
    """How many of these records were made from the journal of a process that died."""

    @property
    def pending(self) -> int:
        """Records that have met no fate yet."""
        return self.records - self.delivered - self.duplicate - self.dead - self.dropped

    def add(self, decision: Decision) -> None:
        """Count a record that met its fate; one that is still to be sent is not counted."""
        if decision is Decision.DELIVERED:
            self.delivered += 1
        elif decision is Decision.DUPLICATE:
            self.duplicate += 1
        elif decision in (Decision.DEAD, Decision.CONFLICT):
            self.dead += 1
        elif decision is Decision.DROPPED:
            self.dropped += 1

    def values(self) -> tuple[int, ...]:
        """Return the counts in the order of the fields."""
        return self.records, self.delivered, self.duplicate, self.dead, self.dropped, self.recovered

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*map(add, self.values(), other.values()))


class SegmentRow(NamedTuple):
    """What the ledger keeps of a segment.

    ``size`` is how many bytes of it were read for these counts.  ``finished`` means that all its records met a fate
    and no more can come.  ``damaged`` counts corrupt, malformed and oversized lines; ``torn`` the bytes of a torn
    tail; ``refused`` is what the seal says its writer had to refuse; ``sealed`` the seal's own count of records
    (None: no seal).
    """

    number: int
    id: str
    path: str
    size: int
    finished: bool
    counts: Counts
    damaged: int
    torn: int
    refused: int
    sealed: int | None


class Delivered(NamedTuple):
    """A key that was delivered."""

    key: bytes
    digest: int
    place: Place


LetterFate = Literal["dead", "requeued", "delivered", "dropped"]


class LetterRow(NamedTuple):
    """A letter: the record's key, digest and place, and what became of it."""

    id: str
    key: bytes
    digest: int
    place: Place
    fate: LetterFate
    reason: str


class Adjustment(NamedTuple):
    """A change to a count of a segment, unless its whole row is written too: a letter of it met another fate."""

    segment: int
    fate: Literal["delivered", "dead", "dropped"]
    by: int


@dataclass(slots=True)
class Changes:
    """What one commit writes."""

    delivered: list[Delivered]
    letters: list[LetterRow]
    segments: dict[int, SegmentRow]
    adjustments: list[Adjustment]

    @classmethod
    def none(cls) -> Self:
        """Return an empty set of changes."""
        return cls([], [], {}, [])

    def __bool__(self) -> bool:
        return bool(self.delivered or self.letters or self.segments or self.adjustments)
