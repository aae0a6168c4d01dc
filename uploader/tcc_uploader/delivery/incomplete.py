"""What an archive should have held, and did not: the ledger awaits it, so that it is not forgotten.

Each segment that is missing, or of which records are missing, becomes a row with pending records, as if its file had
gone: it is delivered when any whole copy comes, or forgotten when an operator says so.  Of an archive that has no
manifest nobody can tell what is missing: it has a row of its own, until it is read again without a fault.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from tcc_uploader.files import file_name
from tcc_uploader.model.fate import Counts
from tcc_uploader.model.ledger import Ledger
from tcc_uploader.model.rows import SegmentRow
from tcc_uploader.sources.given import Carrier
from tcc_uploader.sources.manifest import Listed


def rows_of_what_is_missing(ledger: Ledger, archives: Iterable[Carrier], now: int) -> Iterator[SegmentRow]:
    """Yield the rows by which the ledger awaits what was missing in archives; ``now`` is in seconds since 1970.

    Raises :class:`LedgerError`.
    """
    for archive in archives:
        for listed in archive.cut:
            yield from _awaited(ledger, listed, now)
        for name, damage in archive.faults:
            yield from _told_of(ledger, file_name(name), damage, now)


def _awaited(ledger: Ledger, listed: Listed, now: int) -> Iterator[SegmentRow]:
    """Yield the row of a segment of which records are missing, if they were not read anywhere else."""
    row = ledger.segment(listed.id)
    if row is None:
        number, is_ours = ledger.begin(listed.id)
        damaged = int(not listed.records)  # a file of another format: nobody counted its records
        row = _empty_row(number, listed.id, file_name(listed.name), now, damaged=damaged, finished=False)
        if is_ours:
            yield row._replace(counts=Counts(records=listed.records))
    elif row.counts.records < listed.records and ledger.begin(listed.id)[1]:
        yield row._replace(counts=replace(row.counts, records=listed.records), finished=False)


def _told_of(ledger: Ledger, path: str, damage: int, now: int) -> Iterator[SegmentRow]:
    """Yield the row of an archive that is damaged, or was when it was read before."""
    ident = "archive-" + hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    row = ledger.segment(ident)
    if damage != (row.damaged if row else 0):
        number, is_ours = ledger.begin(ident)
        if is_ours:
            yield _empty_row(number, ident, path, now, damaged=damage, finished=True)


def _empty_row(number: int, ident: str, path: str, now: int, *, damaged: int, finished: bool) -> SegmentRow:
    """Return the row of something of which no byte was counted."""
    return SegmentRow(
        number=number,
        id=ident,
        path=path,
        size=0,
        finished=finished,
        counts=Counts(),
        damaged=damaged,
        torn=0,
        refused=0,
        sealed=None,
        last_commit=now,
    )
