"""``tcc-upload verify``: ``records = delivered + pending + dead + duplicate + dropped``, or not.

It is computed anew from the spools' files and the ledger's keys.  Two witnesses know nothing of that computation: the
seal, in which the recorder counted its records and chained its lines' CRCs; and the ledger's row of a segment, written
when it was read.
"""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from tcc_schemas.lines import Damage
from tcc_uploader.delivery.settlement import row_of
from tcc_uploader.files import file_name
from tcc_uploader.ledger.rows import SegmentRow
from tcc_uploader.ledger.sqlite import Ledger
from tcc_uploader.model.fate import Counts, Known
from tcc_uploader.sources.given import Sources, each_segment
from tcc_uploader.spool.format import LINE_START, Format
from tcc_uploader.spool.segment import MOST_INVALID, Segment

from .survey import Survey, examine

_TORN: Final = "a write that was cut short, and never recorded; or a copy that was"


class SegmentCheck(BaseModel):
    """What was found in one segment.  ``broken`` says what does not add up, ``damage`` what can't be read."""

    path: str
    id: str
    present: bool
    sealed: bool
    records: int = 0
    delivered: int = 0
    duplicate: int = 0
    dead: int = 0
    dropped: int = 0
    recovered: int = 0
    pending: int = 0
    refused: int = 0
    skipped: int = 0
    """Lines of a kind that this version does not know, and that ask for no delivery."""
    damage: list[str] = []
    broken: list[str] = []


class Verification(BaseModel):
    """The whole report."""

    segments: list[SegmentCheck] = []
    totals: dict[str, int] = {}
    unreadable: dict[str, str] = {}
    newer: list[str] = []
    archives: list[str] = []
    """What is wrong with archives: members that can't be read, and what their manifests miss."""

    @property
    def broken(self) -> bool:
        """Whether anything does not add up."""
        return any(check.broken for check in self.segments)

    @property
    def damaged(self) -> bool:
        """Whether anything can't be read."""
        return bool(self.unreadable or self.archives) or any(check.damage for check in self.segments)


def verify(sources: Sources, ledger: Ledger, *, whole: bool) -> Verification:
    """Check ``sources``; with ``whole`` also every segment of the ledger that is not among them.

    A segment that lay in one of the spools, had not met its end and is not there any more is missing.
    """
    result = Verification()
    seen: dict[bytes, Known] = {}
    present: set[str] = set()
    unreadable: dict[Path, str] = {}
    for segment in each_segment(sources, unreadable):
        if segment.format is Format.NEWER:
            result.newer.append(str(segment.path))
        if not segment.id:
            continue
        present.add(segment.id)
        try:
            result.segments.append(_present(segment, ledger, seen))
        except OSError as error:
            unreadable[segment.path] = error.strerror or str(error)
    result.unreadable = {str(path): why for path, why in unreadable.items()}
    for archive in sources.archives:
        result.newer += map(str, archive.newer)
        result.archives += archive.problems
    if whole:
        folders = {str(spool) for spool in sources.spools}
        absent = [row for row in ledger.segments() if row.id not in present]
        keys = ledger.settled_lines() if absent else {}
        again = Counter(letter.place.segment for letter in ledger.letters_with("requeued"))
        result.segments += [_absent(row, keys.get(row.number, Counts()), again[row.number], folders) for row in absent]
    for name in ("records", "delivered", "duplicate", "dead", "dropped", "recovered", "pending", "refused", "skipped"):
        result.totals[name] = sum(getattr(check, name) for check in result.segments)
    return result


def _present(segment: Segment, ledger: Ledger, seen: dict[bytes, Known]) -> SegmentCheck:
    row = ledger.segment(segment.id)
    segment.number = ledger.number_of(segment.id)
    found = examine(segment, ledger, seen, Survey())
    hidden = segment.damaged + sum(map(_joined, found))
    damage = [_damage_text(damage) for damage in found]
    broken: list[str] = []
    if segment.torn:
        damage.append(f"torn tail of {segment.torn:,} bytes at byte {segment.offset:,}: {_TORN}")
    if segment.reader and segment.reader.invalid > MOST_INVALID:
        damage.append(f"{segment.reader.invalid - MOST_INVALID:,} more lines are no records")
    seal = segment.seal
    if seal and segment.cut:
        missing = seal.records - segment.counts.records
        text = f"the seal counts {seal.records:,} records, {segment.counts.records:,} are here"
        # a damaged line explains one that is missing; what no damage explains was taken out or changed
        (damage if segment.damaged and 0 <= missing <= hidden else broken).append(text)
    if row is not None and row.counts.records > segment.counts.records + hidden:
        text = f"cut short: {row.counts.records:,} records were read here before"
        (broken if row.path == file_name(segment.path) else damage).append(text)  # a copy may be cut by itself
    elif row is not None and _as_it_was(row, segment) and row.counts != segment.counts:
        broken.append(f"the ledger's keys say {segment.counts}, its row says {row.counts}")
    check = _check(segment.id, row_of(segment, finished=False), damage, broken, present=True)
    return check.model_copy(update={"skipped": segment.skipped})


def _absent(row: SegmentRow, keys: Counts, again: int, folders: set[str]) -> SegmentCheck:
    """Check a segment by its row, its seal's count in that row, and the keys; ``again`` of its letters are requeued."""
    damage = [f"{row.damaged:,} damaged lines"] if row.damaged else []
    damage += [f"torn tail of {row.torn:,} bytes: {_TORN}"] if row.torn else []
    broken = []
    if not row.finished and row.counts.pending:
        if str(Path(row.path).parent) in folders:
            broken.append(f"missing: it has gone with {row.counts.pending:,} records pending")
        else:
            damage.append(f"not in sight, with {row.counts.pending:,} records pending: replay it again")
    if row.finished and row.counts.pending > again:
        broken.append(f"finished with {row.counts.pending:,} records pending")
    if row.finished and row.sealed is not None and row.sealed != row.counts.records and not row.damaged:
        broken.append(f"the seal counts {row.sealed:,} records, {row.counts.records:,} were read")
    told = (row.counts.delivered, row.counts.dead, row.counts.dropped)
    if row.finished and told != (keys.delivered, keys.dead, keys.dropped):
        broken.append(f"the ledger's keys say {keys}, its row says {row.counts}")
    return _check(row.id, row, damage, broken, present=False)


def _check(ident: str, row: SegmentRow, damage: list[str], broken: list[str], *, present: bool) -> SegmentCheck:
    return SegmentCheck(
        path=row.path,
        id=ident,
        present=present,
        sealed=row.sealed is not None,
        **asdict(row.counts),
        pending=row.counts.pending,
        refused=row.refused,
        damage=damage,
        broken=broken,
    )


def _as_it_was(row: SegmentRow, segment: Segment) -> bool:
    """Whether a finished file is as the ledger knows it: neither grown nor damaged since."""
    return row.finished and (row.size, row.damaged) == (segment.size, segment.damaged + segment.cut)


def _joined(damage: Damage) -> int:
    """Return how many records a damaged line hides beyond the first: where a newline was hit, two lines are one."""
    return max(0, damage.raw.count(LINE_START) - 1)


def _damage_text(damage: Damage) -> str:
    return f"line {damage.number:,}: {damage.reason}, {damage.size:,} bytes at byte {damage.offset:,}"
