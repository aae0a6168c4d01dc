"""What a queue of objects can do, and when an object that could not be finished is tried again."""

from collections.abc import Callable, Container, Hashable, Iterator, Sequence
from typing import Final, Generic, Protocol, TypeVar

from .objects import ObjectRef

AT_ONCE: Final = 8
"""Objects that a queue gives out in one call."""
_SOONEST: Final = 30.0
_LATEST: Final = 3600.0
"""Seconds after which an object that was given back is tried again here: doubled each time, up to an hour."""

Key = TypeVar("Key", bound=Hashable)


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

    @property
    def waits(self) -> bool:
        """Whether there is more to take, as soon as what was taken before is finished or given back."""

    def finished(self, ref: ObjectRef) -> None:
        """Take in that nothing more is to be done with an object; what became of its records is committed."""

    def give_back(self, ref: ObjectRef) -> None:
        """Take in that an object was not read to its end, or that some of its records could not be sent."""


class Retries(Generic[Key]):
    """What this worker has given back, and when each of it is due: later each time."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._again: dict[Key, tuple[int, float]] = {}
        """How many times it was given back, and when it is due, in seconds on the monotonic clock."""

    def add(self, key: Key) -> None:
        """Note that something was given back."""
        times = self._again.get(key, (0, 0.0))[0] + 1
        self._again[key] = times, self._now() + min(_LATEST, _SOONEST * 2.0 ** min(times - 1, 10))

    def are_waiting(self) -> Iterator[Key]:
        """Yield what is not due yet."""
        now = self._now()
        return (key for key, (_, due) in self._again.items() if due > now)

    def is_due(self, key: Key) -> bool:
        """Whether something may be taken: it was never given back, or that was long enough ago."""
        return self._again.get(key, (0, 0.0))[1] <= self._now()

    def forget(self, key: Key) -> None:
        """Forget what is finished."""
        self._again.pop(key, None)

    def keep_only(self, there: Container[Key]) -> None:
        """Forget all else."""
        self._again = {key: value for key, value in self._again.items() if key in there}
