"""The writer of a process: one segment at a time, and what happens when that goes wrong.

Two locks, taken in this order: ``_turn`` (to sync), ``_mutex`` (the segment and the books).  Both are re-entrant: a
signal handler or a finalizer may record in the thread that holds them.  ``_busy`` then tells that the books are being
changed further up the same stack, and such a record gets a segment of its own.
"""

from collections.abc import Callable, Sequence
from typing import Final

from . import segment as files
from .budget import Budget
from .complaints import complaints
from .config import Settings
from .segment import Segment, SegmentLostError
from .unsynced import Place, Unsynced

SEGMENT_BYTES: Final = 16 * 1024 * 1024  # a segment of that many bytes is sealed


class Spool(Unsynced):
    """Writes records to ``settings.spool_dir``.  Failures are logged and counted, never raised."""

    def __init__(self, settings: Settings, unended: Callable[[], list[bytes]] = list) -> None:
        self._settings = settings
        self._directory = settings.spool_dir
        self._power = settings.durability == "power"
        self.journals = settings.journal
        self._unended = unended  # returns the journal of every run that has not ended
        self._budget = Budget(settings.spool_dir, settings.max_bytes)
        self._begin()

    def _begin(self) -> None:
        self._begin_unsynced()
        self._closed = False
        self._wrecks: list[Segment] = []  # given up without a seal; their locks say that we, with open runs, live
        self._refused = 0
        # Not logged yet.  Never under the mutex: a log handler has locks of its own, and may wait for ours.
        self._errors: list[str] = []

    def record(self, lines: Sequence[bytes], done: Callable[[], object] | None = None) -> bool:
        """Write lines; return whether all were written.  ``done`` is called before another line can follow."""
        places = [self._append(line, done if line is lines[-1] else None) for line in lines]
        if self._power:
            for place in places:
                if place is not None:
                    self._sync_up_to(place)
        self._say()
        return None not in places

    def note(self, lines: Sequence[bytes]) -> None:
        """Write journal lines, as far as that is possible without trouble."""
        with self._mutex:
            if self._busy or self._closed:
                return
            self._busy = True
            try:
                if self._segment is None:
                    self._start(0)  # which begins with the journal of every open run
                    return
                for line in lines:
                    segment = self._ready(len(line))
                    segment.append(line, is_record=False)
                    if segment.size >= SEGMENT_BYTES:
                        self._rotate(segment)
            except OSError as error:
                self._note(error)
            finally:
                self._busy = False
        self._say()

    def flush(self) -> bool:
        """Make durable what was written so far; return whether that worked."""
        with self._mutex:
            if self._busy:  # a signal handler in the midst of a write: to wait for a turn could be a deadlock
                return False
        with self._turn:
            durable = self._sync()
        self._say()
        return durable

    def close(self) -> None:
        """Seal.  A record that comes later gets a sealed segment of its own."""
        with self._mutex:
            self._closed = True
            if self._busy:
                return
            self._busy = True
            try:
                if self._refused and self._segment is None:
                    self._start(0)  # the uploader shall learn of them
                self._finish()
            except OSError as error:
                self._note(error)
            finally:
                self._busy = False
        self._say()

    def reset_after_fork(self) -> None:
        """Forget everything, in a child: the segment, its lock and the counts are the parent's."""
        self._close_handles()
        for segment in filter(None, (*self._wrecks, self._segment)):
            segment.close()
        self._begin()

    def _append(self, line: bytes, done: Callable[[], object] | None) -> Place | None:
        """Write a line; return where it is, None if it was refused."""
        with self._mutex:
            try:
                if self._busy or self._closed:
                    return self._write_alone(line)
                self._busy = True
                try:
                    place = self._write(line)
                    if done is not None:
                        done()
                    if place[0].size >= SEGMENT_BYTES:
                        self._rotate(place[0])
                    return place
                finally:
                    self._busy = False
            except OSError as error:
                self._refused += 1
                self._note(error)
                return None

    def _write(self, line: bytes) -> Place:
        """Write a line to the present segment, or else to a new one."""
        segment = self._ready(len(line))
        try:
            segment.append(line)
        except OSError as error:
            if segment.intact and not segment.tally.records:
                raise  # it was fresh; the next one would fare no better
            segment = self._replace(segment, lost=isinstance(error, SegmentLostError))
            segment.append(line)
        self._keep_until_durable(segment, line)
        return segment, segment.tally.records

    def _write_alone(self, line: bytes) -> Place:
        """Write a line to a segment of its own, and seal that; change nothing that the present one needs."""
        segment = self._create(len(line))
        try:
            segment.append(line)
            segment.seal(0)
        finally:
            segment.close()
        self._keep_until_durable(segment, line)
        if self._power:  # here and now: to wait for a turn could be a deadlock
            self._sync_segment(segment, 1)
            self._sync_directories()
            segment.mark_synced(1)  # if it could not be synced, there is no second try
        return segment, 1

    def _create(self, size: int) -> Segment:
        """Return a new segment, if there is room for ``size`` bytes of records."""
        directory = files.prepare_directory(self._directory)
        self._budget.expire()
        self._budget.take(size)
        segment = Segment(self._directory, directory.file_mode, self._settings.durability)
        self._dirty_directories.update(directory.made_in, [self._directory])
        return segment

    def _ready(self, size: int) -> Segment:
        """Return the present segment, or else a new one, if there is room for ``size`` bytes more."""
        if self._segment is None:
            return self._start(size)
        self._budget.take(size)
        return self._segment

    def _start(self, size: int) -> Segment:
        segment = self._segment = self._create(size)
        if self.journals:
            for line in self._unended():
                segment.append(line, is_record=False)
        return segment

    def _replace(self, failed: Segment, *, lost: bool) -> Segment:
        """Start another segment in the place of one that failed; what was lost before it was durable goes along."""
        self._segment = None
        try:
            segment = self._start(0)
        finally:
            self._retire(failed)
        if lost:
            self._carry(failed, segment)
        return segment

    def _rotate(self, full: Segment) -> None:
        """Retire a full segment; one that takes over the journal of open runs is there before it is sealed."""
        self._segment = None
        try:
            if self.journals and self._unended():
                self._start(0)
        except OSError as error:
            self._note(error)
        self._retire(full)

    def _finish(self) -> None:
        """Retire the present segment, if there is one."""
        segment, self._segment = self._segment, None
        if segment is not None:
            self._retire(segment)

    def _retire(self, segment: Segment) -> None:
        """Seal and close a segment; without a seal if that would not be true."""
        try:
            if segment.intact:
                segment.seal(self._refused)
                self._refused = 0
        except OSError as error:
            self._note(error)  # readers do without
        finally:
            if segment.intact or not self.journals:
                segment.close()
            else:
                self._wrecks.append(segment)

    def _note(self, error: OSError) -> None:
        self._errors.append(
            f"runs are lost, the spool takes none: {self._directory} (TCC_SPOOL_DIR): {error.strerror or error}"
        )

    def _say(self) -> None:
        while self._errors and not self._busy:
            complaints.complain(self._errors.pop())
