"""What the ledger holds, as plain values."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

from tcc_uploader.model.fate import Counts, Place


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
