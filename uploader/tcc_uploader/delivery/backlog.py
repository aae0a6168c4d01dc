"""The backlog: pending records by destination.  They are queued when read, and judged again before they are sent."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakSet

from tcc_schemas.endpoints import can_be_path
from tcc_schemas.lines import Damage, Line
from tcc_schemas.plain import Invalid
from tcc_uploader.clock import Clock
from tcc_uploader.dead.letters import Cause, letter_line
from tcc_uploader.ledger.judge import judge_new, judge_one
from tcc_uploader.model.fate import Decision, Known, Place
from tcc_uploader.model.keys import dedupe_key, hint_number, idempotency_token
from tcc_uploader.spool import reader
from tcc_uploader.spool.format import Format
from tcc_uploader.spool.journal import Span
from tcc_uploader.spool.segment import Found, Segment
from tcc_uploader.transport.answers import without_words

from .compact_queue import Location, run_fingerprint
from .events import Listener, Paused, Recovered, Refused, SetAside
from .health import Pause, backoff
from .in_flight import InFlight
from .intake import Intake
from .line_cache import LineCache
from .queue import DestinationQueue
from .record import History, Record, RecordEvent
from .result import DestinationReport
from .routing import Destination, Router, wish_of
from .settlement import Settlement

_log = logging.getLogger(__name__)
_MOST_LOGGED: Final = 20
"""Damaged lines of a chunk that are logged one by one."""
_MOST_UNDECIDED: Final = 100
"""Places of undecided records that a report tells."""


@dataclass(slots=True, eq=False)
class Backlog:
    """The records that wait.  Only the engine's thread uses it."""

    settlement: Settlement
    router: Router
    intake: Intake
    in_flight: InFlight
    cache: LineCache
    clock: Clock
    hear: Listener
    queues: dict[Destination, DestinationQueue] = field(default_factory=dict)
    waiting_for_run: dict[int, list[tuple[Destination, Location]]] = field(default_factory=dict)
    """By run fingerprint: the feedback that waits for this run."""
    _refusals: WeakSet[Segment] = field(default_factory=WeakSet)
    """The segments of whose refused records it was told."""

    @property
    def ready(self) -> int:
        """The number of records whose destination is up."""
        return sum(len(queue) for queue in self.queues.values() if queue.health.pause is None)

    @property
    def waiting(self) -> int:
        """The number of records that wait for a destination; without those in flight, and feedback that waits."""
        return sum(len(queue) + len(queue.undecided) for queue in self.queues.values())

    def report(self, queue: DestinationQueue) -> DestinationReport:
        """Return the state of a queue's destination."""
        refused = (each.location for each in queue.undecided[:_MOST_UNDECIDED])
        files = self.intake.by_handle
        places = [(files[found.handle].id, found.line) for found in refused if found.handle in files]
        report = queue.report(self.clock.wall() - self.clock.monotonic())
        return report.model_copy(update={"undecided": places})

    def tell_health(self, queue: DestinationQueue, before: Pause | None) -> None:
        """Tell if a destination is paused, or up again; ``before`` is the pause that it had."""
        destination, now = queue.destination, queue.health.pause
        if now is None:
            if before is not None:
                self.hear(Recovered(destination, before.since))
            return
        why = without_words(now.reason)
        if before is None or (without_words(before.reason), before.remedy) != (why, now.remedy):
            self.hear(Paused(destination, why, now.remedy, now.since, is_new=before is None))

    def admit(self, segment: Segment, found: list[Found]) -> None:
        """Take in what was read from a file: queue new records, settle the known ones.

        New records that are not chosen stay pending, and are not queued.  Raises :class:`LedgerError`.
        """
        self.settlement.touched.add(segment)
        lines = [line for line in found if isinstance(line, Line)]
        choice = self.intake.sources.choice
        for line, judged in judge_new(self.settlement.ledger, segment.number, lines):
            if choice.leaves_out(line, judged.decision if judged else Decision.SEND):
                continue
            if judged is None or judged.decision is Decision.SEND:
                self.enqueue(segment, line)
            else:
                self._settle_known(segment, line, judged.known, judged.decision)
        for other in found:
            if isinstance(other, Invalid):
                self.settlement.dead_letter_invalid(segment, other)
        if segment.seal and segment.seal.refused and not segment.finished_at and segment not in self._refusals:
            self._refusals.add(segment)
            self.hear(Refused(segment.file, segment.seal.refused))
        damage = [other for other in found if isinstance(other, Damage)]
        if damage:
            self.hear(SetAside(segment.file, len(damage)))
        for other in damage[:_MOST_LOGGED]:
            _log.warning(
                "%(file)s line %(line)d: %(why)s, %(bytes)d bytes",
                {
                    "action": "damaged",
                    "file": segment.file,
                    "line": other.number,
                    "why": other.reason,
                    "bytes": other.size,
                },
            )
        if len(damage) > _MOST_LOGGED:
            more = {"action": "damaged", "file": segment.file, "lines": len(damage) - _MOST_LOGGED}
            _log.warning("%(file)s: %(lines)d more damaged lines", more)

    def enqueue(self, segment: Segment, line: Line) -> None:
        """Queue a record for its destination without asking the ledger."""
        if not can_be_path(line.path or ""):
            cause = Cause("refused_path", f"there can be no endpoint at {(line.path or '')[:200]!r}", line.body)
            token = idempotency_token(line.kind, line.id, line.body)
            self.dead_letter(segment, line, self.settlement.digest_of(segment, token), cause)
            return
        route = self.router.route(wish_of(line))
        queue = self.queues.get(route.destination)
        if queue is None:
            queue = self.queues[route.destination] = DestinationQueue(route, self.clock.wall())
            self.tell_health(queue, None)
        pause = queue.health.pause
        if segment.stream is not None:
            if self.cache.half_full and pause and pause.needs_operator:
                segment.passed_over += 1
                return  # the record stays pending until it is read again, so that the stream can be read on
            self.cache.pin(segment.handle, line)
        elif pause is None:
            self.cache.keep(segment.handle, line)
        run = _run_of(segment, line)
        queue.queued.append(Location(segment.handle, line.number, line.offset, line.size, run))

    def in_hand(self, queue: DestinationQueue, taken: Iterable[tuple[Location, History]]) -> Iterator[Record]:
        """Yield the records to send, without those that are known now, must wait, or can't be read.

        Put each record in flight before asking for the next: of two records with the same key, only one may be sent.
        """
        found = [record for location, history in taken if (record := self._fetch(queue, location, history))]
        ready = [record for record in found if record.line.kind != "feedback" or not self._waits_for_run(record)]
        delivered, elsewhere = self.settlement.ledger.claim([(record.key, record.known) for record in ready])
        for record in ready:
            soon = self.clock.monotonic() + backoff(1, self.clock.chance())
            is_letter = record.segment.format is Format.LETTER
            if self.in_flight.holds_up(record, self.settlement.changes.delivered.under(record.key)):
                self.postpone(record, RecordEvent.KEY_IN_FLIGHT, soon)
                continue
            decision = Decision.SEND
            if not is_letter:  # a letter is sent without asking what was delivered
                decision = self.judge_now(record.key, record.known, delivered.get(record.key, ()))
            if decision is Decision.SEND and record.key in elsewhere:
                self.postpone(record, RecordEvent.CLAIMED_ELSEWHERE, soon)
            elif is_letter and self.settlement.is_answered(record.segment.letter):
                record.on(RecordEvent.KNOWN)  # by another uploader
                self.release_key(record.key)
                self.intake.forget(record.segment)
            elif decision is Decision.SEND:
                yield record
            else:
                record.on(RecordEvent.KNOWN)
                self.release_key(record.key)
                self._settle_known(record.segment, record.line, record.known, decision)

    def postpone(self, record: Record, event: RecordEvent, due: float) -> None:
        """Queue a record to be sent again, but not before ``due`` (seconds on the monotonic clock)."""
        record.on(event)
        self.release_key(record.key)
        self.queues[record.destination].postpone(record.location, record.history, due)

    def judge_now(self, key: bytes, known: Known, delivered: Iterable[Known]) -> Decision:
        """Judge a record by what is delivered, dead or in flight under its key.  Raises :class:`LedgerError`."""
        in_flight = [record.known for record in self.in_flight.by_key.under(key)]
        in_flight += self.settlement.changes.delivered.under(key)
        letters = self.settlement.uncommitted_letters(key, known.digest)
        return judge_one(self.settlement.ledger, key, known, delivered, in_flight, letters)

    def dies(self, record: Record, cause: Cause) -> None:
        """Make a dead letter of a refused record, unless another record with these bytes was delivered or is dead."""
        delivered = self.settlement.ledger.delivered([record.key]).get(record.key, ())
        decision = self.judge_now(record.key, record.known, delivered)
        if decision is Decision.DUPLICATE and record.segment.format is not Format.LETTER:
            self._settle_known(record.segment, record.line, record.known, decision)
        else:
            self.dead_letter(record.segment, record.line, record.known.digest, cause)

    def dead_letter(self, segment: Segment, line: Line, digest: int, cause: Cause) -> None:
        """Make a dead letter of a record; if it is a run, release the feedback that waited for it."""
        self.settlement.dead_letter(segment, line, digest, cause)
        self.release_feedback(_run_of(segment, line))

    def withdraw(self, segment: Segment, number: int) -> None:
        """Settle a pending record of ``segment`` as dropped, wherever it waits; ``number`` is its line's.

        One that waits nowhere (its run may be recovered later, or it waits in a copy of its file) is settled when it
        is judged.  Of a letter there is nothing to settle here: it is only not sent.
        """
        held = 0
        for waiting in self.waiting_for_run.values():
            kept = [it for it in waiting if it[1][:2] != (segment.handle, number)]
            held += len(waiting) - len(kept)
            waiting[:] = kept
        for queue in self.queues.values():
            if (location := queue.withdraw(segment.handle, number)) is not None:
                held += 1
                self.release_feedback(location.run)
        if segment.format is Format.LETTER:
            self.intake.forget(segment)
        elif held:
            self.settlement.settle(segment, number, Decision.DROPPED, newly=True)

    def release_feedback(self, fingerprint: int) -> None:
        """Queue the feedback that waited for the run with this fingerprint (0: no run)."""
        for destination, location in self.waiting_for_run.pop(fingerprint, ()):
            self.queues[destination].queued.append(location)

    def _fetch(self, queue: DestinationQueue, location: Location, history: History) -> Record | None:
        """Return the record at a location; None if its file is gone, or it can't be read (then postpone it)."""
        line = self.cache.take(location.handle, location.line)
        segment = self.intake.by_handle.get(location.handle)
        if segment is None:  # the file is gone
            self.release_feedback(location.run)
            return None
        try:
            line = line or self.read_again(segment, location)
        except FileNotFoundError:
            self.intake.forget(segment)
            self.release_feedback(location.run)
            return None
        except (OSError, ValueError) as error:
            if not history.failures:
                fields = {"action": "unreadable", "file": segment.file, "why": error}
                _log.warning("can't read %(file)s again: %(why)s", fields)
        if line is None:
            history = history._replace(failures=history.failures + 1)
            queue.postpone(location, history, self.clock.monotonic() + backoff(history.failures, 1.0))
            return None
        token = idempotency_token(line.kind, line.id, line.body)
        known = Known(
            self.settlement.digest_of(segment, token), Place(segment.number, line.number), hint_number(line.key)
        )
        return Record(queue.destination, segment, line, location, history, dedupe_key(line.kind, line.id), known, token)

    def release_key(self, key: bytes) -> None:
        """End the claim on a key, unless a record with this key is in flight, or answered and not committed."""
        if not (self.in_flight.by_key.under(key) or self.settlement.changes.delivered.under(key)):
            self.settlement.ledger.release([key])

    def read_again(self, segment: Segment, location: Location) -> Line | None:
        """Read a record again; None if its line is damaged.  Raises OSError; ValueError if its letter is no letter."""
        if segment.format is Format.LETTER:
            return letter_line(self.settlement.letters.read(segment.letter))
        return reader.fetch(segment, Span(location.line, location.offset, location.size), self.intake.host.disk)

    def _waits_for_run(self, record: Record) -> bool:
        """If the run of this feedback is pending in the same segment, keep the feedback back and return True."""
        fingerprint = run_fingerprint(record.segment.handle, record.line.run_id or "")
        pending = any(queue.holds_run(fingerprint) for queue in self.queues.values())
        if not pending and not self.in_flight.holds_run(fingerprint):
            return False
        record.on(RecordEvent.WAITS_FOR_RUN)
        self.waiting_for_run.setdefault(fingerprint, []).append((record.destination, record.location))
        return True

    def _settle_known(self, segment: Segment, line: Line, known: Known, decision: Decision) -> None:
        """Settle a record without sending it."""
        if decision is Decision.CONFLICT:
            now = self.judge_now(dedupe_key(line.kind, line.id), known, ())
            decision = now if now is Decision.DUPLICATE else decision  # an equal record's letter is not committed yet
        if decision is Decision.CONFLICT:
            detail = f"other bytes were delivered, or are in flight, for {line.kind} {line.id[:100]}"
            self.dead_letter(segment, line, known.digest, Cause("conflict", detail, line.body))
            return
        self.settlement.settle_line(segment, line, known.digest, decision)
        self.release_feedback(_run_of(segment, line))


def _run_of(segment: Segment, line: Line) -> int:
    """Return the fingerprint of the run that this line is; 0 if it is no run."""
    return run_fingerprint(segment.handle, line.id) if line.kind == "run" else 0
