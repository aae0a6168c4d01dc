"""A pending record, and its life."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tcc_schemas.lines import Line
from tcc_uploader.model.fate import Place
from tcc_uploader.spool.segment import Segment
from tcc_uploader.transport.answers import Answer

from .batch import Part
from .compact_queue import Entry

if TYPE_CHECKING:
    from .queue import DestinationQueue


@dataclass(slots=True)
class BatchProgress:
    """A run whose items go one by one: what is left, and what was refused alone."""

    parts: list[Part]
    refused: list[Part] = field(default_factory=list)
    answer: Answer = field(default_factory=Answer)
    delivered: int = 0


class History(NamedTuple):
    """What earlier tries of a record came to."""

    failures: int = 0
    refused_at: int | None = None
    """How many successes the destination had had when it refused this record; None if it never did."""


@dataclass(slots=True, eq=False)
class Record:
    """A record in hand, on its way to its queue's destination."""

    queue: "DestinationQueue"
    segment: Segment
    line: Line
    entry: Entry
    history: History
    key: bytes
    token: bytes
    batch: BatchProgress | None = None
    sent_at: float = 0.0
    """On the monotonic clock."""

    @property
    def place(self) -> Place:
        """Where it stands, in the ledger's words."""
        return Place(self.segment.number, self.line.number)
