"""``tcc-upload daemon``: watch spools, and deliver until a signal comes."""

import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from tcc_uploader.api_keys import key_file
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.delivery.events import Listener, Reloading, Stopping, each_turn, to_all
from tcc_uploader.delivery.host import Host
from tcc_uploader.ledger.quarantine import quarantine_ledger
from tcc_uploader.model.ledger import Damaged, Ledger, LedgerError, Lost, Unavailable
from tcc_uploader.ops.key_file import KeyFile
from tcc_uploader.ops.logs import LifeLog
from tcc_uploader.ops.notify import Notifier
from tcc_uploader.ops.process import collect_garbage_seldom, stay_on_one_processor
from tcc_uploader.ops.status_file import StatusFile
from tcc_uploader.setting_values import address_text
from tcc_uploader.settings import Settings
from tcc_uploader.sources.given import Carrier, Sources
from tcc_uploader.sources.object_queue import SoleWorker
from tcc_uploader.sources.object_source import ObjectSource
from tcc_uploader.sources.objects import StoreError
from tcc_uploader.state import SpoolLocks

from .exit_codes import Exit
from .log_options import LOG_OPTIONS, log_as
from .options import SENDING_OPTIONS, SPOOLS, settings_from, with_options
from .session import ending, letters_of, on_signals, working
from .sources import asking
from .terminal import fail

_log = logging.getLogger(__name__)


@click.command("daemon")
@with_options(SPOOLS, *SENDING_OPTIONS, *LOG_OPTIONS)
@click.option(
    "--after",
    metavar="delete|keep|'keep 24h'",
    help="What to do with delivered segments; kept for a time, they go sooner if room is needed [keep 24h].",
)
@click.option(
    "--metrics",
    metavar="[HOST:]PORT",
    help="Serve metrics for Prometheus there; the host is loopback by default.  Needs the extra `metrics`.",
)
@click.option(
    "--metrics-textfile",
    metavar="FILE.prom",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write them to this file every few seconds, for node_exporter.",
)
def daemon_command(**options: Any) -> None:
    """Watch spools, and deliver records as they end, until SIGTERM or SIGINT.

    SIGHUP reads the key file and the settings file again; a changed key file is noticed without it.  Under systemd it
    tells when it is ready, reloads and ends, and serves the watchdog (NOTIFY_SOCKET, WATCHDOG_USEC).

    Exit codes: 0 it was ended by a signal; 73 another uploader holds the state or a spool; 75 the ledger can't be used;
    77 an operator is needed; 2 usage.

    Example: TCC_API_KEY=… tcc-upload daemon --spool /var/lib/agent/spool
    """
    on_signals(sys.exit)  # nothing is in flight yet
    stay_on_one_processor()
    collect_garbage_seldom()
    keys = KeyFile(key_file(os.environ, options["api_key_file"]))
    settings = settings_from(options)
    log_as(settings)
    hear = to_all(Notifier(os.environ), LifeLog(is_daemon=True), *_metrics(settings))
    control = Control(hear)
    control.on_hangup()  # it would end the process
    with ending(settings, LedgerError, OSError):
        while True:
            try:
                _watch(settings, control, hear, keys)
            except Lost as error:
                fields = {"action": "ledger_lost", "why": error, "ledger": settings.ledger_place}
                _log.error("%(why)s; beginning anew with the one in %(ledger)s, which may cost duplicates", fields)
            except Unavailable as error:
                if control.ends:
                    raise
                fields = {"action": "ledger_unavailable", "why": error}
                _log.error("the ledger could not be read: %(why)s; it can be now: beginning anew", fields)
            except Damaged as error:
                _log.error("the ledger is damaged: %(why)s", {"action": "ledger_damaged", "why": error})
                quarantine_ledger(settings.state_dir)
            else:
                if control.ends or not control.wants_reload:
                    return
                control.wants_reload = False
                keys.note()
                settings = _reloaded(options, settings)
                log_as(settings)


def _metrics(settings: Settings) -> list[Listener]:
    """Return what counts, and shows it where the settings say; nothing if they say nothing."""
    if settings.metrics is None and settings.metrics_textfile is None:
        return []
    try:
        from tcc_uploader.ops.metrics import Metrics  # noqa: PLC0415 -- most daemons have none, and it takes 0.2 s
    except ModuleNotFoundError as error:
        needs = f"metrics need a package that is not installed ({error.name}): pip install 'tcc-offline[metrics]'"
        raise click.UsageError(needs) from error
    metrics = Metrics()
    if settings.metrics_textfile is not None:
        metrics.write_to(settings.metrics_textfile)
    if settings.metrics is not None:
        host, port = settings.metrics
        try:
            port = metrics.serve(host, port)
        except OSError as error:
            place = address_text((host, port))
            advice = "name another place: --metrics HOST:PORT"
            fail(f"can't serve metrics at {place}: {error.strerror or error}; {advice}", Exit.OPERATOR_NEEDED)
        place = address_text((host, port))
        _log.info("metrics are at http://%(address)s/metrics", {"action": "metrics", "address": place})
    return [metrics]


class Control:
    """Whether settings should be read again, and whether a signal came that ends the daemon: this one counts."""

    def __init__(self, hear: Listener) -> None:
        self.wants_reload = False
        self.ends = False
        self._hear = hear
        self._stop: Callable[[], object] = lambda: None

    def steer(self, stop: Callable[[], object]) -> None:
        """Call ``stop`` when SIGTERM, SIGINT or SIGHUP comes, or :meth:`reload` is called; at once if it was."""
        self._stop = stop
        on_signals(self._end)
        if self.ends or self.wants_reload:  # it came while the last one was obeyed
            stop()

    def on_hangup(self) -> None:
        """Reload when SIGHUP comes."""
        if sys.platform != "win32":
            signal.signal(signal.SIGHUP, lambda *_: self.reload("SIGHUP came"))

    def reload(self, why: str) -> None:
        """End the engine, so that keys and settings are read again."""
        self.wants_reload = True
        self._hear(Reloading(why))
        self._stop()

    def _end(self) -> None:
        self.ends = True
        self._hear(Stopping())
        self._stop()


def _draining(place: str, settings: Settings, ledger: Ledger) -> ObjectSource:
    """Return what lies at a place in an object store; those who share the ledger share it.

    A store that can't be reached is asked again at each scan; any other trouble with it ends the command.
    """
    from tcc_uploader.sources.s3 import S3  # noqa: PLC0415 -- few have its library, or need it

    with asking(place):
        store = S3(place)
        try:
            store.check(may_be_empty=True)
        except StoreError as error:
            if error.kind in ("missing", "denied"):
                raise
    queue = ledger.object_queue(place)
    if queue is None:
        alone = "%(place)s is read by this worker alone; others could help if they shared a ledger: docs/fleet.md"
        _log.info(alone, {"action": "works_alone", "place": place})
    return ObjectSource(place, store, queue or SoleWorker(), drains=True, deletes=settings.keep_for == 0)


def _reloaded(options: dict[str, Any], before: Settings) -> Settings:
    """Return the settings, read again; those of before if they can't be used."""
    try:
        return settings_from(options)
    except click.UsageError as error:
        fields = {"action": "settings_refused", "why": error.message}
        _log.error("the settings can't be used, and stay as they were: %(why)s", fields)
        return before


def _watch(settings: Settings, control: Control, hear: Listener, keys: KeyFile) -> None:
    """Deliver until a signal comes.  Raises :class:`LedgerError` if the ledger is lost on the way."""
    # in this order: the first names the pid
    with working(settings) as ledger, SpoolLocks(settings.spools) as locks, ExitStack() as closing:
        objects = [_draining(place, settings, ledger) for place in settings.objects]
        sources = Sources(list(settings.spools), archives=list[Carrier](objects))
        for source in objects:
            closing.callback(source.close)
        letters = letters_of(settings, ledger)
        for text in sources.passed_over:
            _log.warning("passed over in %(what)s", {"action": "passed_over", "what": text})

        def look_at_keys(engine: Engine) -> None:
            if keys.has_changed(engine):
                control.reload("the key file has changed")

        host = Host(hear=to_all(StatusFile(settings.state_dir), hear, each_turn(look_at_keys)))
        with Engine(settings, ledger, letters, sources, host=host, keep_for=settings.keep_for, locks=locks) as engine:
            control.steer(engine.stop)
            engine.run_for_ever()
