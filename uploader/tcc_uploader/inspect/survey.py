"""Scan files and change nothing: what is pending, what would be sent.  For ``status``, ``doctor`` and ``--dry-run``."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tcc_schemas.endpoints import can_be_path
from tcc_schemas.lines import Damage, Line
from tcc_schemas.plain import Invalid
from tcc_uploader.boundary import UnexpectedError
from tcc_uploader.delivery.routing import Router, Wish, wish_of
from tcc_uploader.files import file_name
from tcc_uploader.ledger.judge import Judged, judge_all, judge_invalid
from tcc_uploader.model.fate import Counts, Decision, Known, Place
from tcc_uploader.model.keys import ByKey, dedupe_key
from tcc_uploader.model.ledger import Ledger
from tcc_uploader.model.rows import SegmentRow
from tcc_uploader.model.selection import Choice
from tcc_uploader.model.shortlist import Shortlist
from tcc_uploader.settings import Settings
from tcc_uploader.sources.given import Sources, each_segment
from tcc_uploader.sources.streams import LostError
from tcc_uploader.spool import reader
from tcc_uploader.spool.format import PLAIN_ID, Format
from tcc_uploader.spool.segment import Segment


@dataclass(kw_only=True)
class FileReport:
    """What is to be said of some files without their records."""

    unreadable: dict[str, str] = field(default_factory=dict)
    """Why what can't be read."""
    newer: Shortlist[str] = field(default_factory=Shortlist)
    """Files of a format that only a newer version can read."""
    archives: Shortlist[str] = field(default_factory=Shortlist)
    """What is wrong with archives: members that can't be read, and what their manifests miss.

    Also files at which something happened that nobody foresaw.
    """
    passed_over: list[str] = field(default_factory=list)
    """What lies in the spools and is not read there, though somebody may think so."""
    not_read: dict[str, str] = field(default_factory=dict)
    """What of an object store can't be read now, though nothing is known to be wrong with it; and why."""

    def look(
        self, sources: Sources, take: Callable[[Segment], None], did: Callable[[int], object] = lambda _: None
    ) -> None:
        """Call ``take`` with each segment of ``sources``, and ``did`` with its bytes; note what else lies there.

        What it can't read is part of the report: also an OSError that ``take`` raises.
        """
        unreadable: dict[str, str] = {}
        for segment in each_segment(sources, unreadable):
            if segment.format is Format.NEWER:
                self.newer.append(file_name(segment.file))
            elif segment.format.is_foreign:
                unreadable[segment.file] = segment.format.value
            elif segment.id:
                try:
                    take(segment)
                except LostError:
                    pass  # the source says why
                except UnexpectedError as error:
                    self.archives.append(f"{file_name(segment.file)}: {error}")
                except OSError as error:
                    unreadable[segment.file] = error.strerror or str(error)
            did(segment.offset)
        self.unreadable |= {file_name(path): why for path, why in unreadable.items()}
        self.newer += map(file_name, sources.newer)
        self.newer.more += sources.newer.more
        self.not_read |= sources.not_read
        self.archives += sources.problems
        self.passed_over += sources.passed_over


Waits = Callable[[str, Line], bool]


@dataclass(slots=True)
class SpoolUse:
    """What the segments in one folder take, in bytes.  Kept ones were delivered, and go when room is needed."""

    bytes: int = 0
    kept: int = 0
    kept_bytes: int = 0

    def add(self, size: int, *, is_kept: bool) -> None:
        """Count a segment."""
        self.bytes += size
        self.kept += is_kept
        self.kept_bytes += size * is_kept


@dataclass(kw_only=True)
class Survey(FileReport):
    """A scan report: what some files hold.  Pending records are those that a delivery would send."""

    counts: Counts = field(default_factory=Counts)
    damage: int = 0
    """Damaged places; what is wrong with archives is counted, too."""
    oldest_pending: str | None = None
    oldest_due: str | None = None
    """The oldest that nothing but time keeps from being sent."""
    segment_ids: set[str] = field(default_factory=set)
    pending: Counter[Wish] = field(default_factory=Counter)
    """Pending records by where they are to go, without those that the choice leaves out."""
    choice: Choice = field(default_factory=Choice)
    waits: Waits = lambda *_: False
    """Whether a pending record, of the segment with this id, waits for something else than time."""
    not_understood: Shortlist[str] = field(default_factory=Shortlist)
    """Files with a line of a kind that only a newer version knows: they stay for it."""
    refused: int = 0
    """Records that recorders refused, as their seals tell."""
    spools: defaultdict[str, SpoolUse] = field(default_factory=lambda: defaultdict(SpoolUse))
    """What the segments in each folder take."""

    def note_pending(self, segment_id: str, record: Judged) -> None:
        """Take in a pending record."""
        line = record.line
        self.oldest_pending = min(self.oldest_pending or line.at, line.at)
        self.pending[wish_of(line)] += 1
        if not self.waits(segment_id, record.line):
            self.oldest_due = min(self.oldest_due or line.at, line.at)

    def blocked(self, settings: Settings) -> dict[str, int]:
        """Return how many pending records can't be sent under these settings, by what is to be done about it."""
        router, found = Router(settings), Counter[str]()
        for wish, number in self.pending.items():
            route = router.route(wish)
            if route.blocked:
                found[route.remedy] += number
        return dict(sorted(found.items()))


def spools_read(spools: Iterable[Path], ledger: Ledger) -> list[Path]:
    """Return those of ``spools`` of which the ledger knows a file.  Raises :class:`LedgerError`."""
    known = {str(Path(row.path).parent) for row in ledger.segments()}
    return [spool for spool in spools if file_name(spool) in known]


def has_grown(row: SegmentRow) -> bool:
    """Whether this is a plain file as it was before lines were added: its records are counted in what it is now."""
    with suppress(OSError):
        return not row.finished and row.id.startswith(PLAIN_ID) and reader.begins_with(Path(row.path), row.size, row.id)
    return False


def is_looked_for_here(row: SegmentRow, elsewhere: Collection[int]) -> bool:
    """Whether a row without a file in sight may be missing.

    Not if another machine reads it now (``elsewhere``: the numbers of such rows), nor if records of it wait in an
    object store: that was not asked.
    """
    return row.number not in elsewhere and (row.finished or not row.is_in_store)


def take_survey(
    sources: Sources,
    ledger: Ledger,
    *,
    trust_ledger: bool = False,
    waits: Waits = lambda *_: False,
    did: Callable[[int], object] = lambda _: None,
) -> Survey:
    """Read every record of ``sources`` and judge it by the ledger.

    With ``trust_ledger``, the ledger's counts stand in for a segment that was read to its present end.  Such a segment
    is read again only if it has records pending while no age of one that is due is known yet.  ``waits``: see
    :attr:`Survey.waits`.  ``did``: see ``look``.

    What can't be read is part of the report.  Raises :class:`LedgerError`.
    """
    result = Survey(choice=sources.choice, waits=waits)
    seen = ByKey[Known]()

    def take(segment: Segment) -> None:
        result.segment_ids.add(segment.id)
        row, size = ledger.segment(segment.id), 0 if segment.stream else segment.path.stat().st_size
        known = trust_ledger and row is not None and row.counts_file(file_name(segment.file), size)
        if row and known and (row.counts.pending == 0 or result.oldest_due is not None):
            result.counts += row.counts
            result.damage += row.damaged + bool(row.torn)
            result.refused += row.refused
            skipped = row.skipped
        else:
            segment.number = row.number if row else 0
            examine(segment, ledger, seen, partial(result.note_pending, segment.id), sources.choice)
            result.counts += segment.counts
            result.damage += segment.damage
            result.refused += segment.seal.refused if segment.seal else 0
            skipped = segment.skipped
        if skipped:
            result.not_understood.append(file_name(segment.file))
        is_kept = row is not None and row.has_finished(file_name(segment.file), size)
        result.spools[os.path.dirname(file_name(segment.file))].add(size, is_kept=is_kept)  # noqa: PTH120 -- it may be no path

    result.look(sources, take, did)
    result.damage += result.archives.number
    return result


def examine(
    segment: Segment,
    ledger: Ledger,
    seen: ByKey[Known],
    note_pending: Callable[[Judged], object],
    choice: Choice | None = None,
    note_damage: Callable[[Damage], object] = lambda _: None,
) -> int:
    """Read a file to its end and count on ``segment`` how its records are settled.

    Return the number of conflicts: of these records only other bytes are known.

    ``seen`` are the keys of pending records met so far; ``note_pending`` is called with each, and ``note_damage`` with
    each damaged line.  What ``choice`` leaves out stays pending, and is neither.  Raises OSError.
    """
    choice = choice or Choice()
    conflicts = 0
    while not segment.at_end:
        found = reader.read_on(segment)
        for damage in (other for other in found if isinstance(other, Damage)):
            note_damage(damage)
        for invalid in (other for other in found if isinstance(other, Invalid)):
            judged = judge_invalid(ledger, segment.number, invalid)
            if not choice.leaves_out(judged.line, judged.decision):
                segment.counts.add(Decision.DEAD if judged.decision is Decision.SEND else judged.decision)
        lines = [line for line in found if isinstance(line, Line)]
        for judged in judge_all(ledger, segment.number, lines, seen):
            if choice.leaves_out(judged.line, judged.decision):
                continue
            if judged.decision is not Decision.SEND:
                segment.counts.add(judged.decision)
                conflicts += judged.decision is Decision.CONFLICT
            elif not can_be_path(judged.line.path or ""):
                segment.counts.add(Decision.DEAD)
            else:
                seen.put(judged.key, judged.known.hint, judged.known)
                note_pending(judged)
    for run_id, run in segment.journal.open.items() if not segment.seal else ():
        _count_recovered(segment, run_id, Place(segment.number, run.place.number), ledger)
    return conflicts


def _count_recovered(segment: Segment, run_id: str, place: Place, ledger: Ledger) -> None:
    """Count a run without an end if it was recovered; else nobody knows yet whether its process lives."""
    key = dedupe_key("run", run_id)
    known = ledger.delivered([key]).get(key, ())
    fate = next((Decision(row.fate) for row in ledger.letters(key) if row.place == place), None)
    if fate is None and any(other.place == place for other in known):
        fate = Decision.DELIVERED
    if fate is not None:
        segment.counts.records += 1
        segment.counts.recovered += 1
        segment.counts.add(fate)
