"""The half of the spool that knows what is written and not durable yet, and syncs it: one caller for many."""

import threading
from abc import ABC, abstractmethod

from . import segment as files
from .segment import Segment

Place = tuple[Segment, int]  # where a record is: the segment, and its number there


class Unsynced(ABC):
    """The locks, the present segment, and the books of what is not durable."""

    _power: bool

    def _begin_unsynced(self) -> None:
        self._mutex = threading.RLock()
        self._turn = threading.RLock()
        self._busy = False
        self._segment: Segment | None = None
        self._dirty: dict[str, Segment] = {}  # by path: those, sealed ones too, that are not known to be durable
        self._dirty_directories: set[str] = set()
        self._handles: set[int] = set()  # what is being synced just now

    @abstractmethod
    def _start(self, size: int) -> Segment:
        """Start another segment, with room for ``size`` bytes.  Raises OSError."""

    @abstractmethod
    def _finish(self) -> None:
        """Retire the present segment, if there is one."""

    @abstractmethod
    def _note(self, error: OSError) -> None:
        """Keep an error, to be logged when no lock is held."""

    def _close_handles(self) -> None:
        for handle in self._handles:
            files.close_quietly(handle)

    def _keep_until_durable(self, segment: Segment, line: bytes) -> None:
        if self._power:
            segment.unsynced.append(line)
        self._dirty[segment.path] = segment

    def _carry(self, source: Segment, target: Segment) -> None:
        """Write again what is not known to be durable in ``source``."""
        self._dirty.pop(source.path, None)
        for line in source.unsynced:
            target.append(line)
            self._keep_until_durable(target, line)
        source.unsynced.clear()

    def _sync_up_to(self, place: Place) -> None:
        """Wait for a turn to sync; whoever had one meanwhile may have done it for us."""
        segment, records = place
        with self._turn:
            if segment.synced < records:
                self._sync()

    def _sync(self) -> bool:
        """Make durable what is not; what a file could not keep is written again to another, once."""
        for may_rescue in (self._power, False):
            with self._mutex:
                dirty = [(segment, segment.tally.records) for segment in self._dirty.values()]
            failed = [segment for segment, records in dirty if not self._sync_segment(segment, records)]
            if not failed:
                return self._sync_directories()
            self._give_up_on(failed, rescue=may_rescue)
            if not may_rescue:
                break
        return False

    def _sync_segment(self, segment: Segment, records: int) -> bool:
        """Sync a segment with its first ``records`` records; only the books need the mutex, the disk is slow."""
        try:
            with self._mutex:
                handle = segment.handle()
                if handle is not None:
                    self._handles.add(handle)
            if handle is not None:
                try:
                    files.sync(handle)
                finally:
                    self._handles.discard(handle)
                    files.close_quietly(handle)
        except OSError as error:
            self._note(error)
            return False
        with self._mutex:
            segment.mark_synced(records)
            if segment.synced == segment.tally.records:
                self._dirty.pop(segment.path, None)
        return True

    def _give_up_on(self, failed: list[Segment], *, rescue: bool) -> None:
        """Never sync these files again (a second fsync may claim what the first one lost)."""
        with self._mutex:
            self._busy = True
            try:
                if self._segment in failed:
                    self._finish()
                for segment in failed:
                    self._dirty.pop(segment.path, None)
                    if rescue and segment.unsynced:
                        self._carry(segment, self._segment or self._start(0))
                    segment.unsynced.clear()
            except OSError as error:
                self._note(error)
            finally:
                self._busy = False

    def _sync_directories(self) -> bool:
        errors = files.sync_directories(self._dirty_directories)
        for error in errors:
            self._note(error)
        return not errors
