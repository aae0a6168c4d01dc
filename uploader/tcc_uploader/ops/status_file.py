"""``status.json``: what a running uploader says of itself."""

import logging
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ValidationError

from tcc_uploader import files
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.delivery.queue import DestinationReport

_log = logging.getLogger(__name__)


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


class StatusFile:
    """Writes ``status.json`` as the engine goes on, at most every five seconds."""

    def __init__(self, state: Path, pid: int) -> None:
        self._path = state / FILE_NAME
        self._pid = pid
        self._last = float("-inf")
        self._first_success = True
        self._written: ProcessReport | None = None
        told = read_report(state)
        self._earlier = told.last_success if told else None

    def tell(self, engine: Engine) -> None:
        """Write the file if it is time: every few seconds, and at the first success."""
        if engine.clock.monotonic() - self._last >= _EVERY or (
            self._first_success and engine.settlement.total.delivered
        ):
            self._first_success = not engine.settlement.total.delivered
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
    queues = engine.backlog.queues.values()
    successes = [queue.health.last_success for queue in queues if queue.health.last_success is not None]
    return ProcessReport(
        pid=pid,
        updated=engine.clock.wall(),
        watcher=engine.watcher.mode if engine.watcher else "none: a one-shot run",
        destinations=[engine.backlog.report(queue) for queue in queues],
        last_success=max(successes, default=earlier),
        trouble=engine.trouble,
    )


def read_report(state: Path) -> ProcessReport | None:
    """Return what the last uploader on this state wrote; None if it wrote nothing that can be read."""
    try:
        return ProcessReport.model_validate_json((state / FILE_NAME).read_bytes())
    except (OSError, ValidationError):
        return None
