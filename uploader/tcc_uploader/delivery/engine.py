"""The deciding thread: read, send, commit, remove, and again.  Everything else hands its news to ``inbox``."""

import logging
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from queue import Empty, SimpleQueue
from typing import Final, Self

from tcc_uploader.clock import Clock
from tcc_uploader.files import file_name
from tcc_uploader.ledger.sqlite import Ledger
from tcc_uploader.settings import Settings
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool.removal import CLAIMS_AT_ONCE, writer_is_gone
from tcc_uploader.spool.segment import Segment
from tcc_uploader.spool.watch import Watcher
from tcc_uploader.transport.pool import Pool

from .backlog import Backlog
from .dispatcher import Delivery
from .events import Answered, Changed, Event, Stop
from .in_flight import InFlight
from .intake import Intake
from .queue import report_of_queue
from .record import Record
from .recovery import Recovery
from .requeue import Requeue
from .result import ReplayResult
from .routing import Router
from .settlement import Settlement

_log = logging.getLogger(__name__)

RESCAN: Final = 30.0
"""Seconds between scans, which find what no event told of."""
_TICK: Final = 1.0
"""Seconds: how often the watcher is looked after, and the status told."""
_READ_AHEAD: Final = 256
"""Records that wait for a destination that is up, beyond which reading pauses."""
_GATHER: Final = 0.002
"""Seconds to let more answers come while enough is under way: waking for each costs more than the answer itself."""
_APART: Final = 4
"""How many times its own length a commit waits for the next one: its sync halts this thread, and soon the sending."""
_COMMIT_WITHIN: Final = 0.25
"""Seconds that a commit is put off at most: what is answered in them is sent twice if we are killed."""
_DRAIN: Final = 25.0
"""Seconds to wait for answers at the end: less than what a container is given to stop."""
_UNCOMMITTED: Final = 4096
"""Segments with changes to commit, beyond which reading pauses: what is to be written takes memory, and time."""
_MAX_WAITING: Final = 2_000_000
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
        removes: bool = False,
        is_dead: Callable[[Segment], bool] = writer_is_gone,
        told: Callable[["Engine"], None] | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self._ledger = ledger
        self.inbox: SimpleQueue[Event] = SimpleQueue()
        self.intake = Intake(ledger, sources, removes=removes)
        self.settlement = Settlement(ledger, settings.state_dir, self.intake.counted)
        self._sender = Pool[Record](settings.in_flight, lambda *answered: self.inbox.put(Answered(*answered)))
        window = InFlight(
            settings.in_flight + settings.in_flight // 2
        )  # a thread that is done finds the next one ready
        self.backlog = Backlog(self.settlement, Router(settings), self.intake, self.clock, window.holds_run)
        self.delivery = Delivery(self.settlement, self.backlog, window, self._sender, self.clock)
        self._recovery = Recovery(self.settlement, self.intake, self.backlog, is_dead)
        self._requeue = Requeue(settings.state_dir, self.settlement, self.intake, self.backlog)
        self.watcher: Watcher | None = None
        self.trouble = ""
        """Why the ledger can't be written now; empty if it can."""
        self._removes = removes
        self._told = told
        self._stopping = False
        self._rescan = 0.0  # when to scan next, on the monotonic clock
        self._commit_due = 0.0
        """When to commit while requests are under way, on the monotonic clock."""
        self._commit_pause = 0.0
        """Seconds that a commit waits for more answers after the first."""
        self._stirred: set[Segment] = set()
        """Segments without a seal that have changed since their writers were last looked for."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.watcher is not None:
            self.watcher.close()
        self._sender.close()

    def stop(self) -> None:
        """End soon.  May be called from a signal handler or another thread."""
        self.inbox.put(Stop())

    def run_for_ever(self) -> None:
        """Deliver until :meth:`stop`."""
        self.watcher = Watcher(self.intake.spools, lambda path: self.inbox.put(Changed(path)))
        tick = self.clock.monotonic()
        self._requeue.send_requeued()
        while not self._stopping:
            now = self.clock.monotonic()
            if now >= tick:
                tick = now + _TICK
                self._rescan = now if self.watcher.check() else self._rescan
                self._ledger.check()
                self._take_requests()
                self.delivery.give_up_overdue()
                if self._stirred and self.intake.idle and not self.delivery.in_flight:
                    self._settle(list(self._stirred))
            if now >= self._rescan:
                self._rescan = now + RESCAN
                self.intake.scan()
                self._settle(self.intake.live)
                if self._removes:
                    self.intake.sweep()
            self._step()
            self._tell()
            self._wait(min(tick, self._rescan))
        self._drain()

    def run_once(self, timeout: float) -> ReplayResult:
        """Deliver what is there, then end; or after ``timeout`` seconds without reading, and without a fate met."""
        self._requeue.send_requeued()
        self._take_requests()
        self.intake.scan()
        progress, since = self.settlement.met, self.clock.monotonic()
        timed_out = False
        while not self._stopping and not timed_out:
            self._step()
            self._tell()
            if self._finished():
                self.delivery.give_up_undecided()  # feedback that waited for one of them goes now
                if self._recovery.recover(self.intake.live) and self.intake.idle:
                    self.intake.scan()
                elif self._finished():
                    break
                continue
            self._wait(since + timeout)
            reads_on = self._reads_on() and not self.trouble
            if self.settlement.met != progress or reads_on:
                progress, since = self.settlement.met, self.clock.monotonic()
            timed_out = not reads_on and self.clock.monotonic() - since >= timeout
        self._drain()
        self.delivery.give_up_undecided()
        self._commit()
        epoch = self.clock.wall() - self.clock.monotonic()
        return ReplayResult(
            counts=self.intake.counts,
            sent=self.settlement.total,
            damage=self.intake.damage,
            newer=len(self.intake.newer),
            unreadable={file_name(path): why for path, why in self.intake.unreadable.items()},
            problems=self.intake.problems,
            unread=not self.intake.idle,
            unended=self.intake.unended,
            waiting=self.backlog.waiting,
            paused=[report_of_queue(queue, epoch) for queue in self.backlog.queues.values() if len(queue)],
            timed_out=timed_out,
            trouble=self.trouble,
        )

    def _take_requests(self) -> None:
        if self.trouble:
            return  # what was taken last time is not committed yet
        try:
            self._requeue.take_requests()
        except (sqlite3.OperationalError, OSError) as error:
            self._note_trouble(error)

    def _step(self) -> None:
        """Read and send as far as there is room; commit what was answered, and remove what is done."""
        if not self.settlement.touched:
            self._commit_due = self.clock.monotonic() + _COMMIT_WITHIN
        if self.settlement.adjusts:
            self._commit()
        if not self.trouble:
            while self._reads_on():
                found = self.intake.read()
                if found is not None:
                    self.backlog.admit(*found)
            self.delivery.dispatch()
        began = self.clock.monotonic()
        if self.trouble or not self.delivery.in_flight or began >= self._commit_due:
            self._commit()
            self._commit_pause = min(_APART * (self.clock.monotonic() - began), _COMMIT_WITHIN)

    def _reads_on(self) -> bool:
        intake, backlog = self.intake, self.backlog
        if intake.idle or (intake.reads_stream and not self.settlement.held.has_room):
            return False
        if len(self.settlement.touched) >= _UNCOMMITTED or backlog.waiting >= _MAX_WAITING:
            return False
        return backlog.ready < _READ_AHEAD

    def _finished(self) -> bool:
        """Whether a one-shot run has nothing left that waiting a while could help."""
        if self.delivery.in_flight or self._reads_on() or self.trouble:
            return False
        queues = self.backlog.queues.values()
        return not any(len(queue) and not (queue.state.pause and queue.state.pause.needs_operator) for queue in queues)

    def _wait(self, until: float) -> None:
        """Wait for news until a moment on the monotonic clock, then take all there is."""
        now = self.clock.monotonic()
        if self.trouble:
            until = min(until, now + _TICK)
        elif self._reads_on():
            until = now
        elif (due := self.delivery.next_due()) is not None:
            until = min(until, due)
        if self.settlement.touched:
            until = min(until, max(now, self._commit_due))
        try:
            self._take(self.inbox.get(timeout=until - now) if until > now else self.inbox.get_nowait())
            if self.delivery.in_flight > self.settings.in_flight // 2:
                time.sleep(_GATHER)
            while True:
                self._take(self.inbox.get_nowait())
        except Empty:
            pass

    def _take(self, message: Event) -> None:
        if isinstance(message, Changed):
            self.intake.hint(message.path)
        elif isinstance(message, Answered):
            self.delivery.take_answer(message.record, message.answer)
            self._commit_due = min(self._commit_due, self.clock.monotonic() + self._commit_pause)
        else:
            self._stopping = True

    def _drain(self) -> None:
        """Hear the answers to what is in flight, and commit them."""
        until = self.clock.monotonic() + _DRAIN
        while self.delivery.in_flight and self.clock.monotonic() < until:
            self._wait(until)
        self._commit()

    def _commit(self, candidates: Collection[Segment] | None = None, *, writers_may_be_gone: bool = False) -> None:
        """Commit every fate; then, and only then, remove those of ``candidates`` that are done.

        They are those that changed, if no others are given.  Without a seal only the lock tells whether a writer is
        gone: that is tried when ``writers_may_be_gone``.
        """
        try:
            self.settlement.write_letters()
        except OSError as error:
            self._note_trouble(error)
            return
        if candidates is None:
            candidates = self.settlement.touched
            self._stirred.update(segment for segment in candidates if not segment.seal)
        settled = [segment for segment in candidates if segment.settled]
        removable = [s for s in settled if self._removes and s.removable and (s.seal or writers_may_be_gone)]
        staying = [s for s in settled if s.complete and not (self._removes and s.removable)]
        if self._write(staying):
            for segment in staying:
                self.intake.finish(segment)
            for segment in settled:
                if segment.stream is not None and not segment.journal.undecided:
                    self.intake.forget(segment)  # nothing more can come of it
        for start in range(0, len(removable), CLAIMS_AT_ONCE):
            with self.intake.claim(removable[start : start + CLAIMS_AT_ONCE]) as claimed:
                if not self._write(claimed):
                    claimed.clear()

    def _settle(self, segments: Sequence[Segment]) -> None:
        """Recover what their dead writers left without an end, and remove those that are done."""
        self._stirred = set(self._recovery.recover(segments))
        if self._stirred and self.intake.idle:
            self._rescan = self.clock.monotonic()  # it is a scan that they wait for
        self._commit(segments, writers_may_be_gone=True)

    def _write(self, finished: list[Segment]) -> bool:
        try:
            self.settlement.commit(finished)
        except sqlite3.OperationalError as error:
            self._note_trouble(error)
            return False
        self.trouble = ""
        return True

    def _note_trouble(self, error: Exception) -> None:
        """Keep why the state can't be written: nothing is lost, and it is tried again."""
        if not self.trouble:
            _log.error("can't write %s: %s; nothing more is sent until that works", self.settings.state_dir, error)
        self.trouble = str(error)

    def _tell(self) -> None:
        if self._told is not None:
            self._told(self)
