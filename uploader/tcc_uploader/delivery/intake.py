"""Which files there are, which to read next, and when one may go.  All reading of spools starts here."""

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from tcc_uploader.ledger.rows import SegmentRow
from tcc_uploader.ledger.sqlite import Ledger
from tcc_uploader.model.fate import Counts
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool import reader, removal
from tcc_uploader.spool.format import Format
from tcc_uploader.spool.scan import Done, Seen, listed_in, seen_as
from tcc_uploader.spool.segment import Found, Segment

_log = logging.getLogger(__name__)


class Intake:
    """The files of some spools, single files given by path, and the segments that archives and streams carry."""

    def __init__(self, ledger: Ledger, sources: Sources, *, removes: bool) -> None:
        self.spools = tuple(sources.spools)
        self._files = tuple(sources.files)
        self._carriers = tuple(sources.archives)
        self._streams: Iterator[Segment] | None = chain.from_iterable(archive.segments() for archive in self._carriers)
        """The segments that come as streams; None when there are no more."""
        self._streaming: Segment | None = None
        self._removes = removes
        self._newer: set[Path] = set()
        """Files of a format that only a newer version can read."""
        self.unreadable: dict[Path, str] = {}
        """Why a file or a spool can't be read."""
        self.scans = 0
        """How often the spools were scanned."""
        self.by_handle: dict[int, Segment] = {}
        self.finished = Counts()
        """The fates of the records of files that are finished, removed or kept."""
        self.finished_damage = 0
        self.bytes_seen = 0
        """Bytes of the files to read, as far as they are known; and of those, read."""
        self.bytes_read = 0
        self.vanished: dict[Path, int] = {}
        """Files that went away with records pending, and how many."""
        self._ledger = ledger
        self._handles = 0
        self._by_path: dict[str, Segment] = {}
        self._done = Done()
        self._empty: list[Path] = []
        self._backlog: deque[str] = deque()
        """Files to be read that the last scan found."""
        self._urgent: deque[str] = deque()
        """Files to be read before these, each once."""
        self._hinted: set[str] = set()

    @property
    def live(self) -> list[Segment]:
        """Files that are not finished."""
        return list(self._by_path.values())

    @property
    def counts(self) -> Counts:
        """The fates of all records seen."""
        return sum((segment.counts for segment in self._by_path.values()), self.finished)

    @property
    def damage(self) -> int:
        """Damaged lines, torn tails, and segments that their seal does not match."""
        return sum((segment.damage for segment in self._by_path.values()), self.finished_damage) + len(self.problems)

    @property
    def problems(self) -> list[str]:
        """What is wrong with archives and streams, as far as they were read."""
        return [text for archive in self._carriers for text in archive.problems]

    @property
    def unended(self) -> int:
        """Runs without an end whose process is not known to be gone."""
        return sum(len(s.journal.open) for s in self._by_path.values() if s.journal.undecided and not s.seal)

    @property
    def newer(self) -> list[Path]:
        """Files of a format that only a newer version can read."""
        return [*self._newer, *(path for archive in self._carriers for path in archive.newer)]

    @property
    def reads_stream(self) -> bool:
        """Whether what is read next comes as a stream, which can't be read again."""
        return not self._reads_file and self._streams is not None

    @property
    def idle(self) -> bool:
        """Whether there is nothing to read."""
        return not self._reads_file and self._streams is None

    @property
    def _reads_file(self) -> bool:
        return bool(self._urgent or self._backlog)

    def hint(self, path: Path) -> None:
        """Note that a file may have grown: it is read before the others."""
        file = str(path)
        if path.suffix == ".jsonl" and file not in self._hinted:
            self._hinted.add(file)
            self._urgent.append(file)

    def scan(self) -> None:
        """Look at every file; queue those that are new or have grown, oldest first."""
        self.scans += 1
        gone = {*self._by_path, *self._done.files}
        self._empty.clear()
        self._backlog.clear()
        for spool in self.spools:
            self.unreadable.pop(spool, None)
            try:
                self._backlog.extend(sorted(self._files_to_read(spool, gone)))
            except OSError as error:
                self._note_unreadable(spool, error)
                gone = {file for file in gone if Path(file).parent != spool}  # not listed
        for file in map(str, self._files):
            gone.discard(file)
            if file not in self._by_path and file not in self._done.files:
                self._backlog.append(file)
        for file in gone:
            self._done.files.pop(file, None)
            segment = self._by_path.get(file)
            if segment is not None and segment.stream is None:
                self.forget(segment)
        self._newer = {path for path in self._newer if str(path) not in gone}

    def _files_to_read(self, spool: Path, gone: set[str]) -> Iterator[str]:
        """Yield a spool's files that are to be read; take those that are there out of ``gone``."""
        for entry in listed_in(spool):
            if self._done.holds_sealed(entry):
                gone.discard(entry.path)
            elif (seen := seen_as(entry)) is not None:
                gone.discard(seen.file)
                if self._wants_reading(seen):
                    yield seen.file

    def read(self) -> tuple[Segment, list[Found]] | None:
        """Read the next chunk of the next file or stream; None if there was nothing in it or the file has gone."""
        return self._read_file() if self._reads_file else self._read_stream()

    def _read_file(self) -> tuple[Segment, list[Found]] | None:
        file = self._urgent.popleft() if self._urgent else self._backlog.popleft()
        self._hinted.discard(file)
        try:
            segment = self._segment(file)
            if segment is None:
                return None
            before = segment.size
            found = reader.read_on(segment)
            self.bytes_read += segment.size - before
        except FileNotFoundError:
            if file in self._by_path:
                self.forget(self._by_path[file])
            return None
        except OSError as error:
            self._note_unreadable(Path(file), error)
            return None
        if not segment.at_end:
            self._backlog.appendleft(file)  # to its end before the next one: a file's order is kept
        return segment, found

    def _read_stream(self) -> tuple[Segment, list[Found]] | None:
        segment = self._streaming or self._next_stream()
        if segment is None:
            return None
        found = reader.read_on(segment)
        self._streaming = None if segment.at_end else segment
        return segment, found

    def _next_stream(self) -> Segment | None:
        segment = next(self._streams, None) if self._streams else None
        if segment is None:
            self._streams = None
            return None
        while segment.file in self._by_path:  # an archive may hold two members of one name
            segment.file += "~"
        self._take_up(segment, self._ledger.segment(segment.id))
        return segment

    def add(self, segment: Segment) -> None:
        """Give a file its handle."""
        self._handles += 1
        segment.handle = self._handles
        self.by_handle[segment.handle] = segment

    def counted(self, number: int) -> Segment | None:
        """Return the file whose counts are those of the segment with this number; None if there is none any more."""
        return next((segment for segment in self._by_path.values() if segment.number == number), None)

    def finish(self, segment: Segment) -> None:
        """Let go of a file that holds nothing more to do, and stays."""
        if segment.stream is None:
            size = segment.size if segment.limit is None else segment.limit
            self._done.add(Seen(segment.file, segment.identity, size), sealed=segment.seal is not None)
        self.forget(segment)

    def forget(self, segment: Segment) -> None:
        """Let go of a file that has gone, or has been replaced."""
        if self.by_handle.pop(segment.handle, None) is None:
            return
        self._by_path.pop(segment.file, None)
        self.finished += segment.counts
        self.finished_damage += segment.damage
        if segment.counts.pending:
            self.vanished[segment.path] = segment.counts.pending
            _log.warning("%s has gone with %d records pending", segment.path, segment.counts.pending)

    @contextmanager
    def claim(self, candidates: Iterable[Segment]) -> Iterator[list[Segment]]:
        """Claim the segments whose writer is provably gone; remove them when the block ends without error.

        The block commits them as finished, or takes out of the list what shall stay.
        """
        with removal.claimed(candidates) as claimed:
            yield claimed
            for segment in claimed:
                try:
                    removal.remove(segment.path)
                except OSError as error:
                    self._note_unreadable(segment.path, error)
                    self.finish(segment)
                else:
                    self.forget(segment)

    def sweep(self) -> None:
        """Remove files without a byte in them that a recorder left behind when it was killed."""
        for path in self._empty:
            removal.remove_if_abandoned(path)

    def _wants_reading(self, seen: Seen) -> bool:
        """Whether a file that a scan saw is new, has grown, or is another one under a name that is known."""
        if not seen.size:
            self._empty.append(Path(seen.file))
            return False
        known = self._by_path.get(seen.file)
        if known is None:
            is_done = self._done.holds(seen)
            self.bytes_seen += 0 if is_done else seen.size
            return not is_done
        if known.identity != seen.identity or seen.size < min(known.offset, known.size):
            self.forget(known)
            return True
        return not known.at_end or (seen.size != known.size and known.limit is None)

    def _segment(self, file: str) -> Segment | None:
        """Return what is known of a file, or look at how it begins; None if there is nothing to read in it."""
        known = self._by_path.get(file)
        if known is not None:
            return known
        path = Path(file)
        segment = reader.identify(path)
        self.unreadable.pop(path, None)
        if self._done.holds(Seen(file, segment.identity, path.stat().st_size)):
            return None  # a scan and a hint may both have named it
        if segment.format is Format.NEWER:
            self._newer.add(path)
        if segment.format is Format.OTHER:
            self._note_unreadable(path, OSError(segment.format.value))
        if not segment.id:
            self._done.add(Seen(file, segment.identity, path.stat().st_size), sealed=False)
            return None
        row = self._ledger.segment(segment.id)
        stays = segment.format is Format.PLAIN or not self._removes or (row is not None and row.damaged)
        if row is not None and row.finished and not row.counts.pending and stays and row.size == path.stat().st_size:
            self.finished += row.counts
            self.finished_damage += row.damaged + bool(row.torn)
            self._done.add(Seen(file, segment.identity, row.size), sealed=row.sealed is not None)
            return None
        self._take_up(segment, row)
        return segment

    def _take_up(self, segment: Segment, row: SegmentRow | None) -> None:
        segment.number = row.number if row else self._ledger.new_number(segment.id)
        self._by_path[segment.file] = segment
        self.add(segment)

    def _note_unreadable(self, path: Path, error: OSError) -> None:
        if path not in self.unreadable:
            _log.warning("can't read %s: %s", path, error.strerror or error)
        self.unreadable[path] = error.strerror or str(error)
