"""What keeps a ledger in SQLite small: rows that are taken out, and the room that they leave."""

import json
import sqlite3
from collections.abc import Iterable
from typing import Final

from tcc_uploader.model.fate import COUNT_NAMES

_GIVEN: Final = "(SELECT value FROM json_each(?))"
_SETTLED: Final = " + ".join(name for name in COUNT_NAMES if name not in ("records", "recovered"))
_PRUNE: Final = (
    f"DELETE FROM delivered WHERE segment IN {_GIVEN}",  # noqa: S608 -- our own text
    f"DELETE FROM letters WHERE fate IN ('delivered', 'dropped') AND segment IN {_GIVEN}",  # noqa: S608
    f"DELETE FROM segments WHERE number IN {_GIVEN}",  # noqa: S608
)
_FORGET: Final = (
    f"UPDATE segments SET size = 0, finished = 1, records = {_SETTLED}, damaged = 0, torn = 0, refused = 0, "  # noqa: S608
    f"sealed = NULL, skipped = 0 WHERE number IN {_GIVEN}"
)
_WORTH_IT: Final = 0.25
"""The part of a file's pages that must be free: to compact it needs as much room again, and minutes for gigabytes."""


def prune(database: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Delete the rows of these segments, of what was delivered from them, and of their answered letters."""
    _run(database, _PRUNE, numbers)


def forget(database: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Await nothing more of these segments; what was delivered from them stays known."""
    _run(database, (_FORGET,), numbers)


def compact(database: sqlite3.Connection) -> None:
    """Give free pages back to the disk if they are many."""
    free, pages = (database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_count"))
    if free > pages * _WORTH_IT:
        database.execute("VACUUM")


def count_keys(database: sqlite3.Connection) -> int:
    """Return how many keys were delivered."""
    return int(database.execute("SELECT count(*) FROM delivered").fetchone()[0])


def _run(database: sqlite3.Connection, statements: Iterable[str], numbers: Iterable[int]) -> None:
    given = json.dumps(list(numbers))
    with database:  # commits at the end, or rolls back
        database.execute("BEGIN IMMEDIATE")
        for statement in statements:
            database.execute(statement, (given,))
