"""``tcc-upload daemon``: watch spools, and deliver until a signal comes."""

import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import click

from tcc_uploader.delivery.engine import Engine
from tcc_uploader.ledger.quarantine import quarantine_ledger
from tcc_uploader.model.ledger import Damaged, LedgerError, Lost, Unavailable
from tcc_uploader.ops.key_file import KeyFile
from tcc_uploader.ops.notify import Notifier
from tcc_uploader.ops.process import collect_garbage_seldom, stay_on_one_processor
from tcc_uploader.ops.status_file import StatusFile
from tcc_uploader.settings import Settings, key_file
from tcc_uploader.sources.given import Sources
from tcc_uploader.state import SpoolLocks

from .options import SENDING_OPTIONS, SPOOLS, settings_from, with_options
from .session import ending, letters_of, on_signals, working

_log = logging.getLogger(__name__)


@click.command("daemon")
@with_options(SPOOLS, *SENDING_OPTIONS)
@click.option(
    "--after",
    metavar="delete|keep|'keep 24h'",
    help="What to do with delivered segments; kept for a time, they go sooner if room is needed [keep 24h].",
)
def daemon_command(**options: Any) -> None:
    """Watch spools, and deliver records as they end, until SIGTERM or SIGINT.

    SIGHUP reads keys and settings again; a changed key file is noticed without it.  Under systemd it tells when it is
    ready, reloads and ends, and serves the watchdog (NOTIFY_SOCKET, WATCHDOG_USEC).

    Exit codes: 0 it was ended by a signal; 73 another uploader holds the state or a spool; 75 the ledger can't be used;
    77 an operator is needed; 2 usage.

    Example: TCC_API_KEY=… tcc-upload daemon --spool /var/lib/agent/spool
    """
    on_signals(sys.exit)  # nothing is in flight yet
    stay_on_one_processor()
    collect_garbage_seldom()
    keys = KeyFile(key_file(os.environ, options["api_key_file"]))
    settings = settings_from(options)
    notifier = Notifier(os.environ)
    control = Control(notifier)
    control.on_hangup()  # it would end the process
    with ending(settings, LedgerError, OSError):
        while True:
            try:
                _watch(settings, control, notifier, keys)
            except Lost as error:
                _log.error(
                    "%s; beginning anew with the one in %s, which may cost duplicates", error, settings.ledger_place
                )
            except Unavailable as error:
                if control.ends:
                    raise
                _log.error("the ledger could not be read: %s; beginning anew", error)
            except Damaged as error:
                _log.error("the ledger is damaged: %s", error)
                quarantine_ledger(settings.state_dir)
            else:
                if control.ends or not control.wants_reload:
                    return
                control.wants_reload = False
                keys.note()
                settings = _reloaded(options, settings)


class Control:
    """Whether settings should be read again, and whether a signal came that ends the daemon: this one counts."""

    def __init__(self, notifier: Notifier) -> None:
        self.wants_reload = False
        self.ends = False
        self._notifier = notifier
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
            signal.signal(signal.SIGHUP, lambda *_: self.reload())

    def reload(self) -> None:
        """End the engine, so that keys and settings are read again."""
        self.wants_reload = True
        self._notifier.reloading()
        self._stop()

    def _end(self) -> None:
        self.ends = True
        self._notifier.stopping()
        self._stop()


def _reloaded(options: dict[str, Any], before: Settings) -> Settings:
    """Return the settings, read again; those of before if they can't be used."""
    try:
        return settings_from(options)
    except click.UsageError as error:
        _log.error("the settings can't be used, and stay as they were: %s", error.message)
        return before


def _watch(settings: Settings, control: Control, notifier: Notifier, keys: KeyFile) -> None:
    """Deliver until a signal comes.  Raises :class:`LedgerError` if the ledger is lost on the way."""
    with SpoolLocks(settings.spools) as locks, working(settings) as ledger:
        _log.info("watching %s", ", ".join(map(str, settings.spools)))
        status = StatusFile(settings.state_dir)
        letters, sources = letters_of(settings, ledger), Sources(list(settings.spools))
        for text in sources.passed_over:
            _log.warning("passed over in %s", text)

        def on_step(engine: Engine) -> None:
            status.update(engine)
            notifier.update(engine)
            if keys.has_changed(engine):
                _log.info("the key file has changed: its keys are read again")
                control.reload()

        with Engine(
            settings, ledger, letters, sources, keep_for=settings.keep_for, locks=locks, on_step=on_step
        ) as engine:
            control.steer(engine.stop)
            engine.run_for_ever()
            status.write(engine)
