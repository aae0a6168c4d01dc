"""Rows of a ledger in SQLite as our values, and our values as rows.  Pure."""

import sqlite3
from typing import Any, Final

from tcc_uploader.model.fate import COUNT_NAMES, Counts, Place
from tcc_uploader.model.rows import LetterRow, SegmentRow

SEGMENT_COLUMNS: Final = (
    *("number", "id", "path", "size", "finished"),
    *COUNT_NAMES,
    *("damaged", "torn", "refused", "sealed", "skipped", "last_commit"),
)
"""The columns of a segment's row, in each database."""


def values_of(row: SegmentRow) -> tuple[object, ...]:
    """Return a segment's row as :data:`SEGMENT_COLUMNS`."""
    number, ident, path, size, finished, counts, *others = row
    return number, ident, path, size, finished, *counts.values(), *others


def letter_of(row: sqlite3.Row) -> LetterRow:
    """Return a letter's row."""
    place = Place(row["segment"], row["line"])
    return LetterRow(row["id"], row["key"], row["digest"], place, row["fate"], row["reason"], row["hint"])


def segment_of(row: sqlite3.Row) -> SegmentRow:
    """Return a segment's row."""
    # a flipped bit makes a NULL, which only ``sealed`` may be
    values: dict[str, Any] = {name: row[name] if name == "sealed" else row[name] or 0 for name in SEGMENT_COLUMNS}
    counts = Counts(*(values.pop(name) for name in COUNT_NAMES))
    return SegmentRow(**{**values, "finished": bool(values["finished"]), "counts": counts})
