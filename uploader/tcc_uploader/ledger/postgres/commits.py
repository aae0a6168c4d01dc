"""What a commit to a shared ledger writes, in one transaction."""

from collections.abc import Collection, Mapping
from uuid import UUID

import psycopg

from tcc_uploader.ledger.adjusted import not_made
from tcc_uploader.model.rows import Adjustment, Changes

from . import statements
from .connection import pipelined
from .rows import WRITTEN_COLUMNS, columns, letter_values, segment_values
from .texts import loaded, stored


def write(
    opened: psycopg.Connection, changes: Changes, bodies: Mapping[str, bytes], fence: int | None, turn: int
) -> Collection[int]:
    """Write all of ``changes``, or raise :class:`psycopg.Error`; it can be done again.

    ``bodies`` are letters by id; ``turn`` is how many commits this worker has made then.  Return the numbers of the
    segments that another worker counts: their rows are not written.
    """
    delivered = sorted((UUID(bytes=key), hint, known.digest, *known.place) for key, hint, known in changes.delivered)
    letters = sorted({row.id: row for row in changes.letters}.items())
    settled = {key for key, *_ in delivered} | {UUID(bytes=row.key) for _, row in letters}
    with pipelined(opened):
        adjustments = _still_to_make(opened, changes.adjustments)  # asked before the letters get their new fates
        if delivered:
            opened.execute(statements.DELIVER, columns(delivered))
        if letters:
            rows = [(*letter_values(row), bodies.get(ident)) for ident, row in letters]
            opened.execute(statements.WRITE_LETTERS, columns(rows))
        ours = opened.execute(statements.OURS, (fence, sorted(changes.segments)))
        written = opened.execute(statements.WRITE_SEGMENTS, (*_segment_columns(changes), fence))
        if adjustments:
            whole = {number for (number,) in written.fetchall()}  # these rows have them already
            for each in adjustments:
                if each.segment not in whole:
                    opened.execute(statements.ADJUST, (*each.counts.values(), fence, each.segment))
        opened.execute(statements.RELEASE, (sorted(settled), fence))
        opened.execute(statements.COMMITTED, (turn, fence))
    return {number for number, is_ours in ours.fetchall() if not is_ours}


def _still_to_make(opened: psycopg.Connection, adjustments: list[Adjustment]) -> list[Adjustment]:
    if not adjustments:
        return []
    idents = [stored(each.letter) for each in adjustments]
    fates = opened.execute(statements.FATES, (idents,)).fetchall()
    return not_made(adjustments, {loaded(ident): fate for ident, fate in fates})


def _segment_columns(changes: Changes) -> list[list[object]]:
    rows = [segment_values(row) for _, row in sorted(changes.segments.items())]
    return columns(rows) if rows else [[]] * len(WRITTEN_COLUMNS)
