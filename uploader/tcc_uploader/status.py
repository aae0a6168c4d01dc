"""What ``tcc-upload status`` tells: the ledger's counts, the spools' files, and what the uploader last said itself."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ValidationError

from tcc_uploader.delivery.engine import Engine
from tcc_uploader.delivery.queue import DestinationReport, report_lane
from tcc_uploader.ledger.sqlite import Ledger
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool.scan import list_files

from . import files
from .state import holder
from .survey import survey

FILE_NAME: Final = "status.json"
_EVERY: Final = 5.0
"""Seconds between two writings of the file, at least: at one record a second, each costs a tenth of all the work."""
_log = logging.getLogger(__name__)


class ProcessReport(BaseModel):
    """What a running uploader says of itself, in ``status.json``."""

    pid: int
    updated: float
    watcher: str
    destinations: list[DestinationReport]
    last_success: float | None
    trouble: str


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


class StatusFile:
    """Writes ``status.json`` as the engine goes on, at most every five seconds."""

    def __init__(self, state: Path, pid: int) -> None:
        self._path = state / FILE_NAME
        self._pid = pid
        self._last = float("-inf")
        self._first_success = True
        self._written: ProcessReport | None = None
        told = _told(state)
        self._earlier = told.last_success if told else None

    def tell(self, engine: Engine) -> None:
        """Write the file if it is time: every few seconds, and at the first success."""
        if engine.clock.monotonic() - self._last >= _EVERY or (self._first_success and engine.fates.total.delivered):
            self._first_success = not engine.fates.total.delivered
            self.write(engine)

    def write(self, engine: Engine) -> None:
        """Write the file, if there is news.  A failure is logged: the report must not stop the work."""
        self._last = engine.clock.monotonic()
        report = report_of(engine, self._pid, self._earlier)
        if self._written and report.model_copy(update={"updated": self._written.updated}) == self._written:
            return
        try:
            files.write_whole(self._path, report.model_dump_json(indent=1).encode(), synced=False)
        except OSError as error:
            _log.warning("can't write %s: %s", self._path, error)
        else:
            self._written = report


def report_of(engine: Engine, pid: int, earlier: float | None) -> ProcessReport:
    """Return what an engine says of itself; ``earlier`` is the last success of an earlier process."""
    wall, monotonic = engine.clock.wall(), engine.clock.monotonic()
    lanes = engine.backlog.lanes.values()
    successes = [lane.state.last_success for lane in lanes if lane.state.last_success is not None]
    return ProcessReport(
        pid=pid,
        updated=wall,
        watcher=engine.watcher.mode if engine.watcher else "none: a one-shot run",
        destinations=[report_lane(lane, wall - monotonic) for lane in lanes],
        last_success=max(successes, default=earlier),
        trouble=engine.trouble,
    )


def status_report(spools: tuple[Path, ...], state: Path, ledger: Ledger) -> StatusReport:
    """Put the report together, with or without a running uploader.  Raises :class:`sqlite3.Error`."""
    told = _told(state)
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


def _told(state: Path) -> ProcessReport | None:
    try:
        return ProcessReport.model_validate_json((state / FILE_NAME).read_bytes())
    except (OSError, ValidationError):
        return None
