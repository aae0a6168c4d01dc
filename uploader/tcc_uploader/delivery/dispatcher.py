"""Sends records, and decides about each record from its answer.  Only the engine's thread uses it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from tcc_schemas.endpoints import OTLP_PATHS
from tcc_uploader.clock import Clock
from tcc_uploader.dead.letters import Cause
from tcc_uploader.ledger.judge import decide
from tcc_uploader.model.fate import Decision, Known
from tcc_uploader.model.keys import dedupe_key, digest_of, idempotency_token
from tcc_uploader.transport.answers import Answer, Verdict, classify
from tcc_uploader.transport.client import Request
from tcc_uploader.transport.pool import Pool

from .backlog import Backlog
from .batch import BatchProgress, Item, join_items, split_batch
from .events import Answered, Listener
from .health import backoff
from .in_flight import InFlight
from .queue import DestinationQueue
from .record import History, Record, RecordEvent
from .settlement import Settlement
from .strikes import ERRORS, REFUSALS

_SERVER_ERROR: Final = 500


@dataclass(slots=True, eq=False)
class Dispatcher:
    """Takes records from the backlog, passes them to the sending threads, and handles the answers."""

    settlement: Settlement
    backlog: Backlog
    in_flight: InFlight
    pool: Pool[Record]
    clock: Clock
    hear: Listener

    def dispatch(self) -> None:
        """Send all records that may be sent now."""
        now = self.clock.monotonic()
        for queue in list(self.backlog.queues.values()):
            while taken := queue.take(now, *self.in_flight.room):
                for record in self.backlog.in_hand(queue, taken):
                    self._send(record)

    def next_due(self) -> float | None:
        """When a destination is to be tried again, on the monotonic clock; None if none is, or nothing may be sent."""
        if min(self.in_flight.room) <= 0:
            return None
        dues = [queue.next_due() for queue in self.backlog.queues.values()]
        return min((due for due in dues if due is not None), default=None)

    def take_answer(self, record: Record, answer: Answer, seconds: float | None = None) -> None:
        """Handle the answer to a record's last request, which took so many seconds; None: it was given up."""
        if record not in self.in_flight:
            return  # the request was given up; the record may have been sent again
        queue = self.backlog.queues[record.destination]
        self.in_flight.remove(record, queue)
        queue.answered(answer)
        self.hear(
            Answered(
                queue.destination,
                *(answer.status, seconds, _size(record), record.segment.file, record.line.number),
            )
        )
        health, before = queue.health, queue.health.pause
        now, wall = self.clock.monotonic(), self.clock.wall()
        is_otlp = record.line.path in OTLP_PATHS
        verdict, wait, remedy, divisible, part = classify(answer, datetime.fromtimestamp(wall, UTC), is_otlp=is_otlp)
        if part is not None:
            queue.note_partly_refused(record, part)
        if verdict is Verdict.DELIVERED:
            health.succeeded(now=now, wall=wall)
            self._accepted(record)  # before it is decided about others, of which one may have the same bytes
            self._decide(queue)
            if before is not None and health.pause is None:
                queue.retry_now()
        elif verdict is Verdict.RETRY:
            health.failed(answer.reason, wait, now=now, wall=wall, chance=self.clock.chance())
            self._failed(record, answer)
        elif verdict is Verdict.PAUSE:
            health.needs_operator(answer.reason, remedy, now=now, wall=wall)
            self._failed(record)
        elif verdict is Verdict.REFUSED_CONTENT:
            self._refused_content(record, answer, divisible=divisible)
        else:
            self._refused(record, answer)
        if health.pause is not None and before is None:
            self.take_back()
        self.backlog.tell_health(queue, before)

    def give_up_failed(self) -> None:
        """Give up requests that move nothing, or are not answered: their threads may hang for ever."""
        failed = self.pool.give_up_failed()
        for destination in {record.destination for record, _ in failed}:
            self.backlog.queues[destination].timed_out()
        for record, why in failed:
            self.take_answer(record, Answer(error=TimeoutError(why)))

    def give_up_undecided(self, *, all_of_them: bool = False) -> None:
        """At the end of a one-shot run: decide about the records that were refused for their content.

        If the server took none, it may be at fault: they stay pending, and an operator is needed.  With
        ``all_of_them`` every undecided record becomes a dead letter.
        """
        for queue in self.backlog.queues.values():
            if all_of_them:
                self._give_up(queue)
            elif queue.health.successes:
                self._decide(queue)
            elif queue.undecided and queue.health.pause is None:
                remedy = "this server refused everything: wrong key or URL?"
                queue.health.needs_operator(
                    queue.last_refusal, remedy, now=self.clock.monotonic(), wall=self.clock.wall()
                )

    def _send(self, record: Record) -> None:
        """Pass a record, or the next item of its batch, to a sending thread."""
        record.on(RecordEvent.SENT)
        queue, line, batch = self.backlog.queues[record.destination], record.line, record.history.batch
        self.in_flight.add(record, queue)
        url, api_key = queue.destination.url, queue.api_key or ""
        if batch is None:
            content_type = line.type or "application/json"
            request = Request(url, api_key, line.body, record.token, content_type, line.encoding)
        else:
            request = Request(url, api_key, batch.left[0].body, idempotency_token(*batch.left[0]))
        self.pool.submit(record, request)

    def take_back(self) -> None:
        """Queue again all requests, to any destination, that no thread has begun.

        Call this when a destination pauses, and at the end.
        """
        now = self.clock.monotonic()
        for record in self.pool.take_back():
            queue = self.backlog.queues[record.destination]
            self.in_flight.remove(record, queue)
            self.backlog.postpone(record, RecordEvent.TAKEN_BACK, now)

    def _failed(self, record: Record, answer: Answer | None = None) -> None:
        """Try a record again later; ``answer`` is that of a server in trouble, and counts against a record alone."""
        now, history = self.clock.monotonic(), record.history
        failures, errors = history.failures + 1, history.errors
        if answer is not None and (answer.status or 0) >= _SERVER_ERROR:
            errors = errors.struck(self.backlog.queues[record.destination].health.successes, now)
            if errors.are_enough(ERRORS, now):
                self._dead(record, answer)
                return
        record.history = history._replace(failures=failures, errors=errors)
        due = now + backoff(failures, self.clock.chance())
        self.backlog.postpone(record, RecordEvent.FAILED, due)

    def _accepted(self, record: Record) -> None:
        batch = record.history.batch
        if batch is None:
            self._delivered(record)
            return
        item = batch.left.pop(0)
        batch.delivered += 1
        self.settlement.delivered(_item_key(item, record), _known(item, record))
        self._go_on(record, batch)

    def _refused(self, record: Record, answer: Answer) -> None:
        """Handle a refusal that may be the record's fault or the server's: the record is tried again later."""
        queue, now, before = self.backlog.queues[record.destination], self.clock.monotonic(), record.history.refusals
        refusals = before.struck(queue.health.successes, now)
        if refusals.are_enough(REFUSALS, now):
            self._dead(record, answer)
            return
        record.history = record.history._replace(refusals=refusals, failures=record.history.failures + 1)
        record.on(RecordEvent.REFUSED)
        queue.leave_undecided(record, answer, now + backoff(record.history.failures, self.clock.chance()))
        self._suspect(queue, answer, again=refusals is before)

    def _refused_content(self, record: Record, answer: Answer, *, divisible: bool) -> None:
        batch = record.history.batch
        if batch is not None:
            batch.refused.append(batch.left.pop(0))
            batch.answer = answer
            self._go_on(record, batch)
            return
        items = split_batch(record.line.body) if divisible else []
        if len(items) <= 1:
            self._refused_whole(record, answer)
            return
        batch = BatchProgress(list(self._undelivered(items, record)))
        record.history = record.history._replace(batch=batch)
        self._go_on(record, batch)

    def _undelivered(self, items: Sequence[Item], record: Record) -> Iterator[Item]:
        """Yield the items that are not delivered yet, from here or elsewhere."""
        keys = [(_item_key(item, record), dedupe_key(item.kind, item.id)) for item in items]
        known = self.settlement.ledger.delivered(key for pair in keys for key in pair)
        for pair, item in zip(keys, items, strict=True):
            there = [other for key in pair for other in known.get(key, ())]
            if decide(_known(item, record), delivered=there) in (Decision.SEND, Decision.CONFLICT):
                yield item

    def _go_on(self, record: Record, batch: BatchProgress) -> None:
        """Send the next item of a run that is sent item by item; settle the run after its last item."""
        queue = self.backlog.queues[record.destination]
        pause = queue.health.pause
        if batch.left and pause and (queue.in_flight or pause.is_before_probe(self.clock.monotonic())):
            self.backlog.postpone(record, RecordEvent.TAKEN_BACK, self.clock.monotonic())
        elif batch.left:
            record.on(RecordEvent.NEXT_ITEM)
            self._send(record)
        elif not batch.refused:
            self._delivered(record)
        elif batch.delivered:
            self._dead(record, batch.answer)  # the server accepted other items of this run
        else:
            self._refused_whole(record, batch.answer)

    def _refused_whole(self, record: Record, answer: Answer) -> None:
        """Handle the refusal of a whole record for its content.  At the next success it is dead."""
        queue, refused_at = self.backlog.queues[record.destination], record.history.refused_at
        if refused_at is not None and queue.health.successes > refused_at:
            self._dead(record, answer)  # refused twice, and the server accepted others in between
            return
        record.on(RecordEvent.REFUSED)
        queue.leave_undecided(record, answer)
        self._suspect(queue, answer)

    def _suspect(self, queue: DestinationQueue, answer: Answer, *, again: bool = False) -> None:
        """Note a refusal.  If too many records were refused, nothing is decided about them: they are tried again."""
        now, wall, untried = self.clock.monotonic(), self.clock.wall(), bool(queue.queued)
        if not queue.health.refused(answer.reason, again=again, untried=untried, now=now, wall=wall):
            return
        for record, _ in queue.take_refused_for_content():
            record.history = History(record.history.failures + 1, queue.health.successes)
            self.backlog.postpone(record, RecordEvent.SERVER_SUSPECTED, now)

    def _decide(self, queue: DestinationQueue) -> None:
        """Make dead letters of the records that were refused for their content: the server took another one."""
        for record, answer in queue.take_refused_for_content():
            self._dead(record, answer)

    def _give_up(self, queue: DestinationQueue) -> None:
        """Make dead letters of all undecided records of a queue."""
        self._decide(queue)
        undecided, queue.undecided = queue.undecided, []
        for refused in undecided:
            for record in self.backlog.in_hand(queue, [(refused.location, refused.history)]):
                self._dead(record, refused.answer)

    def _dead(self, record: Record, answer: Answer) -> None:
        record.on(RecordEvent.DEAD)
        batch = record.history.batch
        body = join_items([*batch.refused, *batch.left]) if batch else record.line.body
        cause = Cause("refused", answer.reason, body, answer, record.destination.url)
        self.backlog.dies(record, cause)

    def _delivered(self, record: Record) -> None:
        record.on(RecordEvent.ACCEPTED)
        self.settlement.delivered(record.key, record.known)
        self.settlement.settle_line(record.segment, record.line, record.known.digest, Decision.DELIVERED, newly=True)
        self.backlog.release_feedback(record.location.run)


def _size(record: Record) -> int:
    """Return how many bytes the body of a record's request has."""
    line, batch = record.line, record.history.batch
    return len(batch.left[0].body) if batch else len(range(len(line.data))[line.body_start : line.body_end])


def _known(item: Item, record: Record) -> Known:
    """Return what the ledger stores for an item of ``record`` that was delivered alone."""
    return record.known._replace(digest=digest_of(idempotency_token(*item)))


def _item_key(item: Item, record: Record) -> bytes:
    """Return the key for an item that was delivered alone: a run's own item is not yet the record, which has its id."""
    key = dedupe_key(item.kind, item.id)
    return dedupe_key(f"item {item.kind}", item.id) if key == record.key else key
