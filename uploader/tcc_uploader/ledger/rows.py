"""The rows of the ledger, as plain values."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tcc_uploader.model.fate import Counts, Known, Place


class SegmentRow(NamedTuple):
    """What the ledger knows about a segment.

    ``size`` is the number of bytes read so far.  ``finished`` means that all records are settled and no record can be
    added.  ``damaged`` counts the corrupt, malformed and oversized lines, plus one for a seal that does not match;
    ``torn`` is the number of bytes in a torn tail.  ``refused`` and ``sealed`` are from the seal: how many records the
    writer refused (0: no seal), and how many the segment has (None: no seal).
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
    """A letter: its record's key, digest and place, and whether it is still dead."""

    id: str
    key: bytes
    digest: int
    place: Place
    fate: LetterFate
    reason: str


@dataclass(slots=True)
class Changes:
    """The changes that one commit writes."""

    delivered: dict[bytes, Known] = field(default_factory=dict)
    """The delivered records, by key."""
    letters: list[LetterRow] = field(default_factory=list)
    segments: dict[int, SegmentRow] = field(default_factory=dict)
    """Complete rows, by segment number."""
    adjustments: list[tuple[int, Counts]] = field(default_factory=list)
    """Segment numbers, and what to add to the counts of each; not used if the segment's row is written."""

    def __bool__(self) -> bool:
        return bool(self.delivered or self.letters or self.segments or self.adjustments)
