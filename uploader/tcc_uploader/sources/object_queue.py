"""The queue of a worker that shares its objects with nobody.  Workers that share a ledger have another one, in it."""

from collections import deque
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from tcc_uploader.clock import Clock
from tcc_uploader.model.object_queue import AT_ONCE, Retries
from tcc_uploader.model.objects import ObjectRef


class SoleWorker:
    """All that it has not read yet, in listing order."""

    waits: Final = False

    def __init__(self, clock: Clock | None = None) -> None:
        self._waiting: deque[ObjectRef] = deque()
        self._taken: set[bytes] = set()
        self._again: Retries[bytes] = Retries((clock or Clock()).monotonic)
        self._listed: set[bytes] = set()

    def note(self, listed: Sequence[ObjectRef]) -> None:
        """Queue what is new, and what is due again."""
        for ref in listed:
            key = _short(ref)
            self._listed.add(key)
            if key not in self._taken and self._again.is_due(key):
                self._waiting.append(ref)

    def all_listed(self) -> None:
        """Forget what is not there any more."""
        self._taken &= self._listed
        self._again.keep_only(self._listed)
        self._listed.clear()

    def take(self) -> Sequence[ObjectRef]:
        """Return the next ones."""
        taken = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
        self._taken.update(map(_short, taken))
        return taken

    def finished(self, ref: ObjectRef) -> None:
        """Don't read it again."""
        self._again.forget(_short(ref))

    def give_back(self, ref: ObjectRef) -> None:
        """Read it again, later each time."""
        key = _short(ref)
        self._again.add(key)
        self._taken.discard(key)


def _short(ref: ObjectRef) -> bytes:
    return blake2b(f"{ref.uri}\0{ref.etag}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
