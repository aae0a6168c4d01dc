"""The rows of the ledger, as plain values."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from .fate import NO_HINT, Counts, Known, Place
from .keys import ByKey
from .objects import SCHEME


class SegmentRow(NamedTuple):
    """What the ledger knows about a segment.

    ``size`` is the number of bytes read so far.  ``finished`` means that all records are settled and no record can be
    added.  ``damaged`` counts the corrupt, malformed and oversized lines, plus one for a seal that does not match;
    ``torn`` is the number of bytes in a torn tail.  ``refused`` and ``sealed`` are from the seal: how many records the
    writer refused (0: no seal), and how many the segment has (None: no seal).  ``skipped`` is the number of lines of a
    kind that this version does not know.  ``last_commit`` is when the row was written, in whole seconds since 1970.
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
    skipped: int = 0
    last_commit: int = 0

    def counts_file(self, path: str, size: int) -> bool:
        """Whether it counts this file, as it is now.  A copy of the same size elsewhere may have other bytes."""
        return (self.path, self.size) == (path, size)

    @property
    def is_in_store(self) -> bool:
        """Whether it lies in an object store, which nobody asks only to look: so it is not missing."""
        return self.path.startswith(SCHEME)

    def has_finished(self, path: str, size: int) -> bool:
        """Whether it counts this file, as it is now, and nothing of it is to be done."""
        return self.finished and not self.counts.pending and self.counts_file(path, size)


LetterFate = Literal["dead", "requeued", "delivered", "dropped"]


class LetterRow(NamedTuple):
    """A letter: its record's key, digest, place and key hint, and whether it is still dead."""

    id: str
    key: bytes
    digest: int
    place: Place
    fate: LetterFate
    reason: str
    hint: int = NO_HINT

    @property
    def known(self) -> Known:
        """What it tells about its key."""
        return Known(self.digest, self.place, self.hint)


class Adjustment(NamedTuple):
    """What a letter's new fate adds to the counts of its segment, for a segment whose row is not written whole."""

    letter: str
    fate: LetterFate
    segment: int
    counts: Counts


@dataclass(slots=True)
class Changes:
    """The changes that one commit writes."""

    delivered: ByKey[Known] = field(default_factory=ByKey)
    """The delivered records."""
    letters: list[LetterRow] = field(default_factory=list)
    segments: dict[int, SegmentRow] = field(default_factory=dict)
    """Complete rows, by segment number."""
    adjustments: list[Adjustment] = field(default_factory=list)
    """Not used for a segment whose row is written.  A commit that is made again leaves out what it made before."""

    @property
    def settled_in(self) -> set[int]:
        """The numbers of the segments of which this delivers something, or writes a letter."""
        places = (*(known.place for *_, known in self.delivered), *(row.place for row in self.letters))
        return {place.segment for place in places}

    def __bool__(self) -> bool:
        return bool(self.delivered or self.letters or self.segments or self.adjustments)
