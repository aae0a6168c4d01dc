"""Creates the ledger's tables, and opens its file."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tcc_uploader.model.fate import COUNT_NAMES
from tcc_uploader.model.ledger import TooNew


def _first_tables(database: sqlite3.Connection) -> None:
    counts = ", ".join(f"{name} INTEGER NOT NULL" for name in COUNT_NAMES)
    database.execute(
        "CREATE TABLE delivered (key BLOB NOT NULL, hint INTEGER NOT NULL, digest INTEGER NOT NULL, "
        "segment INTEGER NOT NULL, line INTEGER NOT NULL, PRIMARY KEY (key, hint)) WITHOUT ROWID"
    )
    database.execute(
        "CREATE TABLE letters (id TEXT PRIMARY KEY, key BLOB NOT NULL, hint INTEGER NOT NULL, digest INTEGER NOT NULL, "
        "segment INTEGER NOT NULL, line INTEGER NOT NULL, fate TEXT NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID"
    )
    database.execute("CREATE INDEX letters_by_bytes ON letters (key, digest)")
    database.execute(
        "CREATE TABLE segments (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, path TEXT NOT NULL, "
        f"size INTEGER NOT NULL, finished INTEGER NOT NULL, {counts}, damaged INTEGER NOT NULL, "
        "torn INTEGER NOT NULL, refused INTEGER NOT NULL, sealed INTEGER, skipped INTEGER NOT NULL, "
        "last_commit INTEGER NOT NULL)"
    )


MIGRATIONS: Final[Sequence[Callable[[sqlite3.Connection], None]]] = (_first_tables,)
"""Each migration runs once, in this order; the file's ``user_version`` is the number of those that have run."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the ledger's file for writing; create it, or migrate it to this version.

    Raises :class:`sqlite3.DatabaseError` if the file is not a ledger, :class:`TooNew` if a newer version wrote it.
    """
    database = sqlite3.connect(path, isolation_level=None, timeout=10)
    try:
        database.execute("PRAGMA journal_mode=DELETE")
        database.execute("PRAGMA synchronous=EXTRA")  # removing the journal commits; FULL does not sync this
        database.execute("PRAGMA cache_size=-65536")
    except BaseException:
        database.close()
        raise
    return _prepared(database)


def connect_reading(place: str) -> sqlite3.Connection:
    """Open the ledger at a SQLite URI, without settings for writing.  Raises the same as :func:`connect`."""
    return _prepared(sqlite3.connect(place, uri=True, isolation_level=None))


def _prepared(database: sqlite3.Connection) -> sqlite3.Connection:
    try:
        database.text_factory = _text
        _migrate(database)
        _check_tables(database)
    except BaseException:
        database.close()
        raise
    database.row_factory = sqlite3.Row
    return database


def _migrate(database: sqlite3.Connection) -> None:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise TooNew(f"it has version {version}, of a newer tcc-upload")
    for number, migration in enumerate(MIGRATIONS[version:], version + 1):
        database.execute("BEGIN")
        migration(database)
        database.execute(f"PRAGMA user_version={number}")
        database.execute("COMMIT")


def _check_tables(database: sqlite3.Connection) -> None:
    """Raise DatabaseError if the definitions of the tables are damaged: SQLite does not notice a flipped bit there."""
    fresh = sqlite3.connect(":memory:", isolation_level=None)
    try:
        _migrate(fresh)
        query = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"
        if database.execute(query).fetchall() != fresh.execute(query).fetchall():
            raise sqlite3.DatabaseError("its tables are damaged")
    finally:
        fresh.close()


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")  # a damaged character in a path must not raise an error
