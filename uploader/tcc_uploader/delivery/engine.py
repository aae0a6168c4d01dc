"""The engine: read, send, commit, remove, repeat.  It runs in one thread; other threads put calls into ``inbox``."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from math import inf
from queue import Empty
from typing import TYPE_CHECKING, Final, Self

from tcc_uploader.model.ledger import Ledger, LedgerError, Lost, Unavailable
from tcc_uploader.model.letter_store import LetterStore
from tcc_uploader.settings import Settings
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool.removal import writer_is_gone
from tcc_uploader.spool.segment import Segment
from tcc_uploader.state import SpoolLocks
from tcc_uploader.transport.answers import Answer

from .backlog import Backlog
from .committer import Committer
from .dispatcher import Dispatcher
from .events import Began, Ended, Turn
from .host import Host
from .in_flight import InFlight
from .intake import Intake
from .limits import Limits
from .line_cache import LineCache
from .outcome import result_of
from .record import Record
from .recovery import recover
from .requeue import Requeue
from .result import ReplayResult
from .routing import Router
from .settlement import Settlement

if TYPE_CHECKING:
    from tcc_uploader.spool.watch import Watcher

_log = logging.getLogger(__name__)
_GATHER: Final = 0.002
"""Seconds to wait for more answers while many are in flight: to wake for each one costs more than to handle it."""
_SHORTEST_TICK: Final = 0.05
"""Seconds between looks at the progress of a one-shot run whose time-out is shorter."""


class Engine:
    """Delivers the records of some sources.  Use as ``with Engine(…) as engine``."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        letters: LetterStore,
        sources: Sources,
        *,
        host: Host | None = None,
        limits: Limits | None = None,
        keep_for: float = inf,
        locks: SpoolLocks | None = None,
        is_gone: Callable[[Segment], bool] | None = None,
    ) -> None:
        """Make an engine.

        ``keep_for`` is the number of seconds for which delivered segments stay; with ``locks`` each spool is locked
        before it is read; ``is_gone`` tells whether a segment's writer is gone, by default from its seal or lock.
        """
        self.settings = settings
        self._host = host = host or Host()
        self.clock = host.clock
        self._hear = hear = host.hear
        self.inbox = host.inbox()
        """Calls for the engine's thread, from other threads: a file has changed, an answer has arrived, stop."""
        self.watcher: Watcher | None = None
        self.intake = Intake(ledger, sources, host, keep_for=keep_for, locks=locks)
        cache = LineCache()
        self.settlement = Settlement(ledger, letters, cache, self.clock, self.intake, settings.default_hint)
        self.in_flight = InFlight(settings.in_flight + settings.in_flight // 2)  # the rest waits for a free thread
        self.backlog = Backlog(self.settlement, Router(settings), self.intake, self.in_flight, cache, self.clock, hear)
        self._limits = limits or Limits()
        self._pool = host.pool(
            settings.in_flight,
            self._put_answer,
            clock=self.clock.monotonic,
            patience=self._limits.patience,
            rate=settings.limit_rate,
        )
        self.dispatcher = Dispatcher(self.settlement, self.backlog, self.in_flight, self._pool, self.clock, hear)
        self.committer = Committer(self.settlement, self.intake, self.clock)
        self._requeue = Requeue(self.settlement, self.backlog, self.committer)
        self._is_gone = is_gone or partial(writer_is_gone, disk=host.disk)
        self._stopping = False
        self._rescan = 0.0
        """When to scan next, in seconds on the monotonic clock."""

    def __enter__(self) -> Self:
        self._hear(Began(self))
        return self

    def __exit__(self, *_: object) -> None:
        if self.watcher is not None:
            self.watcher.close()
        self._pool.close()

    def stop(self) -> None:
        """Make the engine end soon.  May be called from a signal handler or another thread."""
        self._stopping = True
        self.inbox.put(lambda: None)  # wakes the engine's thread

    def _put_answer(self, record: Record, answer: Answer, seconds: float) -> None:
        self.inbox.put(partial(self.dispatcher.take_answer, record, answer, seconds))

    def run_for_ever(self) -> None:
        """Deliver until :meth:`stop` is called.  Raises :class:`LedgerError` if the ledger was lost: begin anew."""
        hint = self.intake.hint
        self.watcher = self._host.watcher(self.intake.sources.spools, lambda path: self.inbox.put(partial(hint, path)))
        try:
            self._serve(self.watcher)
        except (Lost, Unavailable) as error:
            self._outlast(error)
            raise
        self._drain()
        self._hear(Ended(self))

    def _serve(self, watcher: "Watcher") -> None:
        tick = self.clock.monotonic()
        self._requeue.reconcile()
        self._requeue.send_requeued()
        while not self._stopping:
            now = self.clock.monotonic()
            if now >= tick:
                tick = now + self._limits.tick
                if watcher.check() or self.intake.kept.needs_room:
                    self._rescan = now
                self.settlement.ledger.keep()
                self._requeue.take_requests()
                self.dispatcher.give_up_failed()
                if self.intake.idle and self.intake.scans:
                    self._requeue.adopt_orphans()
                if self.intake.idle and not self.in_flight and (unchecked := self.committer.unchecked()):
                    self._recover_and_remove(unchecked)
            if now >= self._rescan:
                self._rescan = now + self._limits.rescan
                self.committer.commit()  # a file may be read anew
                self.intake.scan()
                self._recover_and_remove(self.intake.live)
                if self.intake.removes:
                    self.intake.sweep()
            self._step()
            self._hear(Turn(self))
            self._wait(min(tick, self._rescan))

    def run_once(self, timeout: float, *, give_up: bool = False) -> ReplayResult:
        """Deliver what is there, then end; or after ``timeout`` s without progress.  Raises :class:`LedgerError`.

        A byte that moves is progress, and so is a request that was sent whole and waits for its answer.

        With ``give_up``, records of which is undecided whether they or the server are at fault become dead letters.
        """
        try:
            timed_out = self._deliver_all(timeout)
        except (Lost, Unavailable):
            self._drain()  # what was delivered stays true, and is committed if that is possible
            raise
        self._drain()
        self.dispatcher.give_up_undecided(all_of_them=give_up)
        self._requeue.adopt_orphans()
        self.committer.finish(self.intake.live if self.intake.removes else None)
        self._hear(Ended(self))
        interrupted = self._stopping and not self._finished()
        return result_of(self.intake, self.backlog, self.committer, timed_out=timed_out, interrupted=interrupted)

    def _deliver_all(self, timeout: float) -> bool:
        """Deliver until nothing is left that can be; return whether there was no progress for ``timeout`` s."""
        self._requeue.reconcile()
        self._requeue.send_requeued()
        self._requeue.take_requests()
        self.intake.scan()
        progress, since = self.settlement.settled, self.clock.monotonic()
        every = min(self._limits.tick, max(timeout, _SHORTEST_TICK))
        tick = since + every
        timed_out = False
        while not self._stopping and not timed_out:
            self._step()
            self._hear(Turn(self))
            if self._finished():
                if recover(self.backlog, self.intake.live, self._is_gone) and self.intake.idle:
                    self.intake.scan()
                elif self._finished():
                    self.dispatcher.give_up_undecided()  # this releases feedback that waited for such a run
                    if self._finished():
                        break
                continue
            self._wait(tick)
            now = self.clock.monotonic()
            reads_on = self._reads_on() and not self.committer.trouble
            if self.settlement.settled != progress or reads_on:
                progress, since = self.settlement.settled, now
            if now >= tick:
                tick = now + every
                self.settlement.ledger.keep()
                self.dispatcher.give_up_failed()
                timed_out = now - max(since, self._pool.last_progress()) >= timeout
        return timed_out

    def _step(self) -> None:
        """Read and send as much as the limits allow; commit what was answered, and remove finished files."""
        if self.settlement.changes.adjustments:
            self.committer.commit()  # before a file is read, because its counts may be among them
        if not self.committer.trouble:
            until = self.clock.monotonic() + self._limits.turn
            while self._reads_on() and self.clock.monotonic() < until:
                found = self.intake.read()
                if found is not None:
                    self.backlog.admit(*found)
            self.dispatcher.dispatch()
        if self.committer.trouble or not self.in_flight or self.clock.monotonic() >= self.committer.due_at():
            self.committer.commit()

    def _reads_on(self) -> bool:
        intake, backlog, limits = self.intake, self.backlog, self._limits
        if intake.idle or intake.awaits_store or (intake.reads_stream and not backlog.cache.has_room):
            return False
        if len(self.settlement.touched) >= limits.uncommitted or backlog.waiting >= limits.waiting:
            return False
        return backlog.ready < limits.read_ahead

    def _finished(self) -> bool:
        """Whether a one-shot run is finished: every record that still waits needs an operator."""
        if self.in_flight or self._reads_on() or self.intake.awaits_store or self.committer.trouble:
            return False
        pauses = [queue.health.pause for queue in self.backlog.queues.values() if len(queue)]
        return all(pause is not None and pause.needs_operator for pause in pauses)

    def _wait(self, until: float) -> None:
        """Wait for a call, until something is to be done; at most until ``until`` (seconds on the monotonic clock)."""
        now = self.clock.monotonic()
        if self.committer.trouble or self.intake.awaits_store:
            until = min(until, now + (self._limits.tick if self.committer.trouble else self._limits.store))
        elif self._reads_on():
            until = now
        elif (due := self.dispatcher.next_due()) is not None:
            until = min(until, due)
        self._listen(until)

    def _listen(self, until: float) -> None:
        """Wait for a call until ``until``, or until a commit is due; then make all calls that are in the inbox."""
        now = self.clock.monotonic()
        if not self.committer.trouble:
            until = min(until, self.committer.due_at())
        try:
            call = self.inbox.get(timeout=until - now) if until > now else self.inbox.get_nowait()
            call()
            if len(self.in_flight) > self.settings.in_flight // 2:
                self.clock.sleep(_GATHER)
            while True:
                self.inbox.get_nowait()()
        except Empty:
            pass

    def _drain(self) -> None:
        """Wait for the answers to the requests that were begun, and commit them."""
        self.dispatcher.take_back()
        until = self.clock.monotonic() + self._limits.drain
        while self.in_flight and self.clock.monotonic() < until:
            self._listen(until)
            if self.clock.monotonic() >= self.committer.due_at():
                self.committer.commit()
        self.committer.commit()
        if self.in_flight:
            cost = "they are sent again, and are there twice if the server took them now"
            fields = {"action": "unanswered", "records": len(self.in_flight), "cost": cost}
            _log.warning("no answer yet for %(records)d of the records that were sent: %(cost)s", fields)

    def _outlast(self, error: LedgerError) -> None:
        """Send nothing more; wait until the ledger is back and has what was answered, or the engine is to stop."""
        self.committer.note_trouble(error)
        self.dispatcher.take_back()
        is_back = False
        while not self._stopping and (self.in_flight or not is_back):
            is_back = True
            try:
                self._listen(self.clock.monotonic() + self._limits.tick)
                self.dispatcher.give_up_failed()
                with suppress(Lost):
                    self.committer.commit()
                    self.settlement.ledger.keep()
            except Unavailable as another:
                self.committer.note_trouble(another)
                is_back = False
            self._hear(Turn(self))

    def _recover_and_remove(self, segments: Sequence[Segment]) -> None:
        """Recover the open runs of segments whose writers are gone; commit, and remove finished segments."""
        waiting = recover(self.backlog, segments, self._is_gone)
        if waiting and self.intake.idle:
            self._rescan = self.clock.monotonic()  # they wait for a scan
        self.committer.changed_unsealed = set(waiting)
        self.committer.commit(segments)
