"""What the ledger holds, as plain values."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tcc_uploader.model.fate import Counts, Known, Place


class SegmentRow(NamedTuple):
    """What the ledger keeps of a segment.

    ``size`` is how many bytes of it were read for these counts.  ``finished`` means that all its records are settled
    and no more can come.  ``damaged`` counts corrupt, malformed and oversized lines; ``torn`` the bytes of a torn
    tail; ``refused`` the records that its writer had to refuse, as the seal says; ``sealed`` is the seal's own count
    of records (None: no seal).
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


LetterFate = Literal["dead", "requeued", "delivered", "dropped"]


class LetterRow(NamedTuple):
    """A letter: the record's key, digest and place, and what became of it."""

    id: str
    key: bytes
    digest: int
    place: Place
    fate: LetterFate
    reason: str


@dataclass(slots=True)
class Changes:
    """What one commit writes."""

    delivered: dict[bytes, Known] = field(default_factory=dict)
    """What was delivered, by its key."""
    letters: list[LetterRow] = field(default_factory=list)
    segments: dict[int, SegmentRow] = field(default_factory=dict)
    """Whole rows, by their numbers."""
    adjustments: list[tuple[int, Counts]] = field(default_factory=list)
    """What to add to a segment's counts, by its number, unless its whole row is written: a letter of it was settled."""

    def __bool__(self) -> bool:
        return bool(self.delivered or self.letters or self.segments or self.adjustments)
