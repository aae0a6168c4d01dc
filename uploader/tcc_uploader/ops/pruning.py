"""Which settled segments are old enough to be taken out of a ledger, and how they are."""

import os
from collections.abc import Collection
from dataclasses import dataclass, field

from tcc_uploader.files import identity_of
from tcc_uploader.model.ledger import Ledger
from tcc_uploader.model.rows import SegmentRow
from tcc_uploader.spool.removal import why_not_removed
from tcc_uploader.spool.scan import Seen


@dataclass(slots=True)
class PrunePlan:
    """What goes, and what stays though it is old."""

    going: dict[int, Seen | None] = field(default_factory=dict)
    """By number: the segments that go, each with its delivered file if that is still there."""
    records: int = 0
    """How many records they have; about so many keys go with them."""
    stay: int = 0
    """Old segments with pending records or letters, or whose file may get more or is not removed."""

    @property
    def files(self) -> list[Seen]:
        """The files that go."""
        return [seen for seen in self.going.values() if seen]


def plan_pruning(ledger: Ledger, before: float, wanted: Collection[str] = ()) -> PrunePlan:
    """Return what was settled before a moment, in seconds since 1970.  Raises :class:`LedgerError`.

    ``wanted`` are the ids of the segments of which records are pending for another target: their files stay.
    A row of a shared ledger may count another machine's file of this path, so no file goes; and what lies here stays
    known, or it would be sent again.
    """
    plan = PrunePlan()
    shared = ledger.letter_store is not None
    lettered = {each.place.segment for each in (*ledger.letters_with("dead"), *ledger.letters_with("requeued"))}
    for row in ledger.segments():
        if row.last_commit >= before:
            continue
        seen = _file_of(row)
        is_finished = seen is not None and row.has_finished(seen.file, seen.size) and row.id not in wanted
        stays_here = seen is not None and (shared or not is_finished)
        if row.counts.pending or row.number in lettered or stays_here:
            plan.stay += 1
        else:
            plan.going[row.number] = seen
            plan.records += row.counts.records
    return plan


def prune(plan: PrunePlan, ledger: Ledger) -> dict[str, str]:
    """Remove the files, then the rows; return which files could not be removed, and why.  Their rows stay.

    In this order: a file without its row would be delivered once more.  Raises :class:`LedgerError`.
    """
    failed: dict[str, str] = {}
    for seen in plan.files:
        if error := why_not_removed(seen):
            failed[seen.file] = error.strerror or str(error)
    ledger.prune(number for number, seen in plan.going.items() if seen is None or seen.file not in failed)
    ledger.compact()
    return failed


def _file_of(row: SegmentRow) -> Seen | None:
    """Return the file that the row counts, if it is there."""
    try:
        status = os.lstat(row.path)
    except (OSError, ValueError):
        return None
    return Seen(row.path, identity_of(status), status.st_size)
