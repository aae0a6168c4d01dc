"""What the commands share: options, settings, the state they work in, and how they fail."""

import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from tcc_uploader.delivery.engine import Engine
from tcc_uploader.delivery.result import Outcome
from tcc_uploader.ledger.quarantine import move_aside, set_aside
from tcc_uploader.ledger.schema import LedgerTooNewError
from tcc_uploader.ledger.sqlite import Ledger
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool.removal import writer_is_gone
from tcc_uploader.spool.segment import Segment

from . import processor, render
from .exits import Exit
from .settings import Settings, SettingsError, load
from .state import StateHeldError, held
from .status import StatusFile

Command = TypeVar("Command", bound=Callable[..., Any])

FOLDER = click.Path(path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
PLACES = (
    click.option("--state-dir", "state", type=FOLDER, help="Where the ledger lies [env: TCC_STATE_DIR]."),
    click.option("--config", type=FILE, help="Settings file, TOML [env: TCC_UPLOAD_CONFIG]."),
)
SENDING = (
    *PLACES,
    click.option("--api-key-file", type=FILE, help="A file of API keys, the default key first."),
    click.option("--adopt", multiple=True, metavar="HINT", help="Send records of this key hint with the default key."),
    click.option(
        "--allow-origin",
        "allow_origins",
        multiple=True,
        metavar="URL",
        help="Let records ask for this origin [env: TCC_ALLOW_ORIGINS].",
    ),
    click.option("--in-flight", type=int, help="Requests under way at once [env: TCC_IN_FLIGHT; default: 32]."),
)
PATHS = click.argument("paths", nargs=-1, type=click.Path(exists=True, allow_dash=True, path_type=Path))
SPOOLS = click.option(
    "--spool", "spools", multiple=True, type=FOLDER, help="A spool; repeat for more [env: TCC_SPOOL_DIR]."
)


def with_options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Give a command these options, in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def settings_from(options: dict[str, Any]) -> Settings:
    """Return the settings; what is wrong with them is a usage error."""
    try:
        return load(os.environ, **options)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error


@contextmanager
def working(settings: Settings) -> Iterator[Ledger]:
    """Hold the state and its ledger.  What stands in the way ends the command with a word and an exit code.

    Raises :class:`sqlite3.DatabaseError` if the ledger turns out to be corrupt, or is lost, on the way.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(held(settings.state_dir))
            ledger = Ledger.open(settings.state_dir)
        except StateHeldError as error:
            fail(str(error), Exit.STATE_HELD)
        except (LedgerTooNewError, sqlite3.OperationalError, OSError) as error:
            fail(f"can't work in {settings.state_dir}: {error}", Exit.PENDING)
        stack.callback(ledger.close)
        yield ledger


@contextmanager
def reading(settings: Settings) -> Iterator[Ledger]:
    """Read the ledger, beside a running uploader or without one."""
    with ExitStack() as stack:
        try:
            ledger = stack.enter_context(Ledger.reading(settings.state_dir))
        except (LedgerTooNewError, sqlite3.OperationalError, OSError) as error:
            fail(f"can't read the ledger in {settings.state_dir}: {error}", Exit.PENDING)
        except sqlite3.DatabaseError as error:
            advice = "the next daemon or replay sets it aside and starts a new one, which may cost duplicates"
            fail(f"the ledger in {settings.state_dir} is damaged ({error}): {advice}", Exit.PENDING)
        for file in set_aside(settings.state_dir):
            click.echo(f"{file} is a damaged ledger that was set aside: what it knew is not counted", err=True)
        yield ledger


def fail(message: str, code: Exit) -> NoReturn:
    """End the command."""
    click.echo(f"tcc-upload: {message}", err=True)
    sys.exit(code)


def on_signals(stop: Callable[[], object]) -> None:
    """Call ``stop`` on SIGTERM and SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())


def deliver_once(
    settings: Settings,
    sources: Sources,
    *,
    timeout: float,
    bar: bool,
    is_dead: Callable[[Segment], bool] = writer_is_gone,
) -> Outcome:
    """Deliver what lies there, and the letters that were requeued; keep every source."""
    processor.stay_on_one()
    with working(settings) as ledger, render.progress_bar(wanted=bar) as progress:
        report = StatusFile(settings.state_dir, os.getpid())

        def tell(engine: Engine) -> None:
            progress.tell(engine)
            report.tell(engine)

        try:
            with Engine(settings, ledger, sources, is_dead=is_dead, told=tell) as engine:
                on_signals(engine.stop)
                outcome = engine.run_once(timeout)
                report.write(engine)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            move_aside(settings.state_dir)
            fail(f"the ledger was corrupt ({error}) and is moved aside: run it again", Exit.PENDING)
    return outcome
