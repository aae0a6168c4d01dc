"""Send requests from a few threads, and pass on each answer."""

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile
from math import inf
from queue import SimpleQueue
from typing import Final, Generic, TypeVar

import httpx

from .answers import Answer
from .client import Client, Request
from .progress import PATIENCE, Patience, Progress, last_moves
from .wire import Limit, Wire

_LEARNED_FROM: Final = 64
"""From how many of the latest requests the useful number of threads is computed."""
_HANGS_AFTER: Final = 0.5
"""Seconds after which a request is seen as hanging, and its thread is no longer counted."""
_LEAST_PROCESSOR: Final = 1e-5
"""Seconds: the least processor time of a request.  Some clocks are too coarse and measure zero."""
_STUCK_AFTER: Final = 10.0
"""Seconds; more if requests are slow."""
_SLOW: Final = 1.0
"""Seconds: requests that take less are never slow."""
_LEAST_AT_ONCE: Final = 2
"""Requests that may be under way in any case: while one waits for its answer, another uses the link."""
Tag = TypeVar("Tag")


class Pace:
    """Computes how many threads are useful, from the durations of the latest requests.

    On a slow link many requests at once are of no use: each takes as much longer as there are more, and what lies in
    the queues on the way is sent again by TCP for want of an answer.  It is a slow link, or a server at its limits, if
    even the fastest of the latest requests took seconds, and twice as long as the fastest of all did.
    """

    def __init__(self) -> None:
        self.threads = 1
        """How many threads may be busy."""
        self.most = _LEAST_AT_ONCE
        """How many requests may be under way: halved when they are slow, else one more with each answer."""
        self.stuck_after = _STUCK_AFTER
        """Seconds without a byte after which a request does not count among :attr:`most`: it may hang for ever."""
        self._walls: deque[float] = deque(maxlen=_LEARNED_FROM)
        self._processors: deque[float] = deque(maxlen=_LEARNED_FROM)
        self._latest: deque[float] = deque(maxlen=3)
        self._shortest = inf
        self._unjudged = 0
        """How many answers are still to come to requests that were begun before :attr:`most` was halved."""

    def note(self, wall: float, processor: float, under_way: int = 1) -> None:
        """Note how many seconds a request took, how many of processor time, and how many requests were under way."""
        self._walls.append(wall)
        self._processors.append(processor)  # its minimum is used, too: a first request also connects
        self.threads = max(1, int(min(self._walls) / max(min(self._processors), _LEAST_PROCESSOR)))
        self._latest.append(wall)
        self._shortest = min(self._shortest, wall)
        fastest = min(self._latest)
        self._unjudged -= 1
        if fastest < max(_SLOW, 2 * self._shortest):
            self.most += 1
        elif self._unjudged <= 0:
            self.most = max(_LEAST_AT_ONCE, min(self.most, under_way) // 2)
            self.stuck_after = max(_STUCK_AFTER, 4 * max(self._latest))
            self._unjudged = under_way


@dataclass(slots=True, eq=False)
class _Sender(Generic[Tag]):
    """A thread, and where it gets its requests; None ends it."""

    client: Client
    handed: SimpleQueue["_Work[Tag] | None"] = field(default_factory=SimpleQueue)


@dataclass(slots=True, eq=False)
class _Work(Generic[Tag]):
    """A request that a thread has begun.  ``since`` is in seconds on the real monotonic clock."""

    tag: Tag
    request: Request
    sender: _Sender[Tag]
    progress: Progress
    since: float


class Pool(Generic[Tag]):
    """Sends up to ``threads`` requests at once.

    Calls ``done(tag, answer, seconds)`` for each request, in the sending thread, with how long it took;
    ``done`` is not called for requests that were taken back or given up.  Threads share one interpreter lock, so more
    threads help only while others wait for the server.  The number of busy threads is the shortest duration of the
    latest requests, divided by their shortest processor time.

    ``clock`` returns the time by which requests are given up, in seconds; ``rate`` is the number of bytes per second
    that all threads together may send, or None.
    """

    def __init__(
        self,
        threads: int,
        done: Callable[[Tag, Answer, float], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        patience: Patience = PATIENCE,
        rate: float | None = None,
    ) -> None:
        self._tls = cache(httpx.create_ssl_context)
        self._threads = threads
        self._done = done
        self._clock = clock
        self._patience = patience
        self._rate = Limit(rate) if rate else None
        self._queued: deque[tuple[Tag, Request]] = deque()
        self._idle: list[_Sender[Tag]] = []
        """The last sender is woken first, so that few connections are used."""
        self._running: list[threading.Thread] = []
        self._at_work: dict[int, _Work[Tag]] = {}
        """By ``id(tag)``, in the order in which they were begun, without those that were given up."""
        self._answered: dict[str, float] = {}
        """By URL: when a request was last answered."""
        self._moved = -inf
        """When a request last moved a byte that ended without an answer."""
        self._pace = Pace()
        self._lock = threading.Lock()

    def submit(self, tag: Tag, request: Request) -> None:
        """Send ``request`` when a thread is free; ``done`` gets the tag and the answer."""
        with self._lock:
            self._queued.append((tag, request))
            self._hand_out()

    def take_back(self) -> list[Tag]:
        """Cancel the requests that no thread has begun; return their tags in order."""
        with self._lock:
            waiting = [tag for tag, _ in self._queued]
            self._queued.clear()
        return waiting

    def give_up_failed(self) -> list[tuple[Tag, str]]:
        """Give up the requests that have failed by :class:`.progress.Patience`; return their tags, and why.

        Their connections are cut, so that their threads end; others take their place.  Also start more threads if some
        hang.  Call this about every second.
        """
        now = self._clock()
        with self._lock:
            moves = last_moves([work.progress for work in self._at_work.values()], self._answered)
            failed = []
            for work in list(self._at_work.values()):
                progress = work.progress
                if why := progress.failure(moves.get(progress.url, -inf), self._patience, now):
                    failed.append((work.tag, why))
                    self._give_up(work)
            self._hand_out()
        return failed

    def last_progress(self) -> float:
        """When a request last came on (see :meth:`Progress.last_progress`), in seconds on the clock.

        What was answered does not count here: an answer may be that of a server in trouble.
        """
        now = self._clock()
        with self._lock:
            return max(self._moved, *(work.progress.last_progress(now) for work in self._at_work.values()), -inf)

    def close(self) -> None:
        """End the threads.  Requests that are still being sent are given up."""
        with self._lock:
            self._threads = 0
            for work in list(self._at_work.values()):
                self._give_up(work)
            for sender in self._idle:
                sender.handed.put(None)
            running = list(self._running)
        until = time.monotonic() + 1.0
        for thread in running:
            thread.join(timeout=max(0.0, until - time.monotonic()))

    def _give_up(self, work: _Work[Tag]) -> None:
        """Ignore the answer to this request from now on, and end the thread that sends it."""
        del self._at_work[id(work.tag)]
        self._moved = max(self._moved, work.progress.moved)
        work.sender.client.wire.cut()

    def _hand_out(self) -> None:
        """Wake or start as many threads for the queued requests as are useful."""
        while self._may_begin():
            sender = self._idle.pop() if self._idle else self._started()
            sender.handed.put(self._next(sender))

    def _started(self) -> _Sender[Tag]:
        sender = _Sender[Tag](Client(self._tls, Wire(self._clock, self._patience, self._rate)))
        # a daemon thread: a server that never answers must not keep the process from ending
        thread = threading.Thread(target=self._run, args=(sender,), name=f"send-{len(self._running)}", daemon=True)
        self._running.append(thread)
        thread.start()
        return sender

    def _may_begin(self) -> bool:
        """Whether a thread may begin a request now."""
        if not self._queued or len(self._at_work) >= self._threads:
            return False
        now, works = time.monotonic(), self._at_work.values()
        hanging = sum(1 for _ in takewhile(lambda work: now - work.since >= _HANGS_AFTER, works))  # oldest first
        if len(works) - hanging >= self._pace.threads:
            return False
        if len(works) < self._pace.most:
            return True
        since = self._clock() - self._pace.stuck_after
        stuck = sum(1 for work in works if max(work.progress.began, work.progress.moved) <= since)
        return len(works) - stuck < self._pace.most

    def _next(self, sender: _Sender[Tag]) -> _Work[Tag]:
        """Return the next request, as begun by this thread."""
        tag, request = self._queued.popleft()
        work = _Work(tag, request, sender, Progress(request.url, self._clock()), time.monotonic())
        self._at_work[id(tag)] = work
        return work

    def _run(self, sender: _Sender[Tag]) -> None:
        """Send one request after the other; end when the pool is closed, or a request was given up."""
        with closing(sender.client) as client:
            work = sender.handed.get()
            while work is not None:
                wall, processor = time.perf_counter(), time.thread_time()
                answer = client.post(work.request, work.progress)
                seconds = time.perf_counter() - wall
                with self._lock:
                    if client.wire.is_cut.is_set():
                        break
                    self._note(work, answer)
                    self._pace.note(seconds, time.thread_time() - processor, len(self._at_work) + 1)
                    following = self._next(sender) if self._may_begin() else None
                    if following is None:
                        self._idle.append(sender)
                    self._hand_out()
                self._done(work.tag, answer, seconds)
                work = following or sender.handed.get()
        with self._lock:
            self._running.remove(threading.current_thread())

    def _note(self, work: _Work[Tag], answer: Answer) -> None:
        """Note that a request has ended."""
        del self._at_work[id(work.tag)]
        if answer.status is None:
            self._moved = max(self._moved, work.progress.moved)
        else:
            self._answered[work.progress.url] = self._clock()
