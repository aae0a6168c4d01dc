"""The server, and the threads that send to it: answers come at once, later in simulated time, or never."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Final

from tcc_uploader.delivery.batch import split_batch
from tcc_uploader.model.keys import digest_of
from tcc_uploader.transport.answers import Answer
from tcc_uploader.transport.client import Request
from tcc_uploader.transport.progress import Patience, Progress, last_moves

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

    def __init__(
        self,
        world: "World",
        threads: int,
        done: Callable[[Any, Answer, float], None],
        *,
        clock: Callable[[], float],
        patience: Patience,
        rate: float | None,
    ) -> None:
        self._world = world
        self._clock = clock
        self._patience = patience
        self._threads = threads
        self._done = done
        self._queued: deque[tuple[Any, Request]] = deque()
        self._at_work: dict[int, tuple[Any, Progress]] = {}
        """By ``id(tag)``: the requests that are being sent, or wait for their answers."""
        self._answered: dict[str, float] = {}
        """By URL: when a request was last answered."""
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

    def give_up_failed(self) -> list[tuple[Any, str]]:
        """Give up the requests that have failed by the product's own rule; they may arrive at the server yet."""
        now = self._clock()
        moves = last_moves([progress for _, progress in self._at_work.values()], self._answered)
        failed = []
        for tag, progress in list(self._at_work.values()):
            if why := progress.failure(moves.get(progress.url, -inf), self._patience, now):
                failed.append((tag, why))
                del self._at_work[id(tag)]
        self.nudge()
        return failed

    def last_progress(self) -> float:
        """When a request last came on."""
        now = self._clock()
        return max((progress.last_progress(now) for _, progress in self._at_work.values()), default=-inf)

    def nudge(self) -> None:
        """Begin as many requests as there are free threads."""
        while self._queued and len(self._at_work) < self._threads:
            tag, request = self._queued.popleft()
            self._at_work[id(tag)] = tag, Progress(request.url, self._clock())
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
        if id(tag) in self._at_work:
            progress = self._at_work[id(tag)][1]
            progress.moved = progress.sent = self._clock()

        def told() -> None:
            if id(tag) in self._at_work:
                progress = self._at_work.pop(id(tag))[1]
                if answer.status is not None:
                    self._answered[progress.url] = self._clock()
                if stored is not None:
                    stored.heard_by = self._uploader
                self._done(tag, answer, 0.0)
                self.nudge()

        if back:
            self._world.later(back, told)
        else:
            told()
