"""``tcc-upload daemon``: watch spools, and deliver until a signal comes."""

import logging
import sys
from typing import Any

import click

from tcc_uploader.dead.store import LetterFolder
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.ledger.quarantine import quarantine_ledger
from tcc_uploader.model.ledger import Damaged, LedgerError, Lost
from tcc_uploader.ops.process import stay_on_one_processor
from tcc_uploader.ops.status_file import StatusFile
from tcc_uploader.settings import Settings
from tcc_uploader.sources.given import Sources
from tcc_uploader.state import watched_alone

from .options import SENDING_OPTIONS, SPOOLS, settings_from, with_options
from .session import ending, on_signals, working

_log = logging.getLogger(__name__)


@click.command("daemon")
@with_options(SPOOLS, *SENDING_OPTIONS)
@click.option(
    "--after",
    metavar="delete|keep|'keep 24h'",
    help="What to do with delivered segments; kept for a time, they go sooner if room is needed [keep 24h].",
)
def daemon_command(**options: Any) -> None:
    """Watch spools, and deliver records as they end, until SIGTERM or SIGINT."""
    on_signals(sys.exit)  # nothing is in flight yet
    stay_on_one_processor()
    settings = settings_from(options)
    with ending(settings, LedgerError), watched_alone(settings.spools):
        while True:
            try:
                _watch(settings)
            except Lost as error:
                _log.error("%s; starting a new one in %s, which may cost duplicates", error, settings.state_dir)
            except Damaged as error:
                _log.error("the ledger is damaged: %s", error)
                quarantine_ledger(settings.state_dir)
            else:
                return


def _watch(settings: Settings) -> None:
    """Deliver until a signal comes.  Raises :class:`LedgerError` if the ledger is lost on the way."""
    with working(settings) as ledger:
        _log.info("watching %s", ", ".join(map(str, settings.spools)))
        status = StatusFile(settings.state_dir)
        letters, sources = LetterFolder(settings.state_dir), Sources(list(settings.spools))
        with Engine(settings, ledger, letters, sources, keep_for=settings.keep_for, on_step=status.update) as engine:
            on_signals(engine.stop)
            engine.run_for_ever()
            status.write(engine)
