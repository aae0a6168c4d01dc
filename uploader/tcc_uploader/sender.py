"""Send request bodies from a few threads, and hand every answer back.  The only module that talks to a server."""

import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from queue import SimpleQueue
from typing import Final, Generic, NamedTuple, TypeVar

import httpx

from .answers import Answer

ANSWER_TIMEOUT: Final = 60.0
"""Seconds from the start of a request to the end of its answer, however slowly it drips."""
OVERDUE: Final = ANSWER_TIMEOUT + 30.0
"""Seconds after which a request is given up: headers that drip can hold a thread for days."""
_TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)
_MAX_ANSWER: Final = 64 * 1024


Tag = TypeVar("Tag")


class Request(NamedTuple):
    """One attempt: where to, with which key, which bytes; ``token`` is the idempotency key's 16 bytes."""

    url: str
    api_key: str
    body: bytes
    token: bytes


class Sender(Generic[Tag]):
    """Up to ``threads`` requests at once.  ``done(tag, answer)`` is called in the sending thread, once per request."""

    def __init__(self, threads: int, done: Callable[[Tag, Answer], None]) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=threads, keepalive_expiry=30)
        agent = f"tcc-upload/{version('tcc-offline')}"
        # answers are read as they come, and a 409 is judged by its text: so none may be compressed
        headers = {"User-Agent": agent, "Accept-Encoding": "identity"}
        self._client = httpx.Client(timeout=_TIMEOUT, limits=limits, headers=headers)
        self._limit = threads
        self._done = done
        self._work: SimpleQueue[tuple[Tag, Request] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._under_way = 0
        self._abandoned: set[int] = set()
        self._lock = threading.Lock()

    def submit(self, tag: Tag, request: Request) -> None:
        """Send ``request`` as soon as a thread is free; the tag comes back with the answer."""
        with self._lock:
            self._under_way += 1
            wanted = self._under_way > len(self._threads) and len(self._threads) < self._limit
        if wanted:
            # a daemon thread: a server that never answers must not keep the process from ending
            thread = threading.Thread(target=self._run, name=f"send-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._work.put((tag, request))

    def abandon(self, tag: Tag) -> None:
        """Take no notice of this request's answer any more, and let another thread take the place of its own."""
        with self._lock:
            self._abandoned.add(id(tag))
            self._under_way -= 1
            self._limit += 1

    def close(self) -> None:
        """Let the threads end.  Call it when every answer has come; a thread that hangs ends with the process."""
        for _ in self._threads:
            self._work.put(None)
        until = time.monotonic() + 1.0
        for thread in self._threads:
            thread.join(timeout=max(0.0, until - time.monotonic()))
        self._client.close()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            tag, request = work
            try:
                answer = self._send(request)
            except Exception as error:  # noqa: BLE001 -- whatever happened, this attempt got no answer
                answer = Answer(error=error)
            with self._lock:
                if id(tag) in self._abandoned:
                    self._abandoned.discard(id(tag))
                    self._limit -= 1
                    self._threads.remove(threading.current_thread())
                    return
                self._under_way -= 1
            self._done(tag, answer)

    def _send(self, request: Request) -> Answer:
        headers = {
            "Authorization": f"Bearer {request.api_key}",
            "Content-Type": "application/json",
            "Idempotency-Key": request.token.hex(),
        }
        with self._client.stream("POST", request.url, content=request.body, headers=headers) as response:
            return Answer(
                response.status_code,
                response.headers.get("Retry-After"),
                response.headers.get("Location"),
                _first_bytes(response),
            )


def _first_bytes(response: httpx.Response) -> bytes:
    """Read the answer's body, up to a size and a time.  What matters is the status: a body cut short is no failure."""
    text = b""
    until = time.monotonic() + ANSWER_TIMEOUT
    try:
        for chunk in response.iter_raw():
            text += chunk
            if len(text) > _MAX_ANSWER or time.monotonic() > until:
                break
    except httpx.TransportError:
        pass
    return text[:_MAX_ANSWER]
