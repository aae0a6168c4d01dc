"""Metrics for Prometheus, over HTTP or in a file.  This module alone needs ``prometheus_client``.

Counts are added up as the engine tells of them; how things stand is noted in the engine's thread, from values that it
has, once a second.  So a scrape reads numbers that are there, and waits for nobody.  No label has text that comes from
a record or a server: ``tcc-upload status`` names what these numbers count.
"""

import logging
import os
import platform
import socket
import socketserver
import sys
import threading
import time
from collections import Counter as Counts
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    MetricsHandler,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from tcc_schemas.room import DEFAULT_MAX_BYTES
from tcc_schemas.version import __version__
from tcc_uploader.boundary import caught
from tcc_uploader.delivery.events import Answered, Began, Committed, Ended, Event, Paused, Refused, SetAside, Turn
from tcc_uploader.delivery.health import Pause
from tcc_uploader.delivery.oldest import oldest_pending
from tcc_uploader.files import new_file
from tcc_uploader.model.ledger import LedgerError

if TYPE_CHECKING:
    from tcc_uploader.delivery.engine import Engine

_EVERY: Final = 1.0
"""Seconds between two looks at how things stand."""
_SELDOM: Final = 5.0
"""Seconds between two looks at what costs a read of a file, and between two writes of the file of metrics."""
_PATIENCE: Final = 5.0
"""Seconds without a byte after which a scrape ends."""
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0)
_FATES: Final = ("delivered", "duplicate", "dead", "dropped")
_WATCHERS: Final = ("native", "polling", "waiting", "scanning")
_STATES: Final = ("up", "paused", "operator")

_log = logging.getLogger(__name__)
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """Listens, and counts.  Each metric begins with ``tcc_upload_`` and has a label ``target``."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def made(kind: type[Any], name: str, text: str, *labels: str, **more: Any) -> Any:
            return kind(f"tcc_upload_{name}", text, ["target", *labels], registry=registry, **more)

        self._records = made(Counter, "records", "Records that were settled, by fate.", "fate")
        self._answers = made(Counter, "answers", "Requests that ended, by HTTP status; none: no answer.", "status")
        self._bytes = made(Counter, "sent_bytes", "Bytes of the bodies of requests that ended.")
        self._seconds = made(Histogram, "request_duration_seconds", "How long requests took.", buckets=_BUCKETS)
        self._pauses = made(Counter, "pauses", "Times that a destination was paused.")
        self._refused = made(Counter, "refused_records", "Records that recorders refused: the spool was full.")
        self._aside = made(Counter, "set_aside", "Input that can't be read, and was set aside.", "reason")
        self._pending = made(Gauge, "pending_records", "Records that were read, and are not settled.")
        self._age = made(Gauge, "oldest_pending_age_seconds", "Age of the oldest of them; 0 if there is none.")
        self._unread = made(Gauge, "unread_files", "Files that are still to be read.")
        self._unreadable = made(Gauge, "unreadable_files", "Files and spools that can't be read.")
        self._destinations = made(Gauge, "destinations", "Destinations; operator: paused until one helps.", "state")
        self._spool = made(Gauge, "spool_bytes", "What the files of a spool hold, at the last scan.", "spool")
        self._limit = made(Gauge, "spool_limit_bytes", "What they may hold, as recorders tell.", "spool")
        self._keys = made(Gauge, "ledger_keys", "Keys of records that the ledger knows as delivered.")
        self._ledger = made(Gauge, "ledger_bytes", "Size of the ledger, a shared one's too.")
        self._unwritable = made(Gauge, "state_unwritable", "1 while the state can't be written.")
        self._watcher = made(Gauge, "watcher", "1 for the way in which spools are watched.", "mode")
        self._build = made(Gauge, "build_info", "1, with the version.", "version", "python")
        self._gauges = [value for value in vars(self).values() if isinstance(value, Gauge)]
        self._target = ""
        self._by_status: dict[int | None, Any] = {}
        self._oldest: float | None = None
        self._caught = 0
        self._look_at = self._look_closely_at = -inf
        self._textfile: Path | None = None

    def serve(self, host: str, port: int) -> int:
        """Answer scrapes at this address, in a thread of its own; return the port.  Raises OSError."""
        handler = type("Handler", (MetricsHandler,), {"registry": self._registry, "timeout": _PATIENCE})
        server = _server(host)((host, port), handler)
        threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
        return int(server.server_address[1])

    def write_to(self, file: Path) -> None:
        """Write all metrics to a file every few seconds, for the textfile collector of node_exporter."""
        self._textfile = file

    def __call__(self, event: Event) -> None:
        """Listen to an engine."""
        match event:
            case Answered():
                self._answered(event)
            case Began(engine):
                self._begin(engine)
            case Turn(engine):
                self._turn(engine)
            case Committed(counts, keys):
                for fate in _FATES:
                    self._records.labels(self._target, fate).inc(getattr(counts, fate))
                self._keys.labels(self._target).inc(keys)
            case Paused():
                self._pauses.labels(self._target).inc(event.is_new)
            case Refused(_, records):
                self._refused.labels(self._target).inc(records)
            case SetAside(_, places):
                self._aside.labels(self._target, "damaged").inc(places)
            case Ended(engine):
                self._look(engine)
                self._write()

    def _answered(self, event: Answered) -> None:
        _, status, seconds, size, _, _ = event
        answers = self._by_status.get(status)
        if answers is None:  # to find a metric by its labels costs more than to count
            answers = self._answers.labels(self._target, "none" if status is None else status)
            self._by_status[status] = answers
        answers.inc()
        self._bytes_sent.inc(size)
        if seconds is not None:
            self._duration.observe(seconds)

    def _begin(self, engine: "Engine") -> None:
        """Count for this engine from now on, whose target may be another one."""
        self._target = target = engine.settings.state_dir.name
        self._look_at = self._look_closely_at = -inf
        for gauge in self._gauges:
            gauge.clear()
        self._build.labels(target, __version__, platform.python_version()).set(1)
        for fate in _FATES:
            self._records.labels(target, fate)
        for reason in ("damaged", "unexpected"):
            self._aside.labels(target, reason)
        for metric in (self._pauses, self._refused):
            metric.labels(target)
        self._by_status = {}
        self._bytes_sent, self._duration = self._bytes.labels(target), self._seconds.labels(target)
        self._age.labels(target).set_function(self._oldest_age)
        with suppress(LedgerError):  # whoever needs it says so
            self._keys.labels(target).set(engine.settlement.ledger.keys())

    def _oldest_age(self) -> float:
        return 0.0 if self._oldest is None else max(0.0, time.time() - self._oldest)

    def _turn(self, engine: "Engine") -> None:
        now = engine.clock.monotonic()
        if now >= self._look_at:
            self._look_at = now + _EVERY
            self._look(engine)
        if now >= self._look_closely_at:
            self._look_closely_at = now + _SELDOM
            self._look_closely(engine)
            self._write()

    def _look(self, engine: "Engine") -> None:
        """Note how things stand."""
        target, backlog, intake = self._target, engine.backlog, engine.intake
        held_back = sum(map(len, backlog.waiting_for_run.values()))
        pending = backlog.waiting + len(engine.in_flight) + held_back
        self._pending.labels(target).set(pending)
        self._oldest = self._oldest if pending else None
        self._unread.labels(target).set(len(intake.to_read))
        self._unreadable.labels(target).set(len(intake.unreadable))
        pauses = [queue.health.pause for queue in backlog.queues.values()]
        states = Counts(_state(pause) for pause in pauses)
        for state in _STATES:
            self._destinations.labels(target, state).set(states[state])
        self._unwritable.labels(target).set(bool(engine.committer.trouble))
        mode = engine.watcher.mode if engine.watcher else ""
        for each in _WATCHERS:
            self._watcher.labels(target, each).set(each == mode)
        unexpected, self._caught = caught.times - self._caught, caught.times
        self._aside.labels(target, "unexpected").inc(unexpected)

    def _look_closely(self, engine: "Engine") -> None:
        """Note what takes a read."""
        self._oldest = oldest_pending(engine.backlog)
        with suppress(LedgerError):
            self._ledger.labels(self._target).set(engine.settlement.ledger.size())
        kept = engine.intake.kept
        for spool in map(str, engine.settings.spools):
            self._spool.labels(self._target, spool).set(kept.bytes_in[spool])
            self._limit.labels(self._target, spool).set(kept.limits.get(spool, DEFAULT_MAX_BYTES))

    def _write(self) -> None:
        """Write the file, readable for everybody; a failure is logged: it must not stop the work."""
        if self._textfile is None:
            return
        try:
            with new_file(self._textfile, replace=True, synced=False) as file:
                if sys.platform != "win32":
                    os.fchmod(file.fileno(), 0o644)
                file.write(generate_latest(self._registry))
        except OSError as error:
            fields = {"action": "unwritable", "file": self._textfile, "why": error}
            _log.warning("can't write the metrics to %(file)s: %(why)s", fields)


def _state(pause: Pause | None) -> str:
    if pause is None:
        return "up"
    return "operator" if pause.needs_operator else "paused"


class _Server(socketserver.TCPServer):
    """Answers scrapes, one after the other, so that nobody can open many.  One that fails is its scraper's matter."""

    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 -- socketserver's own shape
        _log.debug("a scrape failed: %(why)s", {"action": "scrape_failed", "why": sys.exc_info()[1]})


class _Server6(_Server):
    address_family = socket.AF_INET6


def _server(host: str) -> type[_Server]:
    return _Server6 if ":" in host else _Server
