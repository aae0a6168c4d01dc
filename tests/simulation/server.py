"""The server, and the threads that send to it: answers come at once, later in simulated time, or never."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tcc_uploader.delivery.batch import split_batch
from tcc_uploader.model.keys import digest_of
from tcc_uploader.transport.answers import Answer
from tcc_uploader.transport.client import Request

if TYPE_CHECKING:
    from simulation.world import World

_ANSWERS: Final = {
    "down": Answer(503),
    "asks to wait": Answer(429, retry_after="40"),
    "refuses": Answer(400, text=b"no"),
    "forbids": Answer(403),
    "knows nothing there": Answer(404),
    "unauthorized": Answer(401),
    "captive": Answer(200, text=b"<html>log in</html>", type="text/html"),
    "not connected": Answer(error=ConnectionError("refused")),
}


def parts_of(body: bytes) -> set[bytes]:
    """Return the bodies of the items of a run with children; of anything else its own body."""
    return {part.body for part in split_batch(body)} or {body}


@dataclass
class Stored:
    """A request that the server has stored, and which uploader, counted from 1, heard of it; 0: none."""

    token: bytes
    heard_by: int = 0


class Server:
    """Stores requests.  Each must be one of ``world.written``, and none may come twice without a reason."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.parts: set[bytes] = set()
        """The bodies of the items that were stored."""
        self.stored: list[Stored] = []
        self.sent: list[bytes] = []
        """The bodies of all requests."""

    def answer(self, request: Request) -> tuple[Answer, Stored | None]:
        """Refuse a request, or store it."""
        for fault, answer in _ANSWERS.items():
            if self._world.faults.hit(fault):
                return answer, None
        stored = Stored(request.token)
        self.stored.append(stored)
        self.parts |= parts_of(request.body)
        if self._world.faults.hit("answer lost"):
            return Answer(error=TimeoutError("no answer")), None
        return Answer(200), stored

    def expect(self, request: Request) -> None:
        """Check a request that is about to be sent; it may arrive when its sender knows more."""
        self.sent.append(request.body)
        world = self._world
        world.check(parts_of(request.body) <= world.written, f"posted, but never recorded: {request.body[:300]!r}")
        for before in self.stored:
            if before.token == request.token and before.heard_by:
                known = before.heard_by == world.uploaders or digest_of(before.token) in world.committed
                world.check(not known, f"sent twice, though the uploader knew it: {request.body[:300]!r}")


class Pool:
    """The threads that send, without threads."""

    def __init__(self, world: "World", threads: int, done: Callable[[Any, Answer], None]) -> None:
        self._world = world
        self._threads = threads
        self._done = done
        self._queued: deque[tuple[Any, Request]] = deque()
        self._at_work: set[int] = set()
        self._uploader = world.uploaders

    def submit(self, tag: Any, request: Request) -> None:
        """Send a request when a thread is free."""
        self._world.server.expect(request)
        self._world.seam("post")
        self._queued.append((tag, request))
        self.nudge()

    def take_back(self) -> list[Any]:
        """Cancel the requests that no thread has begun."""
        waiting = [tag for tag, _ in self._queued]
        self._queued.clear()
        return waiting

    def abandon(self, tag: Any) -> bool:
        """Ignore the answer to a request, if a thread has begun it."""
        begun = id(tag) in self._at_work
        self._at_work.discard(id(tag))
        self.nudge()
        return begun

    def nudge(self) -> None:
        """Begin as many requests as there are free threads."""
        while self._queued and len(self._at_work) < self._threads:
            tag, request = self._queued.popleft()
            self._at_work.add(id(tag))
            if self._world.faults.hit("slow"):
                there, back = (self._world.chance.choice((0.0, 0.04, 2.0, 20.0, 100.0)) for _ in range(2))
                self._world.later(there, lambda tag=tag, request=request, back=back: self._arrive(tag, request, back))
            else:
                self._arrive(tag, request, 0.0)

    def close(self) -> None:
        """Forget all requests: the process has ended."""
        self._queued.clear()
        self._at_work.clear()

    def _arrive(self, tag: Any, request: Request, back: float) -> None:
        answer, stored = self._world.server.answer(request)

        def told() -> None:
            if id(tag) in self._at_work:
                self._at_work.discard(id(tag))
                if stored is not None:
                    stored.heard_by = self._uploader
                self._done(tag, answer)
                self.nudge()

        if back:
            self._world.later(back, told)
        else:
            told()
