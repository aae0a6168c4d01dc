"""Opens the ledger that the settings name: a file in the state directory, or a shared one."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tcc_uploader.files import size_of
from tcc_uploader.model.ledger import Ledger, Unusable
from tcc_uploader.settings import STATUS_FILE, Settings

from .quarantine import FILE_NAME
from .sqlite import SqliteLedger

if TYPE_CHECKING:
    from .postgres.fleet import Fleet
    from .postgres.store import PostgresLedger

_log = logging.getLogger(__name__)


def open_ledger(settings: Settings) -> Ledger:
    """Open the ledger to deliver with it.  Raises :class:`LedgerError`; OSError if a damaged one can't be renamed."""
    if settings.ledger is None:
        file = settings.state_dir / FILE_NAME
        if (settings.state_dir / STATUS_FILE).exists() and not size_of(file):
            _log.warning(
                "there was an uploader here, and its ledger %(file)s is gone or empty: a new one is begun, and what "
                "still lies in spools is sent again",
                {"action": "ledger_new", "file": file},
            )
        return SqliteLedger.open(settings.state_dir)
    return _postgres().open(settings.ledger, settings.state_dir.name)


@contextmanager
def reading_ledger(settings: Settings) -> Iterator[Ledger]:
    """Yield the ledger, open for reading, while others may write it.  Raises :class:`LedgerError`."""
    if settings.ledger is None:
        with SqliteLedger.reading(settings.state_dir) as file:
            yield file
    else:
        with _postgres().reading(settings.ledger, settings.state_dir.name) as shared:
            yield shared


def has_ledger(settings: Settings) -> bool:
    """Whether there is a ledger: one in the state directory is created when something is delivered."""
    return settings.ledger is not None or (settings.state_dir / FILE_NAME).exists()


def fleet_of(settings: Settings) -> "Fleet | None":
    """Return the shared ledger, for those who look after it; None: there is none.  Raises :class:`Unusable`."""
    if settings.ledger is None:
        return None
    with _extra():
        from .postgres.fleet import Fleet  # noqa: PLC0415 -- see _postgres
    return Fleet(settings.ledger, settings.state_dir.name)


def _postgres() -> "type[PostgresLedger]":
    with _extra():
        from .postgres.store import PostgresLedger  # noqa: PLC0415 -- psycopg is imported only for a shared ledger
    return PostgresLedger


@contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise Unusable("it needs an extra", "pip install 'tcc-offline[postgres]'") from error
