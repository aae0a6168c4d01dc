"""Keeps the list of files: which to read next, and which to remove.  All reading of spools starts here."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, count
from math import inf
from pathlib import Path

from tcc_uploader.boundary import UnexpectedError
from tcc_uploader.files import file_name
from tcc_uploader.model.fate import Counts
from tcc_uploader.model.ledger import Ledger
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool import reader, removal
from tcc_uploader.spool.format import Format
from tcc_uploader.spool.scan import SUFFIX, Done, Seen, listed_in, seen_as, seen_at
from tcc_uploader.spool.segment import Found, Segment
from tcc_uploader.state import SpoolLocks, StateHeldError

from .files_to_read import FilesToRead
from .host import Host
from .kept_segments import KeptSegments

_log = logging.getLogger(__name__)


class Intake:
    """All sources of records: the files of spools, files given by path, and segments in archive sources."""

    def __init__(
        self, ledger: Ledger, sources: Sources, host: Host, *, keep_for: float, locks: SpoolLocks | None = None
    ) -> None:
        """``keep_for``: seconds for which delivered segments stay.  With ``locks`` a spool is locked to be read."""
        self.sources = sources
        self.host = host
        self.removes = keep_for < inf
        self.unreadable: dict[Path, str] = {}
        """The files and spools that can't be read, each with the reason."""
        self.scans = 0
        """How many times the spools were scanned."""
        self.by_handle: dict[int, Segment] = {}
        self.bytes_seen = self.bytes_read = 0
        """Bytes in the files to read, as far as these are found; ``bytes_read``: how many of these bytes were read."""
        self._ledger, self._locks, self._handles, self._copies = ledger, locks, count(1), Counter[str]()
        self._streams: Iterator[tuple[Segment, list[Found]] | None] | None = self._stream_chunks()
        """Yields the records of archive sources, chunk by chunk, and None where there are none; None at the end."""
        self._by_path: dict[str, Segment] = {}
        self._finished, self._finished_damage = Counts(), 0
        """The sum of the counts of all finished files, removed or kept, and of their damage."""
        self._done = Done()
        self.kept = KeptSegments(keep_for, host.clock, host.disk)
        self._newer: set[Path] = set()
        self._empty: list[Path] = []
        self.to_read = FilesToRead(host.disk)

    @property
    def live(self) -> list[Segment]:
        """The files that are not finished."""
        return list(self._by_path.values())

    @property
    def counts(self) -> Counts:
        """The sum of the counts of all files read so far."""
        return sum((segment.counts for segment in self._by_path.values()), self._finished)

    @property
    def damage(self) -> int:
        """The number of damaged lines, torn tails, seals that do not match, and problems of archive sources."""
        return sum((segment.damage for segment in self.live), self._finished_damage) + self.sources.problems.number

    @property
    def unended(self) -> int:
        """The number of open runs that may still end, or be recovered."""
        return sum(len(s.journal.open) for s in self._by_path.values() if s.journal.undecided and not s.seal)

    @property
    def newer(self) -> int:
        """The number of files that only a newer version can read."""
        return len(self._newer) + self.sources.newer.number

    @property
    def unread(self) -> list[Path]:
        """The files and archives that were found, and not read to their end yet."""
        return [*map(Path, self.to_read), *self.sources.unread_archives]

    @property
    def reads_stream(self) -> bool:
        """Whether the next read is from a stream, which can't be read again."""
        return not self.to_read and self._streams is not None

    @property
    def idle(self) -> bool:
        """Whether there is nothing to read now."""
        return not self.to_read and self._streams is None

    def hint(self, path: Path) -> None:
        """Note that a file may have grown; it is read first."""
        known = self._by_path.get(str(path))  # a plain file would be hashed at each event, so it waits for a scan
        if path.suffix == SUFFIX and path.parent not in self.unreadable and not (known and known.is_read_plain):
            self.to_read.hint(str(path))

    def scan(self) -> None:
        """List all files; queue those that are new or have grown, oldest first."""
        self.scans, self.kept.fresh = self.scans + 1, 0
        gone = {*(segment.file for segment in self.live if segment.stream is None), *self._done.files}
        self._empty.clear()
        self.to_read.scanned.clear()
        for spool in self.sources.spools:
            self.unreadable.pop(spool, None)
            try:
                if self._locks is not None:
                    self._locks.take(spool)
                self.to_read.scanned.extend(sorted(self._files_to_read(spool, gone)))
            except (OSError, StateHeldError) as error:
                self._note_unreadable(spool, error)
                gone = {file for file in gone if Path(file).parent != spool}  # this spool was not listed
        files = list(map(str, self.sources.files))
        gone.difference_update(files)
        self.to_read.scanned += (file for file in files if file not in self._by_path and file not in self._done.files)
        for file in gone:
            self._done.forget(file)
            self.forget(self._by_path.get(file))
        self._newer = {path for path in self._newer if str(path) not in gone}
        for segment in self.live:
            if not segment.counted_here and segment.stream is None and self._ledger.begin(segment.id)[1]:
                self.forget(segment)  # its counts are ours now: read it from its beginning
                self.to_read.scanned.append(segment.file)

    def read(self) -> tuple[Segment, list[Found]] | None:
        """Read the next chunk of the next file or stream; None if nothing could be read."""
        if self.to_read:
            return self._read_file()
        return next(self._streams, None) if self._streams else None

    def add(self, segment: Segment) -> None:
        """Register a file under a new handle."""
        segment.handle = next(self._handles)
        self.by_handle[segment.handle] = segment

    def counted(self, number: int) -> Segment | None:
        """Return the open file of the ledger's segment with this number; None if there is none."""
        return next((segment for segment in self._by_path.values() if segment.number == number), None)

    def finish(self, segment: Segment) -> None:
        """Stop tracking a file that is finished and stays on disk."""
        if segment.stream is None:
            self._done.add(Seen(segment.file, segment.identity, segment.size), sealed=segment.seal is not None)
        self.forget(segment)

    def forget(self, segment: Segment | None) -> None:
        """Stop tracking a file that was removed or replaced, if it is tracked; its counts are kept."""
        if segment is None or self.by_handle.pop(segment.handle, None) is None:
            return
        if self._by_path.get(segment.file) is segment:  # a letter has the path of the file that held its record
            del self._by_path[segment.file]
        self._finished += segment.counts
        self._finished_damage += segment.damage
        if segment.counts.pending:
            fields = {"action": "file_gone", "file": segment.file, "pending": segment.counts.pending}
            _log.warning("%(file)s has gone; pending records in it: %(pending)d", fields)

    @contextmanager
    def removing(self, candidates: Iterable[Segment]) -> Iterator[list[Segment]]:
        """Yield the segments that can't grow any more.  When the block ends without error, remove their files.

        Those that are kept go later.  The block must commit them as finished.
        """
        with removal.frozen(candidates, self.host.disk) as frozen:
            yield frozen
            for segment in frozen:
                self.finish(segment)
                self.kept.keep(segment)
            self._remove_due()

    def sweep(self) -> None:
        """Remove empty files that killed recorders left, and kept segments that must go."""
        for path in self._empty:
            removal.remove_if_abandoned(path, self.host.clock.wall(), self.host.disk)
        self._remove_due()

    def _remove_due(self) -> None:
        for seen, error in self.kept.remove_due():
            if error is not None:
                self._note_unreadable(Path(seen.file), error)
            else:  # if another file has this name now, the next scan reads it
                self._done.forget(seen.file)
                self.unreadable.pop(Path(seen.file), None)

    def _files_to_read(self, spool: Path, gone: set[str]) -> Iterator[str]:
        """Yield those files of a spool that are to be read; remove every file that exists from ``gone``."""
        size = 0
        for entry in listed_in(spool, self.host.disk):
            if self.to_read.is_large(entry.path):
                gone.discard(entry.path)
            elif self._done.holds_sealed(entry):
                gone.discard(entry.path)
                size += self._done.files[entry.path][1]
            elif (seen := seen_as(entry)) is not None:
                gone.discard(seen.file)
                size += seen.size
                if self._wants_reading(seen):
                    yield seen.file
        self.kept.bytes_in[str(spool)] = size

    def _wants_reading(self, seen: Seen) -> bool:
        """Whether a scanned file is to be read: it is new, has grown, or has replaced another file."""
        if not seen.size:
            self._empty.append(Path(seen.file))
        if not seen.size or self._done.holds(seen):
            return False
        known = self._by_path.get(seen.file)
        if known is None:
            self.bytes_seen += seen.size
            return True
        if known.is_replaced_by(seen.identity, seen.size):
            self.forget(known)
            return True
        has_grown = seen.size != known.size and known.limit is None
        return not known.at_end or has_grown or (seen.size == known.limit and self._done.may_differ(seen))

    def _read_file(self) -> tuple[Segment, list[Found]] | None:
        file = self.to_read.next()
        try:
            known = self._by_path.get(file)
            segment = self._identify(file) if known is None or known.is_read_plain else known
            if segment is None:
                return None
            before, found = segment.size, reader.read_on(segment, self.host.disk)
            self.bytes_read += segment.size - before
            self.kept.note_read(segment, segment.size - before)
        except FileNotFoundError:
            self.forget(self._by_path.get(file))
            return None
        except OSError as error:
            self._note_unreadable(Path(file), error)
            return None
        if not segment.at_end:
            self.to_read.scanned.appendleft(file)  # before the next file, so that records keep their order
        return segment, found

    def _stream_chunks(self) -> Iterator[tuple[Segment, list[Found]] | None]:
        for segment in chain.from_iterable(archive.steps() for archive in self.sources.archives):
            if segment is None:
                yield None
                continue
            name = segment.file
            while segment.file in self._by_path:  # an archive may have any number of members with the same name
                self._copies[name] += 1
                segment.file = f"{name}~{self._copies[name]}"
            self._take_up(segment)
            while not segment.at_end:
                yield segment, reader.read_on(segment)
        self._streams = None

    def _identify(self, file: str) -> Segment | None:
        """Identify a file from its first lines, and register it; None if there is nothing to read."""
        path, now, known = Path(file), self.host.clock.wall(), self._by_path.get(file)
        if (identified := self.to_read.identify(file)) is None:
            return None
        segment, seen = identified
        if segment.format.is_foreign:
            self._note_unreadable(path, OSError(segment.format.value))
        else:
            self.unreadable.pop(path, None)
        if self._done.holds(seen) or self._done.has_same_bytes(seen, segment.bytes_id, now, is_read=known is not None):
            return None  # both a scan and a hint named the file, or only its time was changed
        self.forget(known)
        if segment.format is Format.NEWER:
            self._newer.add(path)
        if not segment.id:
            self._done.add(seen, sealed=False)
            return None
        row = self._ledger.segment(segment.id)
        if row is not None and row.has_finished(file_name(path), seen.size):
            if segment.format is Format.PLAIN or row.damaged or not self.removes:
                self._finished += row.counts
                self._finished_damage += row.damaged + bool(row.torn)
                self._done.add(seen, sealed=row.sealed is not None)
                return None
            segment.finished_at = row.last_commit
        self._take_up(segment)
        return segment

    def _take_up(self, segment: Segment) -> None:
        segment.number, segment.counted_here = self._ledger.begin(segment.id)
        self._by_path[segment.file] = segment
        self.add(segment)

    def _note_unreadable(self, path: Path, error: Exception) -> None:
        why = (isinstance(error, OSError) and error.strerror) or str(error)
        if path not in self.unreadable:
            _log.warning("can't read %(file)s: %(why)s", {"action": "unreadable", "file": path, "why": why})
        if isinstance(error, UnexpectedError):  # this is damage; what was read before it stands, and is never finished
            self._finished_damage += 1
            self._done.add(seen_at(path), sealed=False)
        else:
            self.unreadable[path] = why
