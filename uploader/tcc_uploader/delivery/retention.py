"""Which delivered segments stay for a while, for people to look at, and which must go, oldest first.  Pure."""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tcc_schemas.room import DEFAULT_MAX_BYTES, MIN_FREE, Room
from tcc_uploader.spool.scan import Seen

MOST_BYTES: Final = 256 * 1024 * 1024
"""The most bytes of delivered segments that stay in one spool."""


class _Kept(NamedTuple):
    since: float
    seen: Seen
    room: Room


@dataclass(slots=True)
class Retention:
    """The delivered segments that stay in one spool for ``seconds``.

    They are the first to go when room is needed: recorders must never refuse a record because of them.
    """

    seconds: float
    bytes: int = 0
    """What they hold together."""
    _kept: list[_Kept] = field(default_factory=list)
    """A heap; the oldest is the first."""
    _rooms: Counter[Room] = field(default_factory=Counter)
    """What their headers tell, and how many tell each."""

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def budget(self) -> int:
        """How many bytes the spool may hold: the least that a header tells."""
        return min((room.max_bytes for room in self._rooms), default=DEFAULT_MAX_BYTES)

    @property
    def min_free(self) -> int:
        """How many bytes of the disk must stay free: the most that a header tells."""
        return max((room.min_free for room in self._rooms), default=MIN_FREE)

    def keep(self, seen: Seen, since: float, room: Room) -> None:
        """Keep a file that was finished at ``since`` (seconds since 1970)."""
        heapq.heappush(self._kept, _Kept(since, seen, room))
        self._rooms[room] += 1
        self.bytes += seen.size

    def take_due(self, now: float, in_spool: int, free: int) -> list[tuple[Seen, Room]]:
        """Take the files that must go ``now``, each with what its header tells.

        The spool holds ``in_spool`` bytes, and ``free`` bytes of its disk are free.
        """
        due = []
        while self._kept and self._is_due(self._kept[0], now, in_spool, free):
            _, seen, room = heapq.heappop(self._kept)
            self._rooms[room] -= 1
            self._rooms += Counter()  # drops what none tells any more
            self.bytes -= seen.size
            in_spool -= seen.size
            free += seen.size
            due.append((seen, room))
        return due

    def _is_due(self, oldest: _Kept, now: float, in_spool: int, free: int) -> bool:
        too_many = self.bytes > min(MOST_BYTES, self.budget // 4) or in_spool > self.budget * 3 // 4
        return now - oldest.since >= self.seconds or too_many or free < self.min_free
