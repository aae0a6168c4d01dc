"""What a shared ledger knows about those who share it, and about its database."""

from contextlib import closing
from dataclasses import dataclass
from typing import Final

import psycopg

from .connection import Connection
from .objects import SET_ASIDE
from .schema import check, create
from .texts import loaded, stored

_WORKERS: Final = (
    "SELECT w.name, extract(epoch FROM w.until - statement_timestamp())::float8, w.committed, "
    "(SELECT count(*) FROM tcc.claim AS c WHERE c.holder = w.fence) "
    "FROM tcc.worker AS w WHERE w.until > statement_timestamp() ORDER BY w.fence"
)
_TOTALS: Final = (
    "SELECT current_setting('server_version'), pg_is_in_recovery() OR current_setting('transaction_read_only')::bool, "
    "(SELECT greatest(reltuples, 0)::int8 FROM pg_class WHERE oid = 'tcc.delivered'::regclass), "
    "(SELECT count(*) FROM tcc.request), (SELECT count(*) FROM tcc.object WHERE NOT finished), "
    # what keeps VACUUM from taking dead claims away; of others' sessions a plain role sees no time
    "(SELECT coalesce(max(extract(epoch FROM statement_timestamp() - xact_start)), 0)::float8 FROM pg_stat_activity "
    "WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid())"
)
_RETRY: Final = "UPDATE tcc.object SET attempt = 0, holder = NULL WHERE uri = %s AND NOT finished"


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """A worker that is alive."""

    name: str
    """Its host and process id."""
    seconds: float
    """How long it is alive without another word."""
    commits: int
    claims: int


@dataclass(frozen=True, slots=True)
class FleetReport:
    """A shared ledger, as ``ledger status`` shows it."""

    version: str
    """PostgreSQL's."""
    read_only: bool
    keys: int
    """About how many: the database counts them when it analyses the table."""
    requests: int
    objects: int
    """Objects of buckets that are not finished."""
    longest_transaction: float
    """Seconds for which another session has kept old rows from being taken away."""
    workers: list[WorkerReport]
    set_aside: dict[str, int]
    """By URI: the objects that no worker takes any more, and how many had vanished with each."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """A shared ledger, for those who look after it.  Each method raises :class:`LedgerError`."""

    url: str
    target: str

    def set_up(self) -> bool:
        """Create the tables; return False if they are there."""
        with closing(Connection(self.url)) as connection:
            return create(connection, self.target)

    def look(self) -> FleetReport:
        """Return a report."""
        with closing(Connection(self.url)) as connection:
            check(connection, self.target)
            return connection.run(_report)

    def retry(self, uri: str) -> bool:
        """Let workers take an object again; return False if there is none."""
        with closing(Connection(self.url)) as connection:
            check(connection, self.target)
            return connection.run(lambda opened: opened.execute(_RETRY, (stored(uri),)).rowcount) > 0


def _report(opened: psycopg.Connection) -> FleetReport:
    (totals,) = opened.execute(_TOTALS).fetchall()
    workers = [WorkerReport(*row) for row in opened.execute(_WORKERS).fetchall()]
    set_aside = {loaded(uri): attempts for uri, attempts in opened.execute(SET_ASIDE).fetchall()}
    version, read_only, keys, requests, objects, longest = totals
    return FleetReport(version, read_only, keys, requests, objects, longest, workers, set_aside)
