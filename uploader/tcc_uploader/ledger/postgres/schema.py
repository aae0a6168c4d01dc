"""The tables of a shared ledger, in the schema ``tcc`` of its database.

PostgreSQL 14 or newer.  All numbers are ``int8``: some come from files that anybody may have written, and an
``INSERT … ON CONFLICT DO NOTHING`` uses up a number of an identity column each time.
"""

from typing import Final

import psycopg

from tcc_uploader.model.fate import COUNT_NAMES
from tcc_uploader.model.ledger import TooNew, Unusable

from .connection import INIT, Connection

VERSION: Final = 1
_LEAST_SERVER: Final = 140_000
_META: Final = "SELECT version, target, current_setting('default_transaction_isolation') FROM tcc.meta"
_ISOLATION: Final = "read committed"
_COUNTS: Final = ", ".join(f"{name} int8 NOT NULL DEFAULT 0" for name in COUNT_NAMES)
_TABLES: Final = f"""
CREATE SCHEMA IF NOT EXISTS tcc;
CREATE TABLE tcc.meta (version int8 NOT NULL, target text NOT NULL);

-- a new fence each time that a process opens the ledger, so that none inherits another's claims
CREATE TABLE tcc.worker (
    fence int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, until timestamptz NOT NULL,
    committed int8 NOT NULL DEFAULT 0
);

CREATE TABLE tcc.delivered (
    key uuid NOT NULL, hint int8 NOT NULL DEFAULT -1, digest int8 NOT NULL, segment int8 NOT NULL, line int8 NOT NULL,
    PRIMARY KEY (key, hint)
);
CREATE INDEX delivered_by_segment ON tcc.delivered USING brin (segment);

-- a crash of the server empties it, which costs what is in flight then; so it needs no WAL
CREATE UNLOGGED TABLE tcc.claim (
    key uuid PRIMARY KEY, digest int8 NOT NULL, segment int8 NOT NULL, line int8 NOT NULL, holder int8 NOT NULL
);

-- last_commit is NULL: the segment has a number, and no counts yet
CREATE TABLE tcc.segment (
    number int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text NOT NULL UNIQUE, path text NOT NULL DEFAULT '',
    size int8 NOT NULL DEFAULT 0, finished bool NOT NULL DEFAULT false, {_COUNTS},
    damaged int8 NOT NULL DEFAULT 0, torn int8 NOT NULL DEFAULT 0, refused int8 NOT NULL DEFAULT 0, sealed int8,
    skipped int8 NOT NULL DEFAULT 0, last_commit int8, holder int8
) WITH (fillfactor = 70);

-- body is the letter; NULL: it is answered, or the record was dropped before it was sent
CREATE TABLE tcc.letter (
    id text PRIMARY KEY, key uuid NOT NULL, hint int8 NOT NULL DEFAULT -1, digest int8 NOT NULL, segment int8 NOT NULL,
    line int8 NOT NULL, fate text NOT NULL, reason text NOT NULL, body bytea
);
CREATE INDEX letter_by_bytes ON tcc.letter (key, digest);
CREATE INDEX letter_by_segment ON tcc.letter (segment);
CREATE TABLE tcc.request (letter text PRIMARY KEY, action text NOT NULL, body bytea NOT NULL);

-- the queue of objects in buckets
CREATE TABLE tcc.object (
    uri text NOT NULL, etag text NOT NULL, size int8 NOT NULL, number int8 GENERATED ALWAYS AS IDENTITY, holder int8,
    attempt int8 NOT NULL DEFAULT 0, finished bool NOT NULL DEFAULT false, PRIMARY KEY (uri, etag)
) WITH (fillfactor = 70);
CREATE INDEX object_unfinished ON tcc.object (number) WHERE NOT finished;
"""


def create(connection: Connection, target: str) -> bool:
    """Create the tables of a ledger for this target; return False if they are there.

    Raises :class:`Unavailable`; :class:`Unusable` if the ledger is another target's; :class:`TooNew`.
    """

    def make(opened: psycopg.Connection) -> bool:
        if opened.info.server_version < _LEAST_SERVER:
            raise Unusable("its server is too old", "PostgreSQL 14 or newer is needed")
        with opened.transaction():
            opened.execute("SELECT pg_advisory_xact_lock(7465)")  # two at once
            if opened.execute("SELECT to_regclass('tcc.meta') IS NOT NULL").fetchone() == (True,):
                return False
            opened.execute(_TABLES)
            opened.execute("INSERT INTO tcc.meta (version, target) VALUES (%s, %s)", (VERSION, target))
        return True

    created = connection.run(make)
    check(connection, target)
    return created


def check(connection: Connection, target: str) -> None:
    """Raise :class:`Unusable` or :class:`TooNew` unless the database holds a ledger of this version and target."""
    version, there, isolation = connection.run(_read_meta)
    if version > VERSION:
        raise TooNew(f"the ledger has version {version}: upgrade tcc-upload")
    if there != target:
        advice = f"name its server (TCC_BASE_URL, TCC_URL or a key), or TCC_TARGET={there}, or another database"
        raise Unusable(f"it is the ledger of the target {there}, and the settings are for {target}", advice)
    if isolation != _ISOLATION:  # each statement must see what was committed before it began
        advice = f"ALTER ROLE … SET default_transaction_isolation = '{_ISOLATION}'"
        raise Unusable(f"this user's transactions are {isolation} by default", advice)


def _read_meta(opened: psycopg.Connection) -> tuple[int, str, str]:
    row = opened.execute(_META).fetchone()
    if row is None:
        raise Unusable("its table tcc.meta is empty", f"take the schema tcc away, then {INIT}")
    return row[0], row[1], row[2]
