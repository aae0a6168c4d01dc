"""Which objects a worker reads, and when it reads one again.

A worker that shares a store with others needs a queue that they share, too: another form of :class:`ObjectQueue`.
"""

from collections import deque
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, Protocol

from tcc_uploader.clock import Clock
from tcc_uploader.model.objects import ObjectRef

_AT_ONCE: Final = 8
"""Objects that a queue gives out in one call."""
_SOONEST: Final = 30.0
_LATEST: Final = 3600.0
"""Seconds after which an object that could not be read is tried again: doubled each time, up to an hour."""


class ObjectQueue(Protocol):
    """Decides which objects this worker reads.  Only the engine's thread calls it.

    An object that was taken is ours, until it is finished or given back.  Every pass through the store calls ``note``
    with each page of the listing, ``take`` until it gives nothing more, and ``all_listed`` at the listing's end.
    """

    def note(self, listed: Sequence[ObjectRef]) -> None:
        """Take in a page of the listing."""

    def all_listed(self) -> None:
        """Take in that the listing has ended: what it did not show is not there any more."""

    def take(self) -> Sequence[ObjectRef]:
        """Return the next objects to read, a few; none if there is nothing to read now."""

    def finished(self, ref: ObjectRef) -> None:
        """Take in that nothing more is to be done with an object; what became of its records is committed."""

    def give_back(self, ref: ObjectRef) -> None:
        """Take in that an object was not read to its end, or that some of its records could not be sent."""


class SoleWorker:
    """The queue of a worker that shares its objects with nobody: all that it has not read yet, in listing order."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._waiting: deque[ObjectRef] = deque()
        self._taken: set[bytes] = set()
        self._again: dict[bytes, tuple[int, float]] = {}
        """What was given back: how many times, and when it is due, in seconds on the monotonic clock."""
        self._listed: set[bytes] = set()

    def note(self, listed: Sequence[ObjectRef]) -> None:
        """Queue what is new, and what is due again."""
        now = self._clock.monotonic()
        for ref in listed:
            key = _short(ref)
            self._listed.add(key)
            if key not in self._taken and self._again.get(key, (0, now))[1] <= now:
                self._waiting.append(ref)

    def all_listed(self) -> None:
        """Forget what is not there any more."""
        self._taken &= self._listed
        self._again = {key: value for key, value in self._again.items() if key in self._listed}
        self._listed.clear()

    def take(self) -> Sequence[ObjectRef]:
        """Return the next ones."""
        taken = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
        self._taken.update(map(_short, taken))
        return taken

    def finished(self, ref: ObjectRef) -> None:
        """Don't read it again."""
        self._again.pop(_short(ref), None)

    def give_back(self, ref: ObjectRef) -> None:
        """Read it again, later each time."""
        key = _short(ref)
        times = self._again.get(key, (0, 0.0))[0] + 1
        due = self._clock.monotonic() + min(_LATEST, _SOONEST * 2.0 ** min(times - 1, 10))
        self._again[key] = times, due
        self._taken.discard(key)


def _short(ref: ObjectRef) -> bytes:
    return blake2b(f"{ref.uri}\0{ref.etag}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
