"""The writer of a process: it appends to one segment at a time, and replaces a segment that fails.

Two locks, always taken in this order: ``sync_lock`` of :class:`Durability`, then ``_mutex`` (the segment and everything
that is counted).  Both are re-entrant, because a signal handler or a finalizer may record in the thread that holds
them.  ``_busy`` then says that the state is being changed further up the same stack; such a record is written to a
segment of its own.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from tcc_recorder.config import WriterConfig
from tcc_recorder.limited_log import log
from tcc_recorder.locks import RLock

from . import segment as files
from .budget import Budget
from .durability import Durability
from .segment import Segment, SegmentLostError
from .system import SYSTEM, System

SEGMENT_BYTES: Final = 16 * 1024 * 1024
"""A segment that reaches this size is sealed."""
_PART_OF_BUDGET: Final = 8
"""Of a small spool, a segment is sealed at this part of its budget: an uploader removes only whole segments."""
_LEAST_BYTES: Final = 64 * 1024

Position = tuple[Segment, int]
"""Where a record is: its segment, and its number there (from 1)."""


class SpoolWriter:
    """Writes records to ``config.spool_dir``.  Failures are logged and counted, never raised.

    ``unended_journal`` returns the journal lines of every run that has not ended.
    """

    def __init__(
        self, config: WriterConfig, unended_journal: Callable[[], list[bytes]] = list, system: System = SYSTEM
    ) -> None:
        self._config, self._system = config, system
        self._directory = config.spool_dir
        self._power = config.durability == "power"
        self._segment_bytes = min(SEGMENT_BYTES, max(_LEAST_BYTES, config.max_bytes // _PART_OF_BUDGET))
        self.keeps_journal = config.journal
        self._unended_journal = unended_journal
        self._budget = Budget(config.spool_dir, config.max_bytes, config.min_free)
        self._begin()

    def _begin(self) -> None:
        self._mutex = RLock()
        self._busy = False
        self._closed = False
        self._segment: Segment | None = None
        self._started = 0.0  # when the segment was started, in seconds on the monotonic clock
        self._durability = Durability(self._mutex, self._not_synced, self._system, power=self._power)
        self._unsealed: list[Segment] = []  # they stay open: their locks tell uploaders that this process lives
        self._refused = self._given_up = 0  # the latter counts when unsynced lines were left as they are
        # To be logged without the mutex: another thread may hold a lock of a log handler while it waits for ours.
        self._errors: list[str] = []

    def record(self, lines: Sequence[bytes], done: Callable[[], object] | None = None) -> bool:
        """Write lines; return whether all are as durable as they must be.  No line comes before ``done`` was called."""
        given_up = self._given_up
        positions = [self._append(line, done if line is lines[-1] else None) for line in lines]
        stored = None not in positions
        if self._power:
            synced = [self._sync_up_to(position) for position in positions if position is not None]
            stored &= all(synced) and given_up == self._given_up  # another thread may have failed for this one, too
        self._log_errors()
        return stored

    def journal(self, lines: Sequence[bytes]) -> None:
        """Write journal lines if that is possible now; they are left out otherwise."""
        with self._mutex:
            if self._busy or self._closed:
                return
            self._busy = True
            try:
                if self._segment is None:
                    self._start(0)  # a new segment begins with the journal of every open run, this one included
                    return
                for line in lines:
                    segment = self._segment_for(len(line))
                    segment.append(line, is_record=False)
                    if segment.size >= self._segment_bytes:
                        self._rotate(segment)
            except OSError as error:
                self._keep_error("a journal line can't be written", error)
            finally:
                self._busy = False
        self._log_errors()

    def flush(self) -> bool:
        """Make durable what was written so far; return whether that worked."""
        with self._mutex:
            if self._busy:  # a signal handler in the middle of a write: waiting for ``sync_lock`` could be a deadlock
                return False
        with self._durability.sync_lock:
            durable = self._sync()
        self._log_errors()
        return durable

    def close(self) -> None:
        """Seal the segment.  A record that comes later gets a sealed segment of its own."""
        with self._mutex:
            self._closed = True
            if self._busy:
                return
            self._busy = True
            try:
                if self._refused and self._segment is None:
                    self._start(0)  # only a seal tells the uploader how many records were refused
                self._finish()
            except OSError as error:
                self._keep_error("records are lost", error)  # those whose number it was to tell
            finally:
                self._busy = False
        self._log_errors()

    def reset_after_fork(self) -> None:
        """Forget everything, in a child: the segment, its lock and the counts belong to the parent."""
        self._durability.close_descriptors()
        for segment in filter(None, (*self._unsealed, self._segment)):
            segment.close()
        self._begin()

    def _append(self, line: bytes, done: Callable[[], object] | None) -> Position | None:
        """Write a line; return its position, None if it was refused."""
        with self._mutex:
            try:
                if self._busy or self._closed:
                    return self._write_alone(line)
                self._busy = True
                try:
                    position = self._write(line)
                    if done is not None:
                        done()
                    if position[0].size >= self._segment_bytes:
                        self._rotate(position[0])
                    return position
                finally:
                    self._busy = False
            except OSError as error:
                self._refused += 1
                self._keep_error("records are lost", error)
                return None

    def _write(self, line: bytes) -> Position:
        """Write a line to the current segment; if that fails, to a new one."""
        segment = self._segment_for(len(line))
        try:
            segment.append(line)
        except OSError as error:
            if segment.intact and not segment.tally.records:
                raise  # the segment was new: another new one would fail in the same way
            segment = self._replace(segment, lost=isinstance(error, SegmentLostError))
            segment.append(line)
        self._durability.written(segment, line)
        return segment, segment.tally.records

    def _write_alone(self, line: bytes) -> Position:
        """Write a line to a segment of its own, and seal that.  The current segment is not touched."""
        segment = self._create(len(line))
        try:
            segment.append(line)
            segment.seal(0)
        finally:
            segment.close()
        self._durability.written(segment, line)
        if self._power:  # at once: waiting for ``sync_lock`` could be a deadlock
            self._given_up += not self._durability.sync_segment(segment, 1)
            self._durability.sync_directories()
            segment.mark_synced(1)  # a sync that failed is not tried a second time
        return segment, 1

    def _create(self, size: int) -> Segment:
        """Return a new segment, if there is room for ``size`` bytes of records."""
        directory = files.prepare_directory(self._directory)
        self._budget.expire()
        self._budget.take(size)
        config = self._config._replace(min_free=self._budget.min_free)
        segment = Segment(directory.file_mode, config, self._system)
        if segment.mode_error:
            self._keep_error("the mode of a segment can't be set: see who may read it", segment.mode_error)
        self._durability.changed((*directory.made_in, self._directory))
        return segment

    def _segment_for(self, size: int) -> Segment:
        """Return the current segment, or a new one if it is too old, if there is room for ``size`` bytes more."""
        if self._segment is not None and self._system.monotonic() - self._started >= self._config.segment_seconds:
            self._rotate(self._segment)
        if self._segment is None:
            return self._start(size)
        self._budget.take(size)
        return self._segment

    def _start(self, size: int) -> Segment:
        """Start a new current segment; it begins with the journal of every open run, as far as that can be written."""
        segment = self._segment = self._create(size)
        self._started = self._system.monotonic()
        if self.keeps_journal:
            try:
                for line in self._unended_journal():
                    self._budget.take(len(line))
                    segment.append(line, is_record=False)
            except OSError as error:
                self._keep_error("a journal line can't be written", error)
        return segment

    def _replace(self, failed: Segment, *, lost: bool) -> Segment:
        """Start another segment in place of one that failed; if that was ``lost``, write its unsynced lines again."""
        self._segment = None
        try:
            segment = self._start(0)
        finally:
            self._retire(failed)
        if lost:
            self._write_again(self._durability.give_up(failed), segment)
        return segment

    def _rotate(self, full: Segment) -> None:
        """Retire a full segment.  The next one, with the journal of open runs, must exist before this one is sealed."""
        self._segment = None
        try:
            if self.keeps_journal and self._unended_journal():
                self._start(0)
        except OSError as error:
            self._keep_error("a segment can't be started", error)
        self._retire(full)

    def _finish(self) -> None:
        """Retire the current segment, if there is one."""
        segment, self._segment = self._segment, None
        if segment is not None:
            self._retire(segment)

    def _retire(self, segment: Segment) -> None:
        """Seal and close a segment.  One that is not intact gets no seal: it would not be true."""
        try:
            if segment.intact:
                segment.seal(self._refused)
                self._refused = 0
        except OSError as error:
            # readers can read a segment without a seal
            self._keep_error("a segment can't be sealed (its records are kept)", error)
        finally:
            if segment.intact or not self.keeps_journal:
                segment.close()
            else:
                self._unsealed.append(segment)

    def _write_again(self, lines: Iterable[bytes], segment: Segment) -> None:
        for line in lines:
            segment.append(line)
            self._durability.written(segment, line)

    def _sync_up_to(self, position: Position) -> bool:
        """Wait for ``sync_lock``, then sync, unless another thread did; return whether this record is durable."""
        segment, records = position
        with self._durability.sync_lock:
            return segment.synced >= records or self._sync()

    def _sync(self) -> bool:
        """Make everything durable.  Under ``power``, lines of a file that fails are written again, once, to another."""
        for rescue in (True, False) if self._power else (False,):
            failed = self._durability.sync()
            if not failed:
                return self._durability.sync_directories()
            self._give_up_on(failed, rescue=rescue)
        return False

    def _give_up_on(self, failed: list[Segment], *, rescue: bool) -> None:
        """Never sync these files again: a second fsync may succeed although the first one lost data."""
        with self._mutex:
            self._busy = True
            try:
                if self._segment in failed:
                    self._finish()
                self._given_up += not rescue
                for segment in failed:
                    lines = self._durability.give_up(segment)
                    if rescue and lines:
                        self._write_again(lines, self._segment or self._start(0))
            except OSError as error:
                self._given_up += 1
                self._keep_error("records can't be written again after a failed sync", error)
            finally:
                self._busy = False

    def _not_synced(self, error: OSError) -> None:
        self._keep_error("records may not survive a power loss", error)

    def _keep_error(self, what: str, error: OSError) -> None:
        self._errors.append(f"{what}: spool {self._directory} (TCC_SPOOL_DIR): {error.strerror or error}")

    def _log_errors(self) -> None:
        while self._errors and not self._busy:
            log.warning(self._errors.pop())
