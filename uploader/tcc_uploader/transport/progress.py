"""Whether a request has failed: judged by what it moves, not by how long it takes.  Pure: the time is an argument.

On a slow link a good request may take an hour, and a time-out that ends it has it sent again and again.  So a request
that is being sent fails only when no request of its destination moves a byte.  One that was sent whole may be stored
already, and to send it again would cost a duplicate: it is waited for ten times as long, until the head of its answer
is whole, however often a byte of the head comes.  When the head is there the server has decided; the rest of the
answer is read for a while, and then does without its end.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final


@dataclass(frozen=True, slots=True)
class Patience:
    """For how many seconds a request is waited for."""

    move: float = 60.0
    """While it is being sent: since a request of its destination last moved a byte, or was answered."""
    head: float = 600.0
    """Since its last byte was written: until its answer's head is whole."""
    end: float = 60.0
    """Since its answer's head was whole: until the answer ends.  Then its status counts."""


PATIENCE: Final = Patience()


@dataclass(slots=True, eq=False)
class Progress:
    """How far one request to ``url`` has come: times in seconds on the monotonic clock.

    The sending thread writes it, the engine's thread reads it.
    """

    url: str
    began: float
    """When a thread began with it."""
    moved: float = -inf
    """When a byte of it was last written or read."""
    sent: float | None = None
    """When its last byte was written; None: it is connecting, or being sent."""
    head: float | None = None
    """When its answer's head was whole."""

    def failure(self, destination_moved: float, patience: Patience, now: float) -> str:
        """Return why this request has failed; empty if it has not.

        ``destination_moved`` is the time at which a request to the same URL last moved a byte or got an answer.
        """
        if self.sent is None:
            since, limit, what = max(self.began, destination_moved), patience.move, "no byte moved"
        elif self.head is None:
            since, limit, what = self.sent, patience.head, "sent whole, and no whole head of an answer came"
        else:
            return ""  # the sending thread itself stops reading
        return f"{what} for {limit:g} s" if now - since >= limit else ""

    def last_progress(self, now: float) -> float:
        """When this request last came on: now, if it was sent whole and has not failed yet."""
        return self.moved if self.sent is None else now


def last_moves(requests: Iterable[Progress], answered: Mapping[str, float]) -> dict[str, float]:
    """Return, for each URL, when a request to it last moved a byte or was answered; ``answered`` has the latter."""
    moves = dict(answered)
    for request in requests:
        moves[request.url] = max(request.moved, moves.get(request.url, -inf))
    return moves


class Rate:
    """A token bucket: at most ``limit`` bytes a second, shared by all sending threads (who hold a lock)."""

    _CREDIT: Final = 0.5
    """Seconds whose bytes a thread that was late may make up for: without it the rate stays below the limit."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._free = -inf
        """When all bytes that were taken will have been sent at the limit."""

    @property
    def piece(self) -> int:
        """How many bytes should be taken together: what the limit allows in a quarter of a second."""
        return max(1, int(self._limit / 4))

    def take(self, size: int, now: float) -> float:
        """Take ``size`` bytes.  Return how many seconds to wait before they are sent."""
        start = max(self._free, now - self._CREDIT)
        self._free = start + size / self._limit
        return max(0.0, start - now)
