"""What a commit to a shared ledger writes, in one transaction."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from tcc_uploader.model.rows import Adjustment, Changes

from . import statements
from .connection import Statement
from .rows import columns, letter_values, segment_values
from .texts import stored


def commit_of(changes: Changes, bodies: Mapping[str, bytes], fence: int | None, turn: int) -> Iterator[Statement]:
    """Yield the statements that write all of ``changes``; it can be done again.

    The first one returns which segments' rows are ours to write.  ``bodies`` are letters by id; ``turn`` is how many
    commits this worker has made then.
    """
    delivered = sorted((UUID(bytes=key), hint, known.digest, *known.place) for key, hint, known in changes.delivered)
    letters = sorted({row.id: row for row in changes.letters}.items())
    segments = [segment_values(row) for _, row in sorted(changes.segments.items())]
    settled = {key for key, *_ in delivered} | {UUID(bytes=row.key) for _, row in letters}
    yield statements.OURS, (fence, sorted(changes.segments))
    if delivered:
        yield statements.DELIVER, columns(delivered)
    if changes.adjustments:  # before the letters get their new fates, and the rows that have these already
        yield from _adjustments(changes.adjustments, fence)
    if letters:
        yield statements.WRITE_LETTERS, columns([(*letter_values(row), bodies.get(ident)) for ident, row in letters])
    if segments:
        yield statements.WRITE_SEGMENTS, (*columns(segments), fence)
    yield statements.RELEASE, (sorted(settled), fence)
    yield statements.COMMITTED, (turn, fence)


def _adjustments(adjustments: Sequence[Adjustment], fence: int | None) -> Iterator[Statement]:
    yield statements.LOCK_LETTERS, ([stored(each.letter) for each in adjustments],)
    for number, each in enumerate(adjustments):
        from_here = [later.fate for later in adjustments[number:] if later.letter == each.letter]
        yield statements.ADJUST, (*each.counts.values(), fence, each.segment, stored(each.letter), from_here)
