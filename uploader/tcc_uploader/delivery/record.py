"""A pending record, and the one state machine of its life.

A record is *pending* from the moment in which its line was read until it is settled: delivered, known as a duplicate,
dead, or dropped.  Until then it is in one of these states (:class:`State` names the one container of each)::

               read
                │
                ▼        RUN_SETTLED
             QUEUED ◄──────────────────── WAITING_FOR_RUN
                │ TAKEN                         ▲
                ▼             WAITS_FOR_RUN     │
   ┌───────► IN_HAND ───────────────────────────┘
   │            │
   │            │ SENT
   │ TAKEN      ▼             REFUSED
   │        IN_FLIGHT ──────────────────► UNDECIDED
   │            │                             │
   │            │ FAILED, TAKEN_BACK          │ SERVER_SUSPECTED
   │            ▼                             │
   └─────── POSTPONED ◄───────────────────────┘

   to SETTLED:    from IN_HAND by KNOWN, from IN_FLIGHT by ACCEPTED or DEAD, from UNDECIDED by DEAD
   to POSTPONED:  also from IN_HAND by KEY_IN_FLIGHT, and from QUEUED by UNREADABLE
   to IN_HAND:    also from IN_FLIGHT by NEXT_ITEM

QUEUED, POSTPONED and WAITING_FOR_RUN hold locations (40 bytes), not records: there may be millions.  A :class:`Record`
exists from IN_HAND on, and checks each event against the table.  What the ledger knows already when a line is read is
settled at once, and never queued.  If a file has gone, its records are discarded: they can't be sent any more.
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, NamedTuple

from tcc_schemas.lines import Line
from tcc_uploader.model.fate import Known, Place
from tcc_uploader.model.keys import digest_of
from tcc_uploader.spool.segment import Segment

from .batch import BatchProgress
from .compact_queue import Location
from .routing import Destination


class State(Enum):
    """Where a pending record is in its life, and which container holds it then."""

    QUEUED = auto()  # was read, and is sent in its order: DestinationQueue.queued
    IN_HAND = auto()  # is checked again, as the ledger may have changed since it was read: a local variable
    IN_FLIGHT = auto()  # is being sent: InFlight
    POSTPONED = auto()  # got no answer, or must wait for its destination: DestinationQueue.postponed
    UNDECIDED = auto()  # was refused; the next answers tell whether it is at fault: DestinationQueue.undecided
    WAITING_FOR_RUN = auto()  # is feedback whose run is pending in the same segment: Backlog.waiting_for_run
    SETTLED = auto()  # waits for the commit, a dead one for its letter: Settlement.changes, .unwritten_letters


class RecordEvent(Enum):
    """What happens to a pending record."""

    TAKEN = auto()  # it is the next to be sent
    WAITS_FOR_RUN = auto()  # it is feedback, and its run is not settled yet
    RUN_SETTLED = auto()  # the run that it waited for is settled, or its file has gone
    UNREADABLE = auto()  # its line can't be read again just now
    KEY_IN_FLIGHT = auto()  # it is a letter, and another record with its key is being sent
    KNOWN = auto()  # the ledger, or a record in flight, says that it is not to be sent: a duplicate, or a conflict
    SENT = auto()  # it, or the next item of its batch, was handed to a sending thread
    TAKEN_BACK = auto()  # it, or its next item, was not sent yet when its destination paused
    FAILED = auto()  # no answer came, or one that says nothing about the record
    NEXT_ITEM = auto()  # it is a run that is sent item by item, and one item has its answer
    ACCEPTED = auto()  # the server has it
    REFUSED = auto()  # the server refused it, or every item of it that was still to be sent
    SERVER_SUSPECTED = auto()  # so many were refused in a row that the server is suspected, not the records
    DEAD = auto()  # it is refused for good: the server accepted others, or a one-shot run ends


TRANSITIONS: Final = {
    (State.QUEUED, RecordEvent.TAKEN): State.IN_HAND,
    (State.POSTPONED, RecordEvent.TAKEN): State.IN_HAND,
    (State.QUEUED, RecordEvent.UNREADABLE): State.POSTPONED,
    (State.POSTPONED, RecordEvent.UNREADABLE): State.POSTPONED,
    (State.IN_HAND, RecordEvent.WAITS_FOR_RUN): State.WAITING_FOR_RUN,
    (State.WAITING_FOR_RUN, RecordEvent.RUN_SETTLED): State.QUEUED,
    (State.IN_HAND, RecordEvent.KEY_IN_FLIGHT): State.POSTPONED,
    (State.IN_HAND, RecordEvent.KNOWN): State.SETTLED,
    (State.IN_HAND, RecordEvent.SENT): State.IN_FLIGHT,
    (State.IN_FLIGHT, RecordEvent.TAKEN_BACK): State.POSTPONED,
    (State.IN_FLIGHT, RecordEvent.FAILED): State.POSTPONED,
    (State.IN_FLIGHT, RecordEvent.NEXT_ITEM): State.IN_HAND,
    (State.IN_FLIGHT, RecordEvent.ACCEPTED): State.SETTLED,
    (State.IN_FLIGHT, RecordEvent.DEAD): State.SETTLED,
    (State.IN_FLIGHT, RecordEvent.REFUSED): State.UNDECIDED,
    (State.UNDECIDED, RecordEvent.SERVER_SUSPECTED): State.POSTPONED,
    (State.UNDECIDED, RecordEvent.DEAD): State.SETTLED,
}
"""Every transition that there is.  Anything else is a bug in this program, and raises KeyError."""


class History(NamedTuple):
    """What earlier tries of a record came to."""

    failures: int = 0
    refused_at: int | None = None
    """How many successes the destination had had when it refused this record; None if it never did."""
    batch: BatchProgress | None = None
    """How far it has come, if it is a run that is sent item by item."""


@dataclass(slots=True, eq=False)
class Record:
    """A record in hand, in flight or undecided, with its line."""

    destination: Destination
    segment: Segment
    line: Line
    location: Location
    history: History
    key: bytes
    token: bytes
    state: State = field(default=State.IN_HAND, init=False)
    sent_at: float = field(default=0.0, init=False)
    """On the monotonic clock, seconds."""

    @property
    def place(self) -> Place:
        """Where it stands, in the ledger's words."""
        return Place(self.segment.number, self.line.number)

    @property
    def known(self) -> Known:
        """What is known under its key while it is on its way."""
        return Known(digest_of(self.token), self.place)

    def on(self, event: RecordEvent) -> None:
        """Go to the state that follows.  Raises KeyError if there is none: a bug in this program."""
        self.state = TRANSITIONS[self.state, event]
