"""The life of an uploader as log lines: what it begins with, what it does, pauses and recoveries, and its end.

Lines have no content of records, no word of a server's (it may quote a record), and no key: only its hint.
"""

import logging
from dataclasses import asdict
from math import inf
from typing import TYPE_CHECKING, Final

from tcc_schemas.endpoints import key_hint
from tcc_schemas.version import __version__
from tcc_uploader.clock import about
from tcc_uploader.delivery.events import (
    Answered,
    Committed,
    Ended,
    Event,
    Paused,
    Recovered,
    Refused,
    Reloading,
    Stopping,
    Turn,
)
from tcc_uploader.delivery.routing import Destination
from tcc_uploader.model.fate import Counts
from tcc_uploader.sinks import iso_time

if TYPE_CHECKING:
    from tcc_uploader.delivery.engine import Engine

_EVERY: Final = 60.0
"""Seconds between two lines about what was done meanwhile."""
_HOUR: Final = 3600
_SUCCESS: Final = 2
"""The hundreds of the status of a success."""

_log = logging.getLogger(__name__)


class LifeLog:
    """Listens, and logs.  For a one-shot run (not ``is_daemon``) no beginning, hours and end: its result tells."""

    def __init__(self, *, is_daemon: bool) -> None:
        self._is_daemon = is_daemon
        self._engine: Engine | None = None
        self._before = Counts()
        """What the engines before this one settled."""
        self._told = Counts(), 0
        """What was settled, and waited, at the last line."""
        self._paused: dict[Destination, float] = {}
        """Since when each is, in seconds since 1970; also over a reload."""
        self._look_at = inf
        self._hour = 0
        self._reload = ""
        """Why the engine ends, if it is to begin anew."""

    def __call__(self, event: Event) -> None:
        """Listen to an engine, and to what steers it."""
        match event:
            case Answered() | Committed():
                self._detail(event)
            case Turn(engine):
                self._turn(engine)
            case Paused(destination, why, remedy, since, _):
                do = remedy or "nothing to do: the uploader tries again"
                text = f"{destination.url} is paused, its records wait: {why}; {do}"
                fields = {"url": destination.url, "key": destination.hint, "why": why, "do": do}
                self._paused.setdefault(destination, since)
                _tell(logging.WARNING, "paused", text, **fields, since=iso_time(since))
            case Recovered(destination):
                self._answers_again(destination)
            case Refused(file, records):
                text = f"{file}: its recorder refused {records:,} records, because the spool or the disk was full"
                _tell(logging.WARNING, "refused", text, file=file, records=records)
            case Reloading(why):
                self._reload = why  # it may be told in a signal handler
            case Stopping():
                self._reload = ""
            case Ended(engine):
                self._ended(engine)

    def _detail(self, event: Answered | Committed) -> None:
        if self._paused and isinstance(event, Answered) and (event.status or 0) // 100 == _SUCCESS:
            self._answers_again(event.destination)
        if _log.isEnabledFor(logging.DEBUG):
            _tell_detail(event)

    def _answers_again(self, destination: Destination) -> None:
        """Log that a pause has ended: its engine tells it, or, if a reload has begun a new one, the first success."""
        since = self._paused.pop(destination, None)
        if since is None or self._engine is None:
            return
        seconds = round(max(0.0, self._engine.clock.wall() - since))
        text = f"{destination.url} takes records again, after {about(seconds)}"
        _tell(logging.INFO, "recovered", text, url=destination.url, key=destination.hint, seconds=seconds)

    def _turn(self, engine: "Engine") -> None:
        if engine is not self._engine:
            self._begun(engine)
        if engine.clock.monotonic() < self._look_at:
            return
        self._look_at = engine.clock.monotonic() + _EVERY
        (settled, waiting), now = self._told, (self._total(engine), engine.backlog.waiting)
        if (settled, waiting) != now:
            self._told = now
            self._tell_counts(engine, "delivering", now[0] - settled)
        hour = int(engine.clock.wall()) // _HOUR
        if self._is_daemon and hour != self._hour:
            self._hour = hour
            self._tell_counts(engine, "totals", now[0])

    def _begun(self, engine: "Engine") -> None:
        action = "started" if self._engine is None else "reloaded"
        self._engine, self._look_at = engine, engine.clock.monotonic() + _EVERY
        self._hour = int(engine.clock.wall()) // _HOUR
        if not self._is_daemon:
            return
        state, intake = engine.settings.state_dir, engine.intake
        spools, keys = [*map(str, engine.settings.sources)], [key_hint(key) or "" for key in engine.settings.api_keys]
        pending, files, size = intake.counts.pending, len(intake.unread), intake.bytes_seen - intake.bytes_read
        text = (
            f"tcc-upload {__version__} watches {', '.join(spools)}; state {state}, target {state.name}, "
            f"keys {', '.join(keys) or 'none'}; backlog: {pending:,} records pending, "
            f"{files:,} files ({size:,} bytes) not read yet"
        )
        fields = {"version": __version__, "spools": spools, "state": str(state), "target": state.name, "keys": keys}
        _tell(logging.INFO, action, text, **fields, pending=pending, unread_files=files, unread_bytes=size)

    def _ended(self, engine: "Engine") -> None:
        total = self._before = self._total(engine)
        if not self._is_daemon:
            return
        if self._reload:
            text = f"{self._reload}: keys and settings are read again"
            _tell(logging.INFO, "reloading", text, why=self._reload)
            self._reload = ""
        else:
            self._tell_counts(engine, "stopped", total)

    def _total(self, engine: "Engine") -> Counts:
        return self._before + engine.settlement.total

    def _tell_counts(self, engine: "Engine", action: str, counts: Counts) -> None:
        queues = engine.backlog.queues.values()
        waiting, paused = engine.backlog.waiting, sum(queue.health.pause is not None for queue in queues)
        text = "" if action == "delivering" else "since the start "
        text += f"{_settled(counts)}; {waiting:,} waiting"
        if paused:
            text += f", {paused} of {len(queues)} destinations paused: see `tcc-upload status`"
        _tell(logging.INFO, action, text, **_fates(counts), waiting=waiting, paused=paused)


def _tell_detail(event: Answered | Committed) -> None:
    if isinstance(event, Committed):
        text = f"the ledger has what was settled: {_settled(event.counts)}"
        _tell(logging.DEBUG, "committed", text, **_fates(event.counts))
        return
    (url, hint), status, seconds, size, file, line = event
    text = f"{status or 'no answer'} for line {line} of {file}, {size:,} bytes"
    text += "" if seconds is None else f", after {seconds:.3f} s"
    fields = {"url": url, "key": hint, "status": status, "seconds": seconds, "size": size, "file": file, "line": line}
    _tell(logging.DEBUG, "answered", text, **fields)


def _tell(level: int, action: str, text: str, **fields: object) -> None:
    """Log a text that needs no more formatting, with its fields."""
    _log.log(level, text.replace("%", "%%"), {"action": action, **fields}, stacklevel=2)


def _fates(counts: Counts) -> dict[str, int]:
    return {name: number for name, number in asdict(counts).items() if name not in ("records", "recovered")}


def _settled(counts: Counts) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in _fates(counts).items() if number) or "nothing settled"
