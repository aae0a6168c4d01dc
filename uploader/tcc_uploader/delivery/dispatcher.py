"""Every record's way from the backlog to its fate.  Runs in the deciding thread alone."""

from collections.abc import Iterator
from datetime import UTC, datetime

from tcc_uploader.clock import Clock
from tcc_uploader.model.fate import Known, Place
from tcc_uploader.model.keys import dedupe_key, digest_of, idempotency_token
from tcc_uploader.transport.answers import Answer, Verdict, classify
from tcc_uploader.transport.client import Request
from tcc_uploader.transport.pool import OVERDUE, Pool

from .backlog import Backlog
from .batch import Part, join, split_batch
from .health import backoff
from .in_flight import InFlight
from .queue import DestinationQueue
from .record import BatchProgress, History, Record
from .settlement import Cause, Settlement


class Delivery:
    """Sends what the backlog hands out, and hears the answers."""

    def __init__(
        self, settlement: Settlement, backlog: Backlog, window: InFlight, sender: Pool[Record], clock: Clock
    ) -> None:
        self._settlement = settlement
        self._backlog = backlog
        self._window = window
        self._sender = sender
        self._clock = clock
        self._batches: dict[Place, BatchProgress] = {}

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return len(self._window)

    def dispatch(self) -> None:
        """Send what may go now."""
        now = self._clock.monotonic()
        for queue in list(self._backlog.queues.values()):
            while taken := queue.take_some(now, *self._window.room):
                for record in self._backlog.in_hand(queue, taken):
                    self._start(queue, record)

    def next_due(self) -> float | None:
        """When a destination is to be tried again, on the monotonic clock; None if none is or there is no room."""
        if min(self._window.room) <= 0:
            return None
        return min(
            (due for queue in self._backlog.queues.values() if (due := queue.next_due()) is not None), default=None
        )

    def take_answer(self, record: Record, answer: Answer) -> None:
        """Note what a server said to the last request for this record."""
        queue = record.queue
        if record not in self._window:
            return  # given up, and perhaps sent again since
        self._landed(record)
        now, wall = self._clock.monotonic(), self._clock.wall()
        verdict, wait, remedy = classify(answer, datetime.fromtimestamp(wall, UTC))
        before = queue.state.pause
        if verdict is Verdict.DELIVERED:
            self._succeeded(queue, wall)
            self._accepted(record)
        elif verdict is Verdict.RETRY:
            queue.state.failed(answer.reason, wait, now=now, wall=wall, chance=self._clock.chance())
            self._postpone(record)
        elif verdict is Verdict.PAUSE:
            queue.state.needs_operator(answer.reason, remedy, now=now, wall=wall)
            self._postpone(record)
        else:
            self._refused(record, answer, divisible=verdict is Verdict.REFUSED_DIVISIBLE)
        if queue.state.pause is not None and before is None:
            self._take_back()
        queue.state.log_change(before)

    def give_up_overdue(self) -> None:
        """Count requests as failed whose answer drips in too slowly: their threads may hang for ever."""
        for record in self._window.sent_before(self._clock.monotonic() - OVERDUE):
            self._sender.abandon(record)
            self.take_answer(record, Answer(error=TimeoutError(f"no whole answer within {OVERDUE:.0f} s")))
        self._sender.nudge()

    def give_up_undecided(self) -> None:
        """At the end of a one-shot run: what was refused, and not suspected to be an outage, is dead."""
        for queue in self._backlog.queues.values():
            if queue.state.pause is None:
                self._give_up(queue)

    def _start(self, queue: DestinationQueue, record: Record) -> None:
        record.batch = self._batches.get(record.place)
        self._window.add(record)
        queue.in_flight += 1
        self._settlement.in_flight[record.key] = Known(digest_of(record.token), record.place)
        if record.batch is None:
            self._submit(record, record.line.body, record.token)
        else:
            part = record.batch.parts[0]
            self._submit(record, part.body, idempotency_token(*part))

    def _submit(self, record: Record, body: bytes, token: bytes) -> None:
        state = record.queue.state
        record.sent_at = self._clock.monotonic()
        self._sender.submit(record, Request(state.destination.url, state.api_key or "", body, token))

    def _landed(self, record: Record) -> None:
        """Note that a record is not under way any more."""
        self._window.remove(record)
        self._settlement.in_flight.pop(record.key, None)
        record.queue.in_flight -= 1

    def _take_back(self) -> None:
        """Queue again what no thread has begun to send: a destination that just paused shall get none of it."""
        now = self._clock.monotonic()
        for record in self._sender.take_back():
            self._landed(record)
            record.queue.postpone(record.entry, record.history, now)

    def _succeeded(self, queue: DestinationQueue, wall: float) -> None:
        recovered = queue.state.pause is not None
        queue.state.succeeded(wall)
        self._give_up(queue)
        if recovered:
            queue.retry_now()

    def _accepted(self, record: Record) -> None:
        batch = record.batch
        if batch is None:
            self._delivered(record)
            return
        part = batch.parts.pop(0)
        batch.delivered += 1
        self._settlement.delivered(dedupe_key(part.kind, part.id), idempotency_token(*part), record.place)
        self._next_part(record)

    def _refused(self, record: Record, answer: Answer, *, divisible: bool) -> None:
        batch = record.batch
        if batch is not None:
            batch.refused.append(batch.parts.pop(0))
            batch.answer = answer
            self._next_part(record)
            return
        parts = split_batch(record.line.body) if divisible else []
        if len(parts) > 1:
            self._batches[record.place] = BatchProgress(list(self._undelivered(parts, record)))
            self._next_part(record)
            return
        self._suspect(record, answer)

    def _undelivered(self, parts: list[Part], record: Record) -> Iterator[Part]:
        """Leave out the items that an earlier process delivered before it died on the way through this run."""
        known = self._settlement.ledger.delivered(dedupe_key(part.kind, part.id) for part in parts)
        for part in parts:
            seen = known.get(dedupe_key(part.kind, part.id))
            if seen != Known(digest_of(idempotency_token(*part)), record.place):
                yield part

    def _next_part(self, record: Record) -> None:
        """Send the next item of a divided run, or conclude it."""
        batch = record.batch = self._batches[record.place]
        if batch.parts:
            self._start(record.queue, record)
        elif not batch.refused:
            self._delivered(record)
        elif batch.delivered:
            self._refuse_for_good(record, batch.answer)
        else:
            self._suspect(record, batch.answer)

    def _suspect(self, record: Record, answer: Answer) -> None:
        """Note a refusal.  Is it the record, or the server?  The next success tells."""
        queue = record.queue
        refused_at = record.history.refused_at
        if refused_at is not None and queue.state.successes > refused_at:
            self._refuse_for_good(record, answer)  # refused again, by a server that took others in between
            return
        queue.undecided.append((record, answer))
        now = self._clock.monotonic()
        if queue.state.refused(answer.reason, now=now, wall=self._clock.wall()):
            for suspect, _ in queue.undecided:
                self._batches.pop(suspect.place, None)
                history = History(suspect.history.failures + 1, queue.state.successes)
                queue.postpone(suspect.entry, history, now)
            queue.undecided.clear()

    def _postpone(self, record: Record) -> None:
        failures = record.history.failures + 1
        due = self._clock.monotonic() + backoff(failures, self._clock.chance())
        record.queue.postpone(record.entry, record.history._replace(failures=failures), due)

    def _give_up(self, queue: DestinationQueue) -> None:
        for record, answer in queue.undecided:
            self._refuse_for_good(record, answer)
        queue.undecided.clear()

    def _refuse_for_good(self, record: Record, answer: Answer) -> None:
        batch = self._batches.get(record.place)
        body = join(batch.refused) if batch else record.line.body
        cause = Cause("refused", answer.reason, body, answer, record.queue.state.destination.url)
        self._backlog.dead_letter(record.segment, record.line, cause)
        self._settled(record)

    def _delivered(self, record: Record) -> None:
        self._settlement.delivered(record.key, record.token, record.place)
        self._settlement.count_delivered(record.segment, record.line.number)
        self._settled(record)

    def _settled(self, record: Record) -> None:
        self._batches.pop(record.place, None)
        self._backlog.release_feedback(record.entry.run)
