"""Ledgers that turned out to be damaged: set aside, and not forgotten."""

import logging
import time
from pathlib import Path
from typing import Final

FILE_NAME: Final = "ledger.sqlite3"
_SET_ASIDE: Final = ".corrupt-"
_log = logging.getLogger(__name__)


def quarantine_ledger(state: Path) -> None:
    """Rename a ledger that can't be used, so that a new one takes its place; log it as the loss that it is."""
    stamp = time.strftime("%Y%m%dt%H%M%Sz", time.gmtime())
    for name in (FILE_NAME, f"{FILE_NAME}-journal"):
        file = state / name
        if file.exists():
            file.rename(state / f"{name}{_SET_ASIDE}{stamp}")
    _log.error(
        "the ledger in %s was damaged and is set aside as %s%s: what was delivered before may be sent again",
        state,
        FILE_NAME,
        f"{_SET_ASIDE}{stamp}",
    )


def quarantined(state: Path) -> list[Path]:
    """Return the damaged ledgers that were set aside here."""
    return sorted(state.glob(f"{FILE_NAME}{_SET_ASIDE}*"))
