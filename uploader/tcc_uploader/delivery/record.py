"""A pending record, and its state machine.

A record is *pending* from the moment when its line is read until it is settled: delivered, duplicate, dead or dropped.
Until then it is in one of the states of :class:`State`.  :data:`TRANSITIONS` has every way from one state to another;
``docs/architecture.md`` has the drawing.

QUEUED holds locations of 40 bytes, because there may be millions; POSTPONED and WAITING_FOR_RUN hold locations, too.
A :class:`Record` exists from IN_HAND on, and checks each event against the table.  A record that the ledger knows when
its line is read is settled at once, and never queued (one that was requeued stays pending: its letter is sent).  If a
file is gone, its records are discarded: they can't be sent any more.
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, NamedTuple

from tcc_schemas.lines import Line
from tcc_uploader.model.fate import Known
from tcc_uploader.spool.segment import Segment

from .batch import BatchProgress
from .compact_queue import Location
from .routing import Destination
from .strikes import Strikes


class State(Enum):
    """The states of a pending record, and the container that holds it in each."""

    QUEUED = auto()  # waits for its turn: DestinationQueue.queued
    IN_HAND = auto()  # is judged again, because the ledger may have changed: a local variable
    IN_FLIGHT = auto()  # is being sent: InFlight
    POSTPONED = auto()  # is tried again later: DestinationQueue.postponed
    UNDECIDED = auto()  # was refused; later answers show if it or the server is at fault: DestinationQueue.undecided
    WAITING_FOR_RUN = auto()  # is feedback whose run is pending in the same segment: Backlog.waiting_for_run
    SETTLED = auto()  # waits for the commit; if dead, for its letter: Settlement.changes, .unwritten_letters


class RecordEvent(Enum):
    """What happens to a pending record."""

    TAKEN = auto()  # its turn to be sent has come
    WAITS_FOR_RUN = auto()  # it is feedback, and its run is pending
    RUN_SETTLED = auto()  # the run of this feedback is settled, or the run's file is gone
    UNREADABLE = auto()  # its line can't be read again now
    CLAIMED_ELSEWHERE = auto()  # another uploader that shares the ledger holds its key
    KEY_IN_FLIGHT = auto()  # another record with its key is on its way, and does not decide about this one
    KNOWN = auto()  # it must not be sent, because of the ledger or a record in flight: mostly a duplicate
    SENT = auto()  # it, or the next item of its batch, was passed to a sending thread
    TAKEN_BACK = auto()  # it, or its next item, was not sent yet when a destination paused
    FAILED = auto()  # the answer is an outage or a pause: it says nothing about the record
    NEXT_ITEM = auto()  # one item of its batch was answered, and another is sent
    ACCEPTED = auto()  # the server has the whole record
    REFUSED = auto()  # the server refused it, or an item of its batch; whose fault it is, other answers show
    SERVER_SUSPECTED = auto()  # so many records in a row were refused that the server seems to be at fault
    WITHDRAWN = auto()  # an operator has dropped it
    DEAD = auto()  # it was refused for good: the server accepted others, or an operator gives it up


TRANSITIONS: Final = {
    (State.QUEUED, RecordEvent.TAKEN): State.IN_HAND,
    (State.POSTPONED, RecordEvent.TAKEN): State.IN_HAND,
    (State.QUEUED, RecordEvent.UNREADABLE): State.POSTPONED,
    (State.POSTPONED, RecordEvent.UNREADABLE): State.POSTPONED,
    (State.IN_HAND, RecordEvent.WAITS_FOR_RUN): State.WAITING_FOR_RUN,
    (State.WAITING_FOR_RUN, RecordEvent.RUN_SETTLED): State.QUEUED,
    (State.IN_HAND, RecordEvent.CLAIMED_ELSEWHERE): State.POSTPONED,
    (State.IN_HAND, RecordEvent.KEY_IN_FLIGHT): State.POSTPONED,
    (State.IN_HAND, RecordEvent.KNOWN): State.SETTLED,
    (State.IN_HAND, RecordEvent.DEAD): State.SETTLED,
    (State.IN_HAND, RecordEvent.SENT): State.IN_FLIGHT,
    (State.IN_FLIGHT, RecordEvent.TAKEN_BACK): State.POSTPONED,
    (State.IN_FLIGHT, RecordEvent.FAILED): State.POSTPONED,
    (State.IN_FLIGHT, RecordEvent.NEXT_ITEM): State.IN_HAND,
    (State.IN_FLIGHT, RecordEvent.ACCEPTED): State.SETTLED,
    (State.IN_FLIGHT, RecordEvent.DEAD): State.SETTLED,
    (State.IN_FLIGHT, RecordEvent.REFUSED): State.UNDECIDED,
    (State.UNDECIDED, RecordEvent.TAKEN): State.IN_HAND,
    (State.UNDECIDED, RecordEvent.SERVER_SUSPECTED): State.POSTPONED,
    (State.UNDECIDED, RecordEvent.DEAD): State.SETTLED,
    (State.QUEUED, RecordEvent.WITHDRAWN): State.SETTLED,
    (State.POSTPONED, RecordEvent.WITHDRAWN): State.SETTLED,
    (State.UNDECIDED, RecordEvent.WITHDRAWN): State.SETTLED,
    (State.WAITING_FOR_RUN, RecordEvent.WITHDRAWN): State.SETTLED,
}


class History(NamedTuple):
    """The results of a record's earlier tries."""

    failures: int = 0
    refused_at: int | None = None
    """``Health.successes`` when the destination refused this record for its content; None: it did not."""
    refusals: Strikes = Strikes()
    """Refusals for which the record or the server may be at fault."""
    errors: Strikes = Strikes()
    """Answers 5xx."""
    batch: BatchProgress | None = None
    """The progress of a run that is sent item by item; None for other records."""


@dataclass(slots=True, eq=False)
class Record:
    """A record in hand, in flight or undecided, with its line."""

    destination: Destination
    segment: Segment
    line: Line
    location: Location
    history: History
    key: bytes
    known: Known
    """What other records with this key are compared with.  A requeued letter has the digest of its original record."""
    token: bytes
    state: State = field(default=State.IN_HAND, init=False)

    def on(self, event: RecordEvent) -> None:
        """Change to the next state.  Raises KeyError if this event is impossible now: a bug in this program."""
        self.state = TRANSITIONS[self.state, event]
