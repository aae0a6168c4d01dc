"""Opens the ledger that the settings name: a file in the state directory, or a shared one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tcc_uploader.model.ledger import Ledger, Unusable
from tcc_uploader.settings import Settings

from .quarantine import FILE_NAME
from .sqlite import SqliteLedger

if TYPE_CHECKING:
    from .postgres.store import PostgresLedger


def open_ledger(settings: Settings) -> Ledger:
    """Open the ledger to deliver with it.  Raises :class:`LedgerError`; OSError if a damaged one can't be renamed."""
    if settings.ledger is None:
        return SqliteLedger.open(settings.state_dir)
    return postgres_ledger().open(settings.ledger, settings.state_dir.name)


@contextmanager
def reading_ledger(settings: Settings) -> Iterator[Ledger]:
    """Yield the ledger, open for reading, while others may write it.  Raises :class:`LedgerError`."""
    if settings.ledger is None:
        with SqliteLedger.reading(settings.state_dir) as file:
            yield file
    else:
        with postgres_ledger().reading(settings.ledger, settings.state_dir.name) as shared:
            yield shared


def has_ledger(settings: Settings) -> bool:
    """Whether there is a ledger: one in the state directory is created when something is delivered."""
    return settings.ledger is not None or (settings.state_dir / FILE_NAME).exists()


def postgres_ledger() -> "type[PostgresLedger]":
    """Return the class of shared ledgers.  Raises :class:`Unusable` if the extra for it is not installed."""
    try:
        from .postgres.store import PostgresLedger  # noqa: PLC0415 -- psycopg is imported only for a shared ledger
    except ImportError as error:
        raise Unusable("a shared ledger needs an extra: pip install 'tcc-offline[postgres]'") from error
    return PostgresLedger
