"""One connection to PostgreSQL, which is made again when it is lost.

It works through PgBouncer in transaction mode: no prepared statements, and no settings of a session.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self, TypeVar

import psycopg
from psycopg.abc import Params, Query
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tcc_uploader.clock import Clock
from tcc_uploader.model.ledger import Unavailable, Unusable

Result = TypeVar("Result")
Work = Callable[[psycopg.Connection], Result]
Statement = tuple[str, Sequence[object] | Mapping[str, object]]
"""A text, and the values in it."""

INIT: Final = "once, as the owner of the database: tcc-upload ledger init"
_PATIENCE: Final = 5.0
"""Seconds for which a lost connection is made again before the ledger counts as unavailable."""
_PATIENCE_FOR_ROOM: Final = 60.0
"""Seconds for which a new process waits for a server that is starting, or has no connection left."""
_LOCK_PATIENCE = 20.0
"""Seconds for which a statement waits for another session's lock: less than a lease."""
_STATEMENT_PATIENCE: Final = 600.0
"""Seconds that a statement may take: counting or pruning the keys of years takes minutes."""
_COMES_SOON: Final = ("too many", "remaining connection slots", "no more connections", "is starting up", "in recovery")
"""What a server says when it will have a connection later.  In other languages the command ends at once, with 75."""
_DEFAULTS: Final[dict[str, str | int]] = {
    "application_name": "tcc-upload",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds; a peer that is gone without a word is noticed
}


class _BoundedCursor(psycopg.ClientCursor[Any]):
    """Sends each statement with its time limits in front, as one message: no setting outlasts the transaction."""

    def execute(self, query: Query, params: Params | None = None, **options: Any) -> Self:
        milliseconds = int(_LOCK_PATIENCE * 1000), int(_STATEMENT_PATIENCE * 1000)
        bounds = "SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = {}; ".format(*milliseconds)
        super().execute(bounds + self.mogrify(query, params), **options)
        self.nextset()
        self.nextset()
        return self


class Connection:
    """A connection; ``greet`` is done with each new one before anything else."""

    def __init__(self, url: str, greet: Work[object] = lambda _: None, clock: Clock | None = None) -> None:
        self._url = url
        self._clock = clock or Clock()
        self._greet = greet
        self._open: psycopg.Connection | None = None
        self._patience = _PATIENCE_FOR_ROOM

    def run(self, work: Work[Result]) -> Result:
        """Do some work; again, on a new connection, if this is lost on the way: so doing it twice must be harmless.

        Raises :class:`Unavailable`; :class:`Unusable` if the tables are not there; RuntimeError if a statement is
        wrong, which is a bug: to wait would mend nothing.
        """
        until = self._clock.monotonic() + self._patience
        while True:
            try:
                return work(self._connected())
            except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
                raise Unusable("the database has no ledger yet", INIT) from error
            except psycopg.Error as error:
                if self._open is not None and _is_bug(error):  # before that, it is the URL that is wrong
                    # all that it says may quote values, and letters hold prompts
                    raise RuntimeError(f"the ledger's database refused a statement: {type(error).__name__}") from None
                if self._clock.monotonic() >= until or not self._may_work_again(error):
                    raise Unavailable(told(error)) from error
            self._clock.sleep(0.05 + self._clock.chance() / 2)  # not all workers at once

    def close(self) -> None:
        """Close the connection, if it is open."""
        if self._open is not None:
            self._open.close()

    def _connected(self) -> psycopg.Connection:
        if self._open is None or self._open.closed:
            given = conninfo_to_dict(self._url)
            more = {name: value for name, value in _DEFAULTS.items() if name not in given}
            opened = psycopg.connect(
                make_conninfo(self._url, **more), autocommit=True, prepare_threshold=None, cursor_factory=_BoundedCursor
            )
            with contextlib.ExitStack() as until_here:
                until_here.callback(opened.close)
                self._greet(opened)
                until_here.pop_all()
            self._open, self._patience = opened, _PATIENCE
        return self._open

    def _may_work_again(self, error: psycopg.Error) -> bool:
        if isinstance(error, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure):
            return True
        if self._open is None:  # there was none yet
            return any(text in str(error) for text in _COMES_SOON)
        return self._open.closed


def run_together(opened: psycopg.Connection, *statements: Statement) -> list[list[tuple[Any, ...]]]:
    """Run statements as one transaction; return the rows of each.  Each sees what was committed before it began.

    They are sent as one message, so that the server never waits for us, with locks held, until the next one comes: this
    process may be stopped at any moment.
    """
    cursor = _BoundedCursor(opened)
    cursor.execute(";".join(cursor.mogrify(text, values) for text, values in statements))
    found = []
    for _ in statements:
        found.append(cursor.fetchall() if cursor.description else [])
        cursor.nextset()
    return found


def _is_bug(error: psycopg.Error) -> bool:
    """Whether a statement or its values are wrong; that a role lacks a right is none of our faults."""
    wrong = isinstance(error, psycopg.ProgrammingError | psycopg.DataError)
    return wrong and not isinstance(error, psycopg.errors.InsufficientPrivilege)


def told(error: psycopg.Error) -> str:
    """Return what an error says, on one line, without its details: these quote rows, and letters hold prompts."""
    return " ".join((error.diag.message_primary or str(error)).split()) or type(error).__name__
