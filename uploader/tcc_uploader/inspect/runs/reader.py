"""Reads the runs of some sources, newest first: see the package for what it joins, and what it holds in memory."""

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import Final, NamedTuple, Self

from tcc_schemas.lines import Damage, Line
from tcc_schemas.plain import Invalid
from tcc_uploader.files import file_name
from tcc_uploader.inspect.survey import FileReport
from tcc_uploader.model.body import moment_of
from tcc_uploader.model.ledger import Ledger
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool import reader
from tcc_uploader.spool.format import Format
from tcc_uploader.spool.scan import seen_at, seen_in
from tcc_uploader.spool.segment import Segment

from .fates import Fate, fate_of, fate_of_all
from .join import joined
from .kinds.read import OURS, is_post, start_of
from .newest import newest_files
from .places import Block, Numbers, Place, Row, Shelf, source_of
from .values import Record, Run, Source, ms_of

MOST_DAMAGE: Final = 1000
"""Damaged places that are told one by one; a hostile file can have any number of them."""
_AS_RECORDED: Final = re.compile(
    rb'\{"type":"(?:batch","items":\[\{"type":")?run","run_id":"[^"\\]*","start_time":"([^"\\]*)"'
)
"""How a recorder begins a run's body: parsing the rest to find the start would take most of the time."""


class DamagedPlace(NamedTuple):
    """What can't be read of a file; ``line`` is 0 if it is the whole file, or its end."""

    source: str
    line: int
    reason: str


class RunReader:
    """Reads runs from sources.  Use it in a ``with`` block, and take :meth:`newest_first` once.

    The counts and lists tell of what was read until now.
    """

    def __init__(
        self, sources: Sources, ledger: Ledger | None = None, *, wanted: Callable[[str], bool] = lambda _: True
    ) -> None:
        """Read only runs of whose id ``wanted`` is true.  The ledger tells their fates."""
        self.files = FileReport()
        """What can't be read at all, or only by a newer version, and what is wrong with archives."""
        self.damage: list[DamagedPlace] = []
        """The first :data:`MOST_DAMAGE` damaged places in files that can be read."""
        self.damaged = 0
        """How many damaged places there are."""
        self.twice: Counter[str] = Counter()
        """By id of a run: how many older records of it were passed over."""
        self.unread: Counter[str] = Counter()
        """Posts that are shown as they are, by why they can't be read."""
        self.gone = 0
        """Files and lines that were removed before they had their turn."""
        self.did: Callable[[int], object] = lambda _: None
        """Is called with the bytes of each file or member that was read."""
        self.sources = sources
        self._ledger = ledger
        self._wanted = wanted
        self._shelf = Shelf()
        self._blocks: list[tuple[int, int, Block]] = []
        """A heap of the blocks: first by the time of their newest run, then by when they were pushed."""
        self._numbers = count()
        self._late: dict[int, list[tuple[str | None, Place]]] = defaultdict(list)
        """By hash of a run's id: the lines about it that are not its own record, each with its key hint."""
        self._had_turn = Numbers()
        self._recorded = Numbers()
        """Hashes of the ids of runs that have a record of their own, or a journal."""
        self._posts: Counter[int] = Counter()
        """By key of a run: how many posts about it have not had their turn."""
        self._lines: dict[str, int] = {}
        """By segment: how many lines were read of it, in whichever file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shelf.close()

    def newest_first(self) -> Iterator[Run]:
        """Yield each run that is recorded here, and each that has only a journal; what began last comes first.

        Raises :class:`LedgerError`.
        """
        for archive in self.sources.archives:
            self.files.look(Sources(archives=[archive]), self._take, self.did)
        self.files.passed_over += self.sources.passed_over
        files, unreadable = seen_in(self.sources.spools)
        files += map(seen_at, self.sources.files)
        self.files.unreadable |= {file_name(path): why for path, why in unreadable.items()}
        for newest, path in newest_files(files):
            while self._blocks and -self._blocks[0][0] > newest:
                yield from self._next()
            if path is None:
                continue
            self.files.look(Sources(files=[path]), self._take, self.did)
            if not path.exists():
                self.gone += self.files.unreadable.pop(file_name(path), None) is not None
        while self._blocks:
            yield from self._next()

    def without_record(self) -> Iterator[Run]:
        """Yield what is left after :meth:`newest_first`: runs whose own record is elsewhere, in no order."""
        for key in list(self._late):
            found: dict[tuple[str, str | None], list[Record]] = defaultdict(list)
            for record in self._read(place for _, place in self._late.pop(key)):
                if record.line.kind != "journal":  # of a run whose record is here
                    found[record.line.run_id or record.line.id, record.line.key].append(record)
            for (run_id, _), records in found.items():
                yield self._joined(run_id, None, records)

    def all_damage(self) -> Iterator[DamagedPlace]:
        """Yield what can't be read: damaged places, whole files, and parts of archives."""
        yield from self.damage
        yield from (DamagedPlace(name, 0, why) for name, why in self.files.unreadable.items())
        yield from (DamagedPlace(name, 0, Format.NEWER.value) for name in self.files.newer)
        yield from (DamagedPlace("", 0, problem) for problem in self.files.archives)

    def _take(self, segment: Segment) -> None:
        """Read a segment to its end, and note where the lines about runs are.  Raises OSError."""
        source = source_of(segment)
        known = self._lines.get(segment.id, 0)  # a copy was read before
        rows: list[Row] = []
        while not segment.at_end:
            for found in reader.read_on(segment):
                if isinstance(found, Damage | Invalid):
                    reason = found.reason if isinstance(found, Damage) else f"no record: {found.detail}"
                    self._note_damage(source, found.number, reason)
                elif found.number > known:
                    self._note(source, found, rows)
        for is_so, reason in ((segment.torn, "the last line is torn"), (segment.cut, "the seal does not match")):
            if is_so:
                self._note_damage(source, 0, reason)
        if not segment.seal:
            rows += self._journaled(segment, source)
        if not segment.damage:  # a damaged copy may lack what another one has
            self._lines[segment.id] = max(known, segment.lines)
        if rows:
            block = Block(source, rows)
            heapq.heappush(self._blocks, (-block.newest, next(self._numbers), block))

    def _note(self, source: Source, line: Line, rows: list[Row]) -> None:
        run_id = line.run_id or line.id
        if not (line.is_record and self._wanted(run_id)):
            return
        place = self._shelf.keep(source, line)
        if line.kind == "run":
            self._recorded.add(hash(run_id))
            rows.append(_row(line, (line.id, line.key), place))
            return
        self._late[hash(run_id)].append((line.key, place))
        if is_post(line):
            row = _row(line, ("post", run_id, line.key), place)
            self._posts[row[1]] += 1
            rows.append(row)

    def _journaled(self, segment: Segment, source: Source) -> Iterator[Row]:
        """Yield the rows of runs without an end."""
        for run_id, run in segment.journal.open.items():
            refs = (run.own, *run.children.values()) if self._wanted(run_id) else ()
            places = [
                self._shelf.keep(source, ref) if isinstance(ref, Line) else Place(source, *ref)
                for ref in refs
                if isinstance(ref, Line) or source.identity is not None  # else there was no room to keep it
            ]
            for own in self._read(places[:1]):
                self._recorded.add(hash(run_id))
                self._late[hash(run_id)] += ((own.line.key, place) for place in places[1:])
                yield _row(own.line, (run_id, own.line.key), places[0])

    def _next(self) -> Iterator[Run]:
        """Yield the newest run, unless it was removed, or is an older record of another."""
        _, number, block = heapq.heappop(self._blocks)
        key, place = block.pop()
        if block:
            heapq.heappush(self._blocks, (-block.newest, number, block))
        if key in self._posts:
            yield from self._posted(key, place)
            return
        for own in self._read([place]):
            run_id = own.line.run_id or own.line.id
            if self._had_turn.add(key):
                fate = fate_of(own.line, self._ledger) if self._ledger else ""
                yield self._joined(run_id, own, self._late_of(run_id, own.line.key), fate)
            elif own.line.kind == "run":
                self.twice[run_id] += 1

    def _posted(self, key: int, place: Place) -> Iterator[Run]:
        """Yield the run of a post: when it is the oldest one about the run, and unless that has a record of its own."""
        self._posts[key] -= 1
        if self._posts[key]:
            return
        del self._posts[key]
        for post in self._read([place]):
            run_id = post.line.run_id or post.line.id
            if hash(run_id) in self._recorded:
                return
            found = self._late_of(run_id, post.line.key)
            lines = [record.line for record in found if is_post(record.line)]
            if lines:
                yield self._joined(run_id, None, found, fate_of_all(lines, self._ledger) if self._ledger else "")

    def _joined(self, run_id: str, own: Record | None, others: Sequence[Record], fate: Fate = "") -> Run:
        run = joined(run_id, own, others, fate)
        self.unread.update(post.reason for post in run.posts)
        return run

    def _late_of(self, run_id: str, key: str | None) -> list[Record]:
        """Take out the other lines about a run, oldest first, but leave those that were made under another key."""
        mine: list[tuple[str | None, Place]] = []
        others: list[tuple[str | None, Place]] = []
        for hint, place in self._late.pop(hash(run_id), ()):
            (mine if hint == key or None in (hint, key) else others).append((hint, place))
        if others:
            self._late[hash(run_id)] = others
        return sorted(self._read(place for _, place in mine), key=lambda record: record.line.at)

    def _read(self, places: Iterable[Place]) -> Iterator[Record]:
        """Yield the lines at these places that can still be read."""
        for place in places:
            try:
                record = self._shelf.read(place)
            except FileNotFoundError:
                self.gone += 1
                continue
            except OSError as error:
                self._note_damage(place.source, place.number, error.strerror or str(error))
                continue
            if record is None:
                self._note_damage(place.source, place.number, "it was changed while it was read")
            else:
                yield record

    def _note_damage(self, source: Source, line: int, reason: str) -> None:
        self.damaged += 1
        if len(self.damage) < MOST_DAMAGE:
            self.damage.append(DamagedPlace(file_name(source.name), line, reason))


def _row(line: Line, key: tuple[str | None, ...], place: Place) -> Row:
    return _begun(line), hash(key), place.number, place.offset, place.size


def _begun(line: Line) -> int:
    """Return when the run of a line began, in milliseconds since 1970; if it doesn't say so, when it was recorded."""
    found = _AS_RECORDED.match(line.body) if line.kind in OURS else None
    start = found[1].decode(errors="replace") if found else start_of(line)
    return ms_of(moment_of(start)) or ms_of(moment_of(line.at))
