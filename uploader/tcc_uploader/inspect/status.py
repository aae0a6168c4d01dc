"""What ``tcc-upload status`` tells: the ledger's counts, the spools' files, and what the uploader last said itself."""

from dataclasses import asdict
from pathlib import Path

from pydantic import BaseModel

from tcc_uploader.delivery.queue import DestinationReport
from tcc_uploader.ledger.sqlite import Ledger
from tcc_uploader.ops.status_file import read_report
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool.scan import list_files
from tcc_uploader.state import holder

from .survey import survey


class StatusReport(BaseModel):
    """Everything that ``status --json`` prints."""

    running_pid: int | None
    watcher: str
    spools: dict[str, str]
    state_dir: str
    counts: dict[str, int]
    oldest_pending: str | None
    damage: int
    newer_files: list[str]
    unreadable: dict[str, str]
    not_in_sight: int
    destinations: list[DestinationReport]
    last_success: float | None
    trouble: str


def status_report(spools: tuple[Path, ...], state: Path, ledger: Ledger) -> StatusReport:
    """Put the report together, with or without a running uploader.  Raises :class:`LedgerError`."""
    told = read_report(state)
    words: dict[str, str] = {}
    for spool in spools:
        found, unreadable = list_files([spool])
        if unreadable:
            words[str(spool)] = f"can't be read: {unreadable[spool]}"
        else:
            words[str(spool)] = f"{len(found):,} file{'s'[: len(found) != 1]}" if found else _nothing_in(spool)
    seen = survey(Sources(list(spools)), ledger, trust_ledger=True)
    gone = [row for row in ledger.segments() if row.id not in seen.segment_ids]
    counts = sum((row.counts for row in gone), seen.counts)
    not_in_sight = sum(row.counts.pending for row in gone)
    return StatusReport(
        running_pid=holder(state),
        watcher=told.watcher if told else "none",
        spools=words,
        state_dir=str(state),
        counts=asdict(counts) | {"pending": counts.pending - not_in_sight},
        oldest_pending=seen.oldest_pending,
        damage=seen.damage + sum(row.damaged + bool(row.torn) for row in gone),
        newer_files=[str(path) for path in seen.newer],
        unreadable={str(path): why for path, why in seen.unreadable.items()},
        not_in_sight=not_in_sight,
        destinations=told.destinations if told else [],
        last_success=told.last_success if told else None,
        trouble=told.trouble if told else "",
    )


def _nothing_in(spool: Path) -> str:
    if not spool.exists():
        return "does not exist: the agent's default spool lies in its own user's home; set TCC_SPOOL_DIR for both"
    return "holds nothing: everything was delivered, or the agent records somewhere else"
