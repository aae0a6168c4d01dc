"""``status.json``: what a running uploader reports of itself, for ``tcc-upload status``."""

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ValidationError

from tcc_schemas.records import Whole
from tcc_uploader import files
from tcc_uploader.boundary import Caught, caught
from tcc_uploader.delivery.events import Ended, Event, Turn
from tcc_uploader.delivery.result import DestinationReport
from tcc_uploader.settings import STATUS_FILE
from tcc_uploader.sinks import shown

if TYPE_CHECKING:  # who reads the file needs no engine
    from tcc_uploader.delivery.engine import Engine

_EVERY: Final = 5.0
"""Seconds at least between two writes: at one record a second, each write costs a tenth of all the work."""

_log = logging.getLogger(__name__)


class Activity(BaseModel, defer_build=True):
    """What an uploader tells of its work.  Times are wall-clock seconds since 1970."""

    watcher: str = "none"
    destinations: list[DestinationReport] = []
    last_success: float | None = None
    trouble: str = ""
    unexpected: list[Caught] = []
    """Input that was set aside because nobody foresaw what it did."""


class ProcessReport(Activity):
    """The content of ``status.json``."""

    pid: Whole
    updated: float


class StatusFile:
    """Writes ``status.json`` while the engine works, at most every five seconds."""

    def __init__(self, state: Path) -> None:
        self._path = state / STATUS_FILE
        self._last = float("-inf")
        self._awaits_first_success = True
        self._written: ProcessReport | None = None
        self._states: list[tuple[bool, bool]] = []
        """Of each destination at the last look: whether it was up, and had taken or refused everything for good."""
        before, _ = read_report(state)
        self._earlier_success = before.last_success if before else None

    def __call__(self, event: Event) -> None:
        """Listen to an engine."""
        match event:
            case Turn(engine):
                self._update(engine)
            case Ended(engine):
                self.write(engine)

    def _update(self, engine: "Engine") -> None:
        """Write the file if it is time: every few seconds, at the first success, and when a destination changes."""
        first_success = self._awaits_first_success and bool(engine.settlement.total.delivered)
        states = [(queue.health.pause is None, not queue.undecided) for queue in engine.backlog.queues.values()]
        changed = states != self._states
        if first_success or changed or engine.clock.monotonic() - self._last >= _EVERY:
            self._awaits_first_success = not engine.settlement.total.delivered
            self._states = states
            self.write(engine)

    def write(self, engine: "Engine") -> None:
        """Write the file if anything but the time has changed.  A failure is logged: it must not stop the work."""
        self._last = engine.clock.monotonic()
        queues = engine.backlog.queues.values()
        successes = [queue.health.last_success for queue in queues if queue.health.last_success is not None]
        report = ProcessReport(
            pid=os.getpid(),
            updated=engine.clock.wall(),
            watcher=engine.watcher.mode if engine.watcher else "none: a one-shot run",
            destinations=[_shown(engine.backlog.report(queue)) for queue in queues],
            last_success=max(successes, default=self._earlier_success),
            trouble=shown(engine.committer.trouble),
            unexpected=[replace(each, place=shown(each.place)) for each in caught.all()],
        )
        if self._written and report.model_copy(update={"updated": self._written.updated}) == self._written:
            return
        try:
            files.write_whole(self._path, report.model_dump_json(indent=1).encode(), synced=False)
        except OSError as error:
            _log.warning("can't write %(file)s: %(why)s", {"action": "unwritable", "file": self._path, "why": error})
        else:
            self._written = report


def read_report(state: Path) -> tuple[ProcessReport | None, str]:
    """Return the report of the last uploader on this state, None if there is none; and why it can't be read."""
    try:
        return ProcessReport.model_validate_json((state / STATUS_FILE).read_bytes()), ""
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, error.strerror or str(error)
    except ValidationError:
        return None, "it is cut short, or of another version"


def _shown(report: DestinationReport) -> DestinationReport:
    texts = {name: shown(getattr(report, name)) for name in ("url", "reason", "remedy", "refusal")}
    undecided = [(shown(segment), line) for segment, line in report.undecided]
    return report.model_copy(update=texts | {"undecided": undecided})
