"""Every record's way from the backlog to its fate.  Runs in the deciding thread alone."""

from collections.abc import Iterator
from datetime import UTC, datetime

from tcc_uploader.clock import Clock
from tcc_uploader.model.fate import Known, Place
from tcc_uploader.model.keys import dedupe_key, digest_of, idempotency_token
from tcc_uploader.transport.answers import Answer, Verdict, classify
from tcc_uploader.transport.client import Request
from tcc_uploader.transport.pool import OVERDUE, Sender

from .backlog import Backlog
from .batch import Part, divide, join
from .health import backoff
from .in_flight import Window
from .queue import Lane
from .record import Division, History, Record
from .settlement import Cause, Fates


class Delivery:
    """Sends what the backlog hands out, and hears the answers."""

    def __init__(self, fates: Fates, backlog: Backlog, window: Window, sender: Sender[Record], clock: Clock) -> None:
        self._fates = fates
        self._backlog = backlog
        self._window = window
        self._sender = sender
        self._clock = clock
        self._divisions: dict[Place, Division] = {}

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return len(self._window)

    def dispatch(self) -> None:
        """Send what may go now."""
        now = self._clock.monotonic()
        for lane in list(self._backlog.lanes.values()):
            while taken := lane.take_some(now, *self._window.room):
                for record in self._backlog.in_hand(lane, taken):
                    self._start(lane, record)

    def next_due(self) -> float | None:
        """When a destination is to be tried again, on the monotonic clock; None if none is or there is no room."""
        if min(self._window.room) <= 0:
            return None
        return min((due for lane in self._backlog.lanes.values() if (due := lane.next_due()) is not None), default=None)

    def take_answer(self, record: Record, answer: Answer) -> None:
        """Note what a server said to the last request for this record."""
        lane = record.lane
        if record not in self._window:
            return  # given up, and perhaps sent again since
        self._landed(record)
        now, wall = self._clock.monotonic(), self._clock.wall()
        verdict, wait, remedy = classify(answer, datetime.fromtimestamp(wall, UTC))
        before = lane.state.pause
        if verdict is Verdict.DELIVERED:
            self._succeeded(lane, wall)
            self._accepted(record)
        elif verdict is Verdict.RETRY:
            lane.state.failed(answer.reason, wait, now=now, wall=wall, chance=self._clock.chance())
            self._postpone(record)
        elif verdict is Verdict.PAUSE:
            lane.state.needs_operator(answer.reason, remedy, now=now, wall=wall)
            self._postpone(record)
        else:
            self._refused(record, answer, divisible=verdict is Verdict.REFUSED_DIVISIBLE)
        if lane.state.pause is not None and before is None:
            self._take_back()
        lane.state.log_change(before)

    def give_up_overdue(self) -> None:
        """Count requests as failed whose answer drips in too slowly: their threads may hang for ever."""
        for record in self._window.sent_before(self._clock.monotonic() - OVERDUE):
            self._sender.abandon(record)
            self.take_answer(record, Answer(error=TimeoutError(f"no whole answer within {OVERDUE:.0f} s")))
        self._sender.nudge()

    def give_up_suspects(self) -> None:
        """At the end of a one-shot run: what was refused, and not suspected to be an outage, is dead."""
        for lane in self._backlog.lanes.values():
            if lane.state.pause is None:
                self._bury_suspects(lane)

    def _start(self, lane: Lane, record: Record) -> None:
        record.division = self._divisions.get(record.place)
        self._window.add(record)
        lane.in_flight += 1
        self._fates.in_flight[record.key] = Known(digest_of(record.token), record.place)
        if record.division is None:
            self._submit(record, record.line.body, record.token)
        else:
            part = record.division.parts[0]
            self._submit(record, part.body, idempotency_token(*part))

    def _submit(self, record: Record, body: bytes, token: bytes) -> None:
        state = record.lane.state
        record.sent_at = self._clock.monotonic()
        self._sender.submit(record, Request(state.destination.url, state.api_key or "", body, token))

    def _landed(self, record: Record) -> None:
        """Note that a record is not under way any more."""
        self._window.remove(record)
        self._fates.in_flight.pop(record.key, None)
        record.lane.in_flight -= 1

    def _take_back(self) -> None:
        """Queue again what no thread has begun to send: a destination that just paused shall get none of it."""
        now = self._clock.monotonic()
        for record in self._sender.take_back():
            self._landed(record)
            record.lane.postpone(record.entry, record.history, now)

    def _succeeded(self, lane: Lane, wall: float) -> None:
        recovered = lane.state.pause is not None
        lane.state.succeeded(wall)
        self._bury_suspects(lane)
        if recovered:
            lane.hurry()

    def _accepted(self, record: Record) -> None:
        division = record.division
        if division is None:
            self._delivered(record)
            return
        part = division.parts.pop(0)
        division.delivered += 1
        self._fates.delivered(dedupe_key(part.kind, part.id), idempotency_token(*part), record.place)
        self._next_part(record)

    def _refused(self, record: Record, answer: Answer, *, divisible: bool) -> None:
        division = record.division
        if division is not None:
            division.refused.append(division.parts.pop(0))
            division.answer = answer
            self._next_part(record)
            return
        parts = divide(record.line.body) if divisible else []
        if len(parts) > 1:
            self._divisions[record.place] = Division(list(self._undelivered(parts, record)))
            self._next_part(record)
            return
        self._suspect(record, answer)

    def _undelivered(self, parts: list[Part], record: Record) -> Iterator[Part]:
        """Leave out the items that an earlier process delivered before it died on the way through this run."""
        known = self._fates.ledger.delivered(dedupe_key(part.kind, part.id) for part in parts)
        for part in parts:
            seen = known.get(dedupe_key(part.kind, part.id))
            if seen != Known(digest_of(idempotency_token(*part)), record.place):
                yield part

    def _next_part(self, record: Record) -> None:
        """Send the next item of a divided run, or conclude it."""
        division = record.division = self._divisions[record.place]
        if division.parts:
            self._start(record.lane, record)
        elif not division.refused:
            self._delivered(record)
        elif division.delivered:
            self._bury_record(record, division.answer)
        else:
            self._suspect(record, division.answer)

    def _suspect(self, record: Record, answer: Answer) -> None:
        """Note a refusal.  Is it the record, or the server?  The next success tells."""
        lane = record.lane
        refused_at = record.history.refused_at
        if refused_at is not None and lane.state.successes > refused_at:
            self._bury_record(record, answer)  # refused again, by a server that took others in between
            return
        lane.suspects.append((record, answer))
        now = self._clock.monotonic()
        if lane.state.refused(answer.reason, now=now, wall=self._clock.wall()):
            for suspect, _ in lane.suspects:
                self._divisions.pop(suspect.place, None)
                history = History(suspect.history.failures + 1, lane.state.successes)
                lane.postpone(suspect.entry, history, now)
            lane.suspects.clear()

    def _postpone(self, record: Record) -> None:
        failures = record.history.failures + 1
        due = self._clock.monotonic() + backoff(failures, self._clock.chance())
        record.lane.postpone(record.entry, record.history._replace(failures=failures), due)

    def _bury_suspects(self, lane: Lane) -> None:
        for record, answer in lane.suspects:
            self._bury_record(record, answer)
        lane.suspects.clear()

    def _bury_record(self, record: Record, answer: Answer) -> None:
        division = self._divisions.get(record.place)
        body = join(division.refused) if division else record.line.body
        cause = Cause("refused", answer.reason, body, answer, record.lane.state.destination.url)
        self._backlog.bury(record.segment, record.line, cause)
        self._settled(record)

    def _delivered(self, record: Record) -> None:
        self._fates.delivered(record.key, record.token, record.place)
        self._fates.count_delivered(record.segment, record.line.number)
        self._settled(record)

    def _settled(self, record: Record) -> None:
        self._divisions.pop(record.place, None)
        self._backlog.release_feedback(record.entry.run)
