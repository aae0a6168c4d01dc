"""Removes finished segments when ``retention`` says so: at once, or after a while in their spools."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from math import inf

from tcc_uploader.clock import Clock
from tcc_uploader.files import Disk, free_bytes
from tcc_uploader.spool import removal
from tcc_uploader.spool.format import Format
from tcc_uploader.spool.scan import Seen
from tcc_uploader.spool.segment import Segment

from .retention import Retention


class KeptSegments:
    """The finished segments of all spools that are still there, and are to be removed."""

    def __init__(self, seconds: float, clock: Clock, disk: Disk) -> None:
        """``seconds`` is how long a segment stays."""
        self.bytes_in: Counter[str] = Counter()
        """By spool: what its files held at the last scan, without those that were removed since."""
        self.fresh = 0
        """Bytes read since the last scan."""
        self.limits: dict[str, int] = {}
        """By spool: how many bytes it may hold, as the header of the segment tells that was read last."""
        self._spools: defaultdict[str, Retention] = defaultdict(lambda: Retention(seconds))
        self._clock = clock
        self._disk = disk
        self._stays = seconds > 0

    def note_read(self, segment: Segment, size: int) -> None:
        """Note that so many bytes of a segment were read."""
        self.fresh += size
        if segment.format is Format.SEGMENT:
            self.limits[os.path.dirname(segment.file)] = segment.room.max_bytes  # noqa: PTH120 -- hot

    def keep(self, segment: Segment) -> None:
        """Keep a finished segment as long as it may stay.  One with a dropped record is the first to go, at once."""
        since = segment.finished_at if self._stays and not segment.counts.dropped else -inf
        seen = Seen(segment.file, segment.identity, segment.size)
        self._spools[str(segment.path.parent)].keep(seen, since, segment.room)

    @property
    def needs_room(self) -> bool:
        """Whether so much is fresh that kept segments may be in a recorder's way: a scan is needed."""
        return any(kept and self.fresh > kept.budget // 16 for kept in self._spools.values())

    def remove_due(self) -> Iterator[tuple[Seen, OSError | None]]:
        """Remove the segments that must go now; yield each, with the error if it can't be removed."""
        for spool, retention in self._spools.items():
            due = retention.take_due(self._clock.wall(), self.bytes_in[spool], _free(spool)) if retention else []
            for seen, room in due:
                error = removal.why_not_removed(seen, self._disk)
                if error is None:
                    self.bytes_in[spool] = max(0, self.bytes_in[spool] - seen.size)  # it may be newer than the scan
                else:
                    retention.keep(seen, -inf, room)  # the next look tries it again
                yield seen, error


def _free(spool: str) -> int:
    """Return how many bytes are free; 0 if the spool can't be looked at: then what is kept there is tried to remove."""
    try:
        return free_bytes(spool)
    except OSError:
        return 0
