"""Send requests from a few threads, and pass on each answer."""

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from functools import cache
from itertools import takewhile
from queue import SimpleQueue
from typing import Final, Generic, TypeVar

import httpx

from .answers import Answer
from .client import ANSWER_TIMEOUT, Client, Request

OVERDUE: Final = ANSWER_TIMEOUT + 30.0
"""Seconds after which the engine abandons a request: a server that sends headers slowly can block a thread for days."""
_LEARNED_FROM: Final = 64
"""From how many of the latest requests the useful number of threads is computed."""
_HANGS_AFTER: Final = 0.5
"""Seconds after which a request is seen as hanging, and its thread is no longer counted."""
_LEAST_PROCESSOR: Final = 1e-5
"""Seconds: the least processor time of a request.  Some clocks are too coarse and measure zero."""
Tag = TypeVar("Tag")


class Pace:
    """Computes how many threads are useful, from the durations of the latest requests."""

    def __init__(self) -> None:
        self.threads = 1
        self._walls: deque[float] = deque(maxlen=_LEARNED_FROM)
        self._processors: deque[float] = deque(maxlen=_LEARNED_FROM)

    def note(self, wall: float, processor: float) -> None:
        """Note how many seconds a request took, and how many seconds of processor time."""
        self._walls.append(wall)
        self._processors.append(processor)  # its minimum is used, too: a first request also connects
        self.threads = max(1, int(min(self._walls) / max(min(self._processors), _LEAST_PROCESSOR)))


class Pool(Generic[Tag]):
    """Sends up to ``threads`` requests at once.  Calls ``done(tag, answer)`` for each request, in the sending thread.

    ``done`` is not called for requests that were taken back or abandoned.  Threads share one interpreter lock, so more
    threads help only while others wait for the server.  The number of busy threads is the shortest duration of the
    latest requests, divided by their shortest processor time.
    """

    def __init__(self, threads: int, done: Callable[[Tag, Answer], None]) -> None:
        self._tls = cache(httpx.create_ssl_context)
        self._limit = threads
        self._done = done
        self._queued: deque[tuple[Tag, Request]] = deque()
        self._threads: list[threading.Thread] = []
        self._idle: list[SimpleQueue[tuple[Tag, Request] | None]] = []
        """The queues at which idle threads wait.  The last thread is woken first, so that few connections are used."""
        self._at_work: dict[int, float] = {}
        """By ``id(tag)``, without abandoned requests: when each was begun, in seconds on the monotonic clock."""
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

    def abandon(self, tag: Tag) -> bool:
        """Ignore the answer to this request from now on, and let another thread replace the one that sends it.

        Don't submit this tag again.  Return False, and ignore nothing, if no thread has begun the request.
        """
        with self._lock:
            since = self._at_work.pop(id(tag), None)
            self._hand_out()
        return since is not None

    def nudge(self) -> None:
        """Start more threads if some hang.  Call this about every second."""
        with self._lock:
            self._hand_out()

    def close(self) -> None:
        """End the threads.  Call this after all answers have arrived; a thread that hangs ends with the process."""
        with self._lock:
            self._limit = 0
            for idle in self._idle:
                idle.put(None)
        until = time.monotonic() + 1.0
        for thread in self._threads:
            thread.join(timeout=max(0.0, until - time.monotonic()))

    def _hand_out(self) -> None:
        """Wake or start as many threads for the queued requests as are useful."""
        while work := self._next():
            if self._idle:
                self._idle.pop().put(work)
            else:
                # a daemon thread: a server that never answers must not keep the process from ending
                name = f"send-{len(self._threads)}"
                thread = threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _next(self) -> tuple[Tag, Request] | None:
        """Return the request that a thread may begin now; None if there is none."""
        now = time.monotonic()
        if not self._queued or len(self._at_work) >= self._limit:
            return None
        hanging = takewhile(lambda since: now - since >= _HANGS_AFTER, self._at_work.values())  # oldest first
        if len(self._at_work) - sum(1 for _ in hanging) >= self._pace.threads:
            return None
        work = self._queued.popleft()
        self._at_work[id(work[0])] = now
        return work

    def _run(self, work: tuple[Tag, Request] | None) -> None:
        """Send one request after the other; end when the pool is closed, or the request was abandoned."""
        handed: SimpleQueue[tuple[Tag, Request] | None] = SimpleQueue()
        with closing(Client(self._tls)) as client:
            while work is not None:
                tag, request = work
                wall, processor = time.perf_counter(), time.thread_time()
                answer = client.post(request)
                with self._lock:
                    if self._at_work.pop(id(tag), None) is None:  # it was abandoned
                        self._threads.remove(threading.current_thread())
                        return
                    self._pace.note(time.perf_counter() - wall, time.thread_time() - processor)
                    work = self._next()
                    if work is None:
                        self._idle.append(handed)
                    self._hand_out()
                self._done(tag, answer)
                work = work or handed.get()
