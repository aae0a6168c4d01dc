"""Records on their way from a file into a hand: queued by destination, and judged again when their turn comes."""

import logging
from collections.abc import Callable, Iterable, Iterator

from tcc_schemas.endpoints import PATHS
from tcc_schemas.lines import Damage, Line
from tcc_schemas.plain import Invalid
from tcc_uploader.clock import Clock
from tcc_uploader.dead import store
from tcc_uploader.model.fate import Decision
from tcc_uploader.model.keys import dedupe_key, idempotency_token
from tcc_uploader.spool import reader
from tcc_uploader.spool.format import Format
from tcc_uploader.spool.journal import Span
from tcc_uploader.spool.segment import Found, Segment

from .compact_queue import Entry, run_fingerprint
from .health import backoff
from .intake import Intake
from .line_cache import KeptLines
from .queue import DestinationQueue
from .record import History, Record
from .routing import Destination, Router
from .settlement import Cause, Settlement

_log = logging.getLogger(__name__)


class Backlog:
    """What waits.  ``run_in_flight`` tells whether a run with a fingerprint is under way."""

    def __init__(
        self, settlement: Settlement, router: Router, intake: Intake, clock: Clock, run_in_flight: Callable[[int], bool]
    ) -> None:
        self.queues: dict[Destination, DestinationQueue] = {}
        self._settlement = settlement
        self._router = router
        self._intake = intake
        self._clock = clock
        self._run_in_flight = run_in_flight
        self._kept = KeptLines()
        self._waiting: dict[int, list[tuple[DestinationQueue, Entry]]] = {}
        """Feedback that waits for its run, by the run's mark."""

    @property
    def ready(self) -> int:
        """Records that wait for a destination that is up."""
        return sum(len(queue) for queue in self.queues.values() if queue.state.pause is None)

    @property
    def waiting(self) -> int:
        """Records that wait for a destination, whatever its state."""
        return sum(len(queue) + len(queue.undecided) for queue in self.queues.values())

    def admit(self, segment: Segment, found: list[Found]) -> None:
        """Take what was read from a file: queue what is new, settle what is known."""
        self._settlement.touch(segment)
        lines = [line for line in found if isinstance(line, Line)]
        keys = [dedupe_key(line.kind, line.id) for line in lines]
        delivered = self._settlement.ledger.delivered(keys)
        for line, key in zip(lines, keys, strict=True):
            decision = self._settlement.ledger.judge(segment.number, line, key, delivered.get(key))
            if decision is Decision.SEND:
                self.send(segment, line)
            else:
                self._conclude(segment, line, decision)
        for other in found:
            if isinstance(other, Invalid):
                self._settlement.dead_letter_invalid(segment, other)
            elif isinstance(other, Damage):
                _log.warning("%s line %d: %s, %d bytes", segment.path, other.number, other.reason, other.size)

    def send(self, segment: Segment, line: Line) -> None:
        """Queue a record for its destination, whatever the ledger says of it."""
        path = line.path or ""
        if path not in PATHS:
            self.dead_letter(segment, line, Cause("refused_path", f"no endpoint is known at {path[:200]!r}", line.body))
            return
        route = self._router.route(path, line.url, line.key)
        queue = self.queues.get(route.destination)
        if queue is None:
            queue = self.queues[route.destination] = DestinationQueue(route, self._clock.wall())
        fingerprint = run_fingerprint(segment.handle, line.id) if line.kind == "run" else 0
        if segment.stream is not None:
            if self._settlement.held.half_full and queue.state.pause and queue.state.pause.needs_operator:
                return  # it stays pending, for the next replay: the rest of the stream must not wait for it
            self._settlement.held.hold(segment.handle, line)
        elif queue.state.pause is None:
            self._kept.keep(segment.handle, line)
        queue.append(Entry(segment.handle, line.number, line.offset, line.size, fingerprint))

    def in_hand(self, queue: DestinationQueue, taken: Iterable[tuple[Entry, History]]) -> Iterator[Record]:
        """Yield the records to send: not those that met another fate, must wait, or are not there any more.

        Each must be under way before the next is asked for: of two with one key, one waits for the other.
        """
        found = [record for place in taken if (record := self._find(queue, *place)) is not None]
        delivered = self._settlement.ledger.delivered(record.key for record in found)
        for record in found:
            segment, line = record.segment, record.line
            if line.kind == "feedback" and self._waits_for_run(queue, segment, line, record.entry):
                continue
            decision = Decision.SEND
            if segment.format is not Format.LETTER:
                in_flight = self._settlement.in_flight.get(record.key)
                decision = self._settlement.ledger.judge(
                    segment.number, line, record.key, delivered.get(record.key), in_flight
                )
            if decision is Decision.SEND:
                yield record
            else:
                self._conclude(segment, line, decision)

    def _find(self, queue: DestinationQueue, entry: Entry, history: History) -> Record | None:
        """Return the record that an entry stands for, or None if it is not there any more, or not now."""
        segment = self._intake.by_handle.get(entry.handle)
        line = self._kept.take(entry) or (self._line_of(segment, entry) if segment else None)
        if segment is None or entry.handle not in self._intake.by_handle:  # its file has gone
            self.release_feedback(entry.run)
            return None
        if line is None:
            queue.postpone(entry, history, self._clock.monotonic() + backoff(history.failures + 1, 1.0))
            return None
        token = idempotency_token(line.kind, line.id, line.body)
        return Record(queue, segment, line, entry, history, dedupe_key(line.kind, line.id), token)

    def dead_letter(self, segment: Segment, line: Line, cause: Cause) -> None:
        """Make a dead letter of a record."""
        self._settlement.dead_letter(segment, line, cause)
        self.release_feedback(run_fingerprint(segment.handle, line.id) if line.kind == "run" else 0)

    def release_feedback(self, fingerprint: int) -> None:
        """Let feedback go that waited for the run with this mark."""
        for queue, entry in self._waiting.pop(fingerprint, []) if fingerprint else []:
            queue.append(entry)

    def _line_of(self, segment: Segment, entry: Entry) -> Line | None:
        held = self._settlement.held.get(entry.handle, entry.line)
        if held is not None:
            return held
        try:
            fetch = store.fetch if segment.format is Format.LETTER else reader.fetch
            return fetch(segment, Span(entry.line, entry.offset, entry.size))
        except FileNotFoundError:
            self._intake.forget(segment)
            return None
        except OSError as error:
            _log.warning("can't read %s again: %s", segment.path, error)
            return None

    def _waits_for_run(self, queue: DestinationQueue, segment: Segment, line: Line, entry: Entry) -> bool:
        """Put feedback aside if its run is pending in the same segment: the server should know the run first."""
        fingerprint = run_fingerprint(segment.handle, line.run_id or "")
        pending = any(other.holds_run(fingerprint) for other in self.queues.values())
        if pending or self._run_in_flight(fingerprint):
            self._waiting.setdefault(fingerprint, []).append((queue, entry))
            return True
        return False

    def _conclude(self, segment: Segment, line: Line, decision: Decision) -> None:
        """Settle a record without sending it."""
        if decision is Decision.CONFLICT:
            detail = f"other bytes were delivered, or are under way, for {line.kind} {line.id[:100]}"
            self.dead_letter(segment, line, Cause("conflict", detail, line.body))
            return
        self._settlement.settle(segment, line.number, decision)
        self.release_feedback(run_fingerprint(segment.handle, line.id) if line.kind == "run" else 0)
