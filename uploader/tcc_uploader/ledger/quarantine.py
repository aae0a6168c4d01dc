"""The quarantine: damaged ledgers are renamed and kept."""

import logging
import time
from pathlib import Path
from typing import Final

FILE_NAME: Final = "ledger.sqlite3"
_QUARANTINED: Final = ".corrupt-"
_log = logging.getLogger(__name__)


def quarantine_ledger(state: Path) -> None:
    """Rename a damaged ledger so that a new one can be created; log the consequence.  Raises OSError."""
    stamp = time.strftime("%Y%m%dt%H%M%Sz", time.gmtime())
    for name in (FILE_NAME, f"{FILE_NAME}-journal"):
        file = state / name
        if file.exists():
            file.rename(state / f"{name}{_QUARANTINED}{stamp}")
    _log.error(
        "the ledger in %(state)s is damaged and was renamed to %(name)s: "
        "records that were delivered before may be sent again",
        {"action": "ledger_quarantined", "state": state, "name": f"{FILE_NAME}{_QUARANTINED}{stamp}"},
    )


def quarantined_ledgers(state: Path) -> list[Path]:
    """Return the damaged ledgers in this state directory, oldest first."""
    return sorted(state.glob(f"{FILE_NAME}{_QUARANTINED}*"))
