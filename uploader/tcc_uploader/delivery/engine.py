"""The engine: read, send, commit, remove, and again.  One thread does it; others put calls for it into ``inbox``."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final, Self

from tcc_uploader.clock import Clock
from tcc_uploader.files import file_name
from tcc_uploader.ledger.sqlite import Ledger
from tcc_uploader.ledger.store import Unavailable
from tcc_uploader.settings import Settings
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool.removal import writer_is_gone
from tcc_uploader.spool.segment import Segment
from tcc_uploader.spool.watch import Watcher
from tcc_uploader.transport.answers import Answer
from tcc_uploader.transport.pool import Pool

from .backlog import Backlog
from .committer import Committer
from .dispatcher import Dispatcher
from .in_flight import InFlight
from .intake import Intake
from .line_cache import LineCache
from .record import Record
from .recovery import Recovery
from .requeue import Requeue
from .result import ReplayResult
from .routing import Router
from .settlement import Settlement

_GATHER: Final = 0.002
"""Seconds to let more answers come while enough is in flight: waking for each costs more than the answer itself."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much, and how long."""

    rescan: float = 30.0
    """Seconds between scans, which find what no event told of."""
    tick: float = 1.0
    """Seconds: how often the watcher, the ledger's file, requests and overdue answers are looked after."""
    drain: float = 25.0
    """Seconds to wait for answers at the end: less than what a container is given to stop."""
    read_ahead: int = 256
    """Records that wait for a destination that is up, beyond which reading pauses."""
    uncommitted: int = 4096
    """Segments with changes to commit, beyond which reading pauses: what is to be written takes memory, and time."""
    waiting: int = 2_000_000
    """Records known to wait, beyond which reading pauses: 40 bytes each."""


class Engine:
    """Delivers what lies in some spools.  Use as ``with Engine(…) as engine``."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        sources: Sources,
        *,
        clock: Clock | None = None,
        limits: Limits | None = None,
        removes: bool = False,
        is_gone: Callable[[Segment], bool] = writer_is_gone,
        on_step: Callable[["Engine"], None] | None = None,
    ) -> None:
        """Make an engine.  ``is_gone`` tells whether a segment's writer is gone; ``on_step`` is called in each turn."""
        self.settings = settings
        self.clock = clock or Clock()
        self.inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        """What other threads want to be called in the engine's: a file has changed, an answer has come, stop."""
        self.watcher: Watcher | None = None
        self.intake = Intake(ledger, sources, removes=removes)
        cache = LineCache()
        self.settlement = Settlement(ledger, settings.state_dir, cache, self.intake.counted)
        in_flight = InFlight(settings.in_flight + settings.in_flight // 2)  # a thread that is done finds the next ready
        self.backlog = Backlog(self.settlement, Router(settings), self.intake, in_flight, cache, self.clock)
        self._pool = Pool[Record](settings.in_flight, self._put_answer)
        self.dispatcher = Dispatcher(self.settlement, self.backlog, in_flight, self._pool, self.clock)
        self._committer = Committer(self.settlement, self.intake, settings.state_dir, self.clock, removes)
        self._recovery = Recovery(self.settlement, self.intake, self.backlog, is_gone)
        self._requeue = Requeue(settings.state_dir, self.settlement, self.intake, self.backlog)
        self._ledger = ledger
        self._limits = limits or Limits()
        self._removes = removes
        self._on_step = on_step or (lambda _: None)
        self._stopping = False
        self._rescan = 0.0
        """When to scan next, on the monotonic clock."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.watcher is not None:
            self.watcher.close()
        self._pool.close()

    @property
    def trouble(self) -> str:
        """Why the state can't be written now; empty if it can."""
        return self._committer.trouble

    @property
    def in_flight(self) -> int:
        """Requests in flight."""
        return len(self.dispatcher.in_flight)

    def stop(self) -> None:
        """End soon.  May be called from a signal handler or another thread."""
        self.inbox.put(self._stop)

    def _stop(self) -> None:
        self._stopping = True

    def _put_answer(self, record: Record, answer: Answer) -> None:
        self.inbox.put(partial(self.dispatcher.take_answer, record, answer))

    def run_for_ever(self) -> None:
        """Deliver until :meth:`stop`.  Raises :class:`LedgerError` if the ledger is lost or damaged on the way."""
        self.watcher = Watcher(self.intake.spools, lambda path: self.inbox.put(partial(self.intake.hint, path)))
        tick = self.clock.monotonic()
        self._requeue.send_requeued()
        while not self._stopping:
            now = self.clock.monotonic()
            if now >= tick:
                tick = now + self._limits.tick
                self._tick(now)
            if now >= self._rescan:
                self._scan(now)
            self._step()
            self._on_step(self)
            self._wait(min(tick, self._rescan))
        self._drain()

    def run_once(self, timeout: float) -> ReplayResult:
        """Deliver what is there, then end; or after ``timeout`` seconds in which nothing was read or settled."""
        self._requeue.send_requeued()
        self._take_requests()
        self.intake.scan()
        progress, since = self.settlement.settled, self.clock.monotonic()
        timed_out = False
        while not self._stopping and not timed_out:
            self._step()
            self._on_step(self)
            if self._finished():
                self.dispatcher.give_up_undecided()  # feedback that waited for one of them goes now
                if self._recovery.recover(self.intake.live) and self.intake.idle:
                    self.intake.scan()
                elif self._finished():
                    break
                continue
            self._wait(since + timeout)
            reads_on = self._reads_on() and not self.trouble
            if self.settlement.settled != progress or reads_on:
                progress, since = self.settlement.settled, self.clock.monotonic()
            timed_out = not reads_on and self.clock.monotonic() - since >= timeout
        self._drain()
        self.dispatcher.give_up_undecided()
        self._committer.commit()
        return self._result(timed_out=timed_out)

    def _result(self, *, timed_out: bool) -> ReplayResult:
        intake = self.intake
        return ReplayResult(
            counts=intake.counts,
            sent=self.settlement.total,
            damage=intake.damage,
            newer=len(intake.newer),
            unreadable={file_name(path): why for path, why in intake.unreadable.items()},
            problems=intake.problems,
            unread=not intake.idle,
            unended=intake.unended,
            waiting=self.backlog.waiting,
            paused=[self.backlog.report(queue) for queue in self.backlog.queues.values() if len(queue)],
            timed_out=timed_out,
            trouble=self.trouble,
        )

    def _tick(self, now: float) -> None:
        """Look after what no event tells of."""
        if self.watcher is not None and self.watcher.check():
            self._rescan = now
        self._ledger.check()
        self._take_requests()
        self.dispatcher.give_up_overdue()
        if self._committer.changed_unsealed and self.intake.idle and not self.in_flight:
            self._recover_and_remove(list(self._committer.changed_unsealed))

    def _scan(self, now: float) -> None:
        self._rescan = now + self._limits.rescan
        self.intake.scan()
        self._recover_and_remove(self.intake.live)
        if self._removes:
            self.intake.sweep()

    def _take_requests(self) -> None:
        if self.trouble:
            return  # what was taken last time is not committed yet
        try:
            self._requeue.take_requests()
        except (Unavailable, OSError) as error:
            self._committer.note_trouble(error)

    def _step(self) -> None:
        """Read and send as far as there is room; commit what was answered, and remove what is done."""
        if self.settlement.adjusts:
            self._committer.commit()
        if not self.trouble:
            while self._reads_on():
                found = self.intake.read()
                if found is not None:
                    self.backlog.admit(*found)
            self.dispatcher.dispatch()
        if self.trouble or not self.in_flight or self._committer.is_due():
            self._committer.commit()

    def _reads_on(self) -> bool:
        intake, backlog, limits = self.intake, self.backlog, self._limits
        if intake.idle or (intake.reads_stream and not backlog.cache.has_room):
            return False
        if len(self.settlement.touched) >= limits.uncommitted or backlog.waiting >= limits.waiting:
            return False
        return backlog.ready < limits.read_ahead

    def _finished(self) -> bool:
        """Whether a one-shot run has nothing left that waiting a while could help."""
        if self.in_flight or self._reads_on() or self.trouble:
            return False
        pauses = [queue.health.pause for queue in self.backlog.queues.values() if len(queue)]
        return all(pause is not None and pause.needs_operator for pause in pauses)

    def _wait(self, until: float) -> None:
        """Wait for a call until there is something to do, at most until a moment on the monotonic clock."""
        now = self.clock.monotonic()
        if self.trouble:
            until = min(until, now + self._limits.tick)
        elif self._reads_on():
            until = now
        elif (due := self.dispatcher.next_due()) is not None:
            until = min(until, due)
        self._listen(until)

    def _listen(self, until: float) -> None:
        """Wait for a call until a moment on the monotonic clock, or the next commit; then make all that are there."""
        now = self.clock.monotonic()
        if (due := self._committer.due_at()) is not None and not self.trouble:
            until = min(until, max(now, due))
        try:
            call = self.inbox.get(timeout=until - now) if until > now else self.inbox.get_nowait()
            call()
            if self.in_flight > self.settings.in_flight // 2:
                time.sleep(_GATHER)
            while True:
                self.inbox.get_nowait()()
        except Empty:
            pass

    def _drain(self) -> None:
        """Wait for the answers to what is in flight, and commit them."""
        until = self.clock.monotonic() + self._limits.drain
        while self.in_flight and self.clock.monotonic() < until:
            self._listen(until)
            if self._committer.is_due():
                self._committer.commit()
        self._committer.commit()

    def _recover_and_remove(self, segments: Sequence[Segment]) -> None:
        """Recover what their dead writers left without an end, and remove those that are done."""
        waiting = self._recovery.recover(segments)
        if waiting and self.intake.idle:
            self._rescan = self.clock.monotonic()  # it is a scan that they wait for
        self._committer.changed_unsealed = set(waiting)
        self._committer.commit(segments, writers_may_be_gone=True)
