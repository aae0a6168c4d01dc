"""Rows of a shared ledger as our values, and our values as rows: one array for each column.  Pure."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from tcc_uploader.ledger.rows import SEGMENT_COLUMNS
from tcc_uploader.model.fate import COUNT_NAMES, Counts, Place
from tcc_uploader.model.rows import LetterRow, SegmentRow

from .texts import loaded, stored

WRITTEN_COLUMNS: Final = tuple(name for name in SEGMENT_COLUMNS if name != "id")
"""What a commit writes of a segment, by its number."""


def uuids(keys: Iterable[bytes]) -> list[UUID]:
    """Return keys in the form that takes 16 bytes there, sorted: two workers then lock rows in the same order."""
    return [UUID(bytes=key) for key in sorted(keys)]


def columns(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    """Return rows, of which there must be one, as columns."""
    return [list(column) for column in zip(*rows, strict=True)]


def letter_of(
    ident: str, key: UUID, digest: int, segment: int, line: int, fate: Any, reason: str, hint: int
) -> LetterRow:
    """Return a letter's row."""
    return LetterRow(loaded(ident), key.bytes, digest, Place(segment, line), fate, loaded(reason), hint)


def letter_values(row: LetterRow) -> tuple[object, ...]:
    """Return what :func:`letter_of` makes this row of."""
    return stored(row.id), UUID(bytes=row.key), row.digest, *row.place, row.fate, stored(row.reason), row.hint


def segment_of(values: Sequence[Any]) -> SegmentRow:
    """Return a segment's row, made of :data:`SEGMENT_COLUMNS`."""
    named = dict(zip(SEGMENT_COLUMNS, values, strict=True))
    counts = Counts(*(named.pop(name) for name in COUNT_NAMES))
    return SegmentRow(**{**named, "id": loaded(named["id"]), "path": loaded(named["path"]), "counts": counts})


def segment_values(row: SegmentRow) -> tuple[object, ...]:
    """Return a segment's :data:`WRITTEN_COLUMNS`."""
    number, _, path, size, finished, counts, *others = row
    return number, stored(path), size, finished, *counts.values(), *others
