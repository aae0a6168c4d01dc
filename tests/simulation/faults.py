"""Which operations fail: of each kind the Nth, and perhaps some that follow."""

import errno
import os
import random
from collections import Counter
from typing import Final

ERRORS: Final = {
    "open": (errno.EIO, errno.EMFILE, errno.EACCES),
    "status": (errno.EIO,),
    "read": (errno.EIO,),
    "list": (errno.EIO, errno.EMFILE, errno.EACCES),
    "stat": (errno.EIO,),
    "remove": (errno.EROFS, errno.EIO),
    "write letter": (errno.ENOSPC, errno.EIO),
    "remove letter": (errno.EIO,),
    "record open": (errno.ENOSPC, errno.EMFILE),
    "record write": (errno.ENOSPC, errno.EIO),
    "record truncate": (errno.EIO,),
    "record sync": (errno.EIO,),
}
"""The operations that may fail with an error of the system, and its numbers."""
KINDS: Final = (
    *ERRORS,
    *("short read", "lock", "short record", "dies in a record", "writer dies"),
    *("commit fails", "commit fails late", "uploader dies", "uploader stops"),
    *("down", "asks to wait", "refuses", "forbids", "knows nothing there", "captive", "unauthorized"),
    *("answer lost", "not connected", "slow", "event lost", "event late", "event twice", "watcher restarts"),
)
"""All that may go wrong."""
_USUAL: Final = frozenset({"event lost", "event late", "event twice", "slow"})


class Faults:
    """The faults of one history: few kinds in each, so that no kind hides what another one would show."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._counts: Counter[str] = Counter()
        self._spans: dict[str, range] = {}
        some = chance.choice((0.0, 0.08, 0.2))
        for kind in KINDS:
            if chance.random() < (0.5 if kind in _USUAL else some):
                first = 1 + int(chance.expovariate(1 / 12))
                self._spans[kind] = range(first, first + chance.choice((1, 1, 1, 2, 4, 15)))

    def end(self) -> None:
        """Let nothing go wrong from now on."""
        self._spans.clear()

    def hit(self, kind: str) -> bool:
        """Whether this operation goes wrong; each question is one operation."""
        if kind not in self._spans:
            return False
        self._counts[kind] += 1
        return self._counts[kind] in self._spans[kind]

    def fail(self, kind: str) -> None:
        """Raise OSError if this operation goes wrong."""
        if self.hit(kind):
            number = self._chance.choice(ERRORS[kind])
            raise OSError(number, os.strerror(number))
