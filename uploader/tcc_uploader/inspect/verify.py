"""``tcc-upload verify``: check that ``records = delivered + pending + dead + duplicate + dropped``.

The counts are computed anew from the spools' files and the ledger's keys.  They are compared with two counts that were
made independently: the seal, in which the recorder counted its records and chained its lines' CRCs; and the ledger's
row of a segment, written when it was delivered.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

from tcc_schemas.lines import Damage
from tcc_uploader.delivery.settlement import row_of
from tcc_uploader.files import file_name
from tcc_uploader.model.fate import Counts, Known
from tcc_uploader.model.keys import ByKey
from tcc_uploader.model.ledger import Ledger
from tcc_uploader.model.rows import SegmentRow
from tcc_uploader.model.shortlist import MOST, Shortlist
from tcc_uploader.sinks import plural
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool.format import LINE_START
from tcc_uploader.spool.segment import MOST_INVALID, Segment

from .survey import FileReport, examine, has_grown, is_looked_for_here

_TORN: Final = "a write that was cut short, so that `end()` never returned; or a copy that was cut short"
_COUNTS: Final = "records", "delivered", "duplicate", "dead", "dropped", "recovered", "pending", "refused", "skipped"


@dataclass(kw_only=True)
class SegmentCheck:
    """What was found in one segment.

    ``damage`` lists what can't be read, and what that explains; ``broken`` what does not add up, and nothing explains.
    """

    path: str
    id: str
    present: bool
    sealed: bool
    records: int
    delivered: int
    duplicate: int
    dead: int
    dropped: int
    recovered: int
    pending: int
    refused: int
    skipped: int = 0
    """Lines of a kind that this version does not know, and that ask for no delivery."""
    damage: Shortlist[str] = field(default_factory=Shortlist)
    broken: Shortlist[str] = field(default_factory=Shortlist)


@dataclass(kw_only=True)
class Verification(FileReport):
    """The whole report."""

    segments: Shortlist[SegmentCheck] = field(default_factory=Shortlist)
    """Half of them at most are such in which nothing was found."""
    sealed: int = 0
    broken_segments: int = 0
    damaged_segments: int = 0
    totals: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTS, 0))

    @property
    def broken(self) -> bool:
        """Whether anything does not add up."""
        return self.broken_segments > 0

    @property
    def damaged(self) -> bool:
        """Whether anything can't be read."""
        return bool(self.unreadable or self.archives or self.damaged_segments)

    def add(self, check: SegmentCheck) -> None:
        """Take in a segment."""
        self.sealed += check.sealed
        self.broken_segments += bool(check.broken)
        self.damaged_segments += bool(check.damage)
        for name in _COUNTS:
            self.totals[name] += getattr(check, name)
        if check.broken or check.damage or len(self.segments) < MOST // 2:
            self.segments.append(check)
        else:
            self.segments.more += 1


def verify_spools(
    sources: Sources, ledger: Ledger, *, whole: bool, did: Callable[[int], object] = lambda _: None
) -> Verification:
    """Check ``sources``; with ``whole`` also every segment that only the ledger knows.  ``did``: see ``look``.

    Files that can't be read are part of the result.  Raises :class:`LedgerError`.
    """
    result = Verification()
    seen = ByKey[Known]()
    present: set[str] = set()

    contested = ledger.contested_lines()

    def take(segment: Segment) -> None:
        present.add(segment.id)
        result.add(_check_file(segment, ledger, seen, contested))

    result.look(sources, take, did)
    if whole:
        # a file of a shared ledger may lie on another machine
        folders = {str(spool) for spool in sources.spools} if ledger.letter_store is None else set()
        elsewhere = ledger.read_elsewhere()
        absent = [row for row in ledger.segments() if row.id not in present and not has_grown(row)]
        keys = ledger.settled_lines() if absent else {}
        requeued = Counter(letter.place.segment for letter in ledger.letters_with("requeued"))
        for row in absent:
            if not is_looked_for_here(row, elsewhere):
                result.add(_check(row, present=False))
                continue
            check = _check_row(row, requeued[row.number], folders)
            if row.finished:
                found = keys.get(row.number, Counts())
                _compare_counts(check, _told_by_keys(row, found), found, contested.get(row.number, 0))
            result.add(check)
    return result


def _check_file(segment: Segment, ledger: Ledger, seen: ByKey[Known], contested: dict[int, int]) -> SegmentCheck:
    """Read a segment, and compare it with its seal and with its row.  Raises OSError."""
    row = ledger.segment(segment.id)
    segment.number = row.number if row else 0
    hidden = 0
    damage = Shortlist[str]()

    def note_damage(line: Damage) -> None:
        nonlocal hidden
        hidden += max(0, line.raw.count(LINE_START) - 1)
        damage.append(f"line {line.number:,}: {line.reason}, {plural(line.size, 'byte')} at byte {line.offset:,}")

    conflicts = examine(segment, ledger, seen, lambda _: None, note_damage=note_damage)
    if row is not None and not segment.seal:
        _count_pending_recovered(segment, row.counts.recovered)
    hidden += segment.damaged  # where a newline was hit, two lines are one, which hides a record more
    check = _check(row_of(segment, finished=False, now=0), present=True)
    check.skipped = segment.skipped
    check.damage += damage
    if segment.torn:
        check.damage.append(f"torn tail of {plural(segment.torn, 'byte')} at byte {segment.offset:,}: {_TORN}")
    if segment.reader and segment.reader.invalid > MOST_INVALID:
        check.damage.append(f"{plural(segment.reader.invalid - MOST_INVALID, 'line')} more without a record")
    if segment.seal and segment.cut:
        text = f"the seal counts {plural(segment.seal.records, 'record')}, {check.records:,} are here"
        if segment.damaged and 0 <= segment.seal.records - check.records <= hidden:
            check.damage.append(text)  # the damaged lines explain it
        else:
            check.broken.append(text)  # lines were taken out, added or changed
    if row is not None:
        _compare_with_row(check, segment, row, hidden, contested.get(row.number, 0) + conflicts)
    return check


def _count_pending_recovered(segment: Segment, recovered: int) -> None:
    """Count the runs without an end that were recovered, and that are pending: the row alone tells of them."""
    pending = min(recovered, len(segment.journal.open)) - segment.counts.recovered
    if pending > 0:
        segment.counts.records += pending
        segment.counts.recovered += pending


def _compare_with_row(check: SegmentCheck, segment: Segment, row: SegmentRow, hidden: int, contested: int) -> None:
    """Note what the ledger counted in this segment when it was delivered, and what is different now."""
    end = segment.size, segment.damaged + segment.cut  # neither grown nor damaged since it was delivered?
    if row.counts.records > segment.counts.records + hidden:
        records = plural(row.counts.records, "record")
        if row.path == file_name(segment.file) and segment.size < row.size:
            check.broken.append(f"cut short: {records} were read here before")
        else:  # this is a copy, or was cut short already when it was read first
            check.damage.append(f"cut short: it should have {records}")
    elif row.finished and end == (row.size, row.damaged):
        _compare_counts(check, row.counts, segment.counts, contested)


def _told_by_keys(row: SegmentRow, keys: Counts) -> Counts:
    """Return those of a row's counts of which keys tell.

    No key tells of a duplicate; but if some items of its run had been sent alone before, these have keys.
    """
    sent_in_part = min(max(keys.delivered - row.counts.delivered, 0), row.counts.duplicate)
    return replace(row.counts, records=0, duplicate=0, recovered=0, delivered=row.counts.delivered + sent_in_part)


def _compare_counts(check: SegmentCheck, row: Counts, keys: Counts, contested: int) -> None:
    """Note what a segment's row and the ledger's keys count differently; ``contested`` lines may explain it."""
    most = max(abs(mine - theirs) for mine, theirs in zip(row.values(), keys.values(), strict=True))
    if most > contested:
        check.broken.append(f"the ledger's keys say {keys}, its row says {row}")
    elif most:
        check.damage.append(f"a copy with other bytes was read, too: the ledger's keys say {keys}, its row says {row}")


def _check_row(row: SegmentRow, requeued: int, folders: set[str]) -> SegmentCheck:
    """Check a segment whose file is not here: its row, and its seal's count in that row.

    ``requeued`` is the number of its letters that are pending again.
    """
    check = _check(row, present=False)
    if row.damaged and not row.size:
        check.damage.append("it was damaged or cut short when it was read: get it whole, and replay it again")
    elif row.damaged:
        check.damage.append(plural(row.damaged, "damaged line"))
    if row.torn:
        check.damage.append(f"torn tail of {plural(row.torn, 'byte')}: {_TORN}")
    if not row.finished:
        if row.counts.pending > requeued and str(Path(row.path).parent) in folders:
            check.broken.append(f"missing: it has gone with {plural(row.counts.pending, 'pending record')}")
        elif row.counts.pending > requeued:  # it lay elsewhere, in a bundle for instance, and may still be there
            check.damage.append(f"not in sight, with {plural(row.counts.pending, 'pending record')}: replay it again")
        return check
    if row.counts.pending > requeued:
        check.broken.append(f"finished with {plural(row.counts.pending, 'pending record')}")
    if row.sealed is not None and row.sealed != row.counts.records and not row.damaged:
        check.broken.append(f"the seal counts {plural(row.sealed, 'record')}, {row.counts.records:,} were read")
    return check


def _check(row: SegmentRow, *, present: bool) -> SegmentCheck:
    """Return a segment's counts, without any finding yet."""
    return SegmentCheck(
        path=row.path,
        id=row.id,
        present=present,
        sealed=row.sealed is not None,
        **asdict(row.counts),
        pending=row.counts.pending,
        refused=row.refused,
    )
