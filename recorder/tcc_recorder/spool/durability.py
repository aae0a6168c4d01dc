"""What is written but not durable yet, and the syncs that make it durable: one sync serves many callers.

``process`` durability syncs only when it is asked to; ``power`` durability syncs before a record counts as recorded.
"""

from collections.abc import Callable, Iterable

from tcc_recorder.locks import RLock

from . import segment as files
from .segment import Segment
from .system import System


class Durability:
    """Knows which segments and directories are not durable yet.

    ``mutex`` is the writer's: it protects the segments and the members here.  A sync itself runs without it, so that
    others can write meanwhile.  ``report`` takes the errors of syncs; none is raised.
    """

    def __init__(self, mutex: RLock, report: Callable[[OSError], None], system: System, *, power: bool) -> None:
        self._mutex = mutex
        self._report = report
        self._system = system
        self._power = power
        self.sync_lock = RLock()
        """Held by the caller that syncs.  Taken before ``mutex``, never after it."""
        self._segments: dict[str, Segment] = {}  # by path; sealed ones too
        self._directories: set[str] = set()
        self._syncing: set[int] = set()  # the descriptors that are being synced now

    def written(self, segment: Segment, line: bytes) -> None:
        """Remember a line that was written to ``segment``.  The caller holds the mutex."""
        if self._power:
            segment.unsynced.append(line)
        self._segments[segment.path] = segment

    def changed(self, directories: Iterable[str]) -> None:
        """Remember directories that got new entries.  The caller holds the mutex."""
        self._directories.update(directories)

    def give_up(self, segment: Segment) -> list[bytes]:
        """Never sync this segment again; return its lines that are not durable.  The caller holds the mutex."""
        self._segments.pop(segment.path, None)
        lines, segment.unsynced = segment.unsynced, []
        return lines

    def sync(self) -> list[Segment]:
        """Sync every segment that is not durable; return those that failed.  The caller holds ``sync_lock``."""
        with self._mutex:
            pending = [(segment, segment.tally.records) for segment in self._segments.values()]
        return [segment for segment, records in pending if not self.sync_segment(segment, records)]

    def sync_segment(self, segment: Segment, records: int) -> bool:
        """Make the first ``records`` records of a segment durable; return whether that worked."""
        try:
            with self._mutex:
                descriptor = segment.duplicate()
                if descriptor is not None:
                    self._syncing.add(descriptor)
            if descriptor is not None:
                try:
                    self._system.fdatasync(descriptor)
                finally:
                    self._syncing.discard(descriptor)
                    files.close_quietly(descriptor, self._system)
        except OSError as error:
            self._report(error)
            return False
        with self._mutex:
            segment.mark_synced(records)
            if segment.synced == segment.tally.records:
                self._segments.pop(segment.path, None)
        return True

    def sync_directories(self) -> bool:
        """Make new directory entries durable; return whether that worked."""
        errors = files.sync_directories(self._directories, self._system)
        for error in errors:
            self._report(error)
        return not errors

    def close_descriptors(self) -> None:
        """Close, in a forked child, the descriptors that the parent was syncing."""
        for descriptor in self._syncing:
            files.close_quietly(descriptor, self._system)
