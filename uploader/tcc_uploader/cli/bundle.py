"""``tcc-upload bundle``: pack spools into one file that can be carried."""

import re
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from tcc_uploader.bundle.build import BundleError, Plan, plan, read_back, write
from tcc_uploader.bundle.filter import STATUSES, Filter
from tcc_uploader.bundle.pack import ENDINGS, GZIP_ENDING, ZSTD_ENDING
from tcc_uploader.bundle.remove import remove_bundled
from tcc_uploader.bundle.snapshot import Snapshots
from tcc_uploader.files import new_file
from tcc_uploader.ledger.quarantine import FILE_NAME
from tcc_uploader.ledger.store import LedgerError
from tcc_uploader.settings import Settings
from tcc_uploader.sources.decompress import ZSTD
from tcc_uploader.state import StateHeldError, watched_alone

from .exit_codes import Exit
from .options import STATE_OPTIONS, settings_from, with_options
from .session import fail, on_signals, working
from .text import plural

_STDOUT: Final = Path("-")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _moment(_context: click.Context, _option: click.Parameter, text: str | None) -> datetime | None:
    """Return the moment that ``--since`` names, UTC; what is none is a usage error."""
    if text is None:
        return None
    ago = re.fullmatch(rf"(\d{{1,4}})([{''.join(_UNITS)}])", text)
    if ago:
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        advice = "give a date (2026-01-31), a date and time (2026-01-31T18:00), or how long ago (30m, 2h, 7d, 4w)"
        raise click.BadParameter(advice) from None


@click.command("bundle")
@click.argument("spools", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The bundle: *.tar.zst, *.tar.gz, *.tgz or *.zip; - for standard output.",
)
@click.option(
    "--since",
    metavar="WHEN",
    callback=_moment,
    help="Only what was recorded since a date (2026-01-31), a time (2026-01-31T18:00), or 30m, 2h, 7d, 4w ago.",
)
@click.option("--session", "sessions", multiple=True, metavar="ID", help="Only runs of this session; repeat for more.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(list(STATUSES)),
    help="Only runs that ended so; repeat for more.",
)
@click.option("--remove", is_flag=True, help="Remove from the spool what was bundled and can't grow any more.")
@with_options(*STATE_OPTIONS)
def bundle_command(
    *,
    spools: tuple[Path, ...],
    output: Path,
    since: datetime | None,
    sessions: tuple[str, ...],
    statuses: tuple[str, ...],
    remove: bool,
    **options: Any,
) -> None:
    """Pack the default spool, or SPOOLS, into one file; its manifest says what must arrive.

    Everything that was recorded before is in it, also by agents that are running.  With --since, --session or --status
    it holds whole records: those of a run that are asked for, wherever they lie.  An existing file is never replaced.
    """
    wanted = Filter(since, frozenset(sessions), frozenset(statuses))
    ending = _ending_of(output)
    if remove and (wanted or output == _STDOUT):
        raise click.UsageError("--remove needs a bundle of everything, in a file")
    settings = settings_from({"spools": spools, **options})
    on_signals(partial(sys.exit, Exit.PENDING))
    with ExitStack() as stack:
        if remove:
            try:
                stack.enter_context(watched_alone(settings.spools))
            except StateHeldError as error:
                fail(str(error), Exit.STATE_HELD)
        try:
            made = _make(settings, wanted, output, ending)
            if remove:
                _remove(settings, made, output)
        except BundleError as error:
            fail(str(error), Exit.PENDING)
        except OSError as error:
            fail(f"can't write {output}: {error.strerror or error}", Exit.PENDING)
    sys.exit(_told(made))


def _make(settings: Settings, wanted: Filter, output: Path, ending: str) -> Plan:
    with Snapshots(settings.spools) as snapshots:
        made = plan(snapshots, wanted)
        if output == _STDOUT:
            size = write(made, ending, sys.stdout.fileno())
        else:
            with new_file(output) as file:
                size = write(made, ending, file.fileno())
    counts = f"{plural(len(made.members), 'segment')}, {plural(made.manifest.records, 'record')}"
    click.echo(f"{output}: {counts}, {_size_text(size)}", err=True)
    return made


def _remove(settings: Settings, made: Plan, output: Path) -> None:
    """Remove what was bundled, once the bundle was read back."""
    read_back(output, made.manifest)
    with ExitStack() as stack:
        known = (settings.state_dir / FILE_NAME).exists()
        ledger = stack.enter_context(working(settings)) if known else None
        try:
            staying = remove_bundled(made.members, output.resolve(), ledger)
        except LedgerError as error:
            fail(f"can't write the ledger in {settings.state_dir} ({error}): run it again", Exit.PENDING)
    click.echo(f"removed {len(made.members) - len(staying):,} of {plural(len(made.members), 'segment')}", err=True)
    for path, why in staying.items():
        click.echo(f"{path} stays: {why}", err=True)


def _told(made: Plan) -> Exit:
    """Say what is wrong with what was bundled, and return the exit code."""
    for path, why in made.unreadable.items():
        click.echo(f"can't read {path}: {why}", err=True)
    if made.damaged:
        click.echo(f"{plural(made.damaged, 'damaged line')} carried as they are", err=True)
    if made.unreadable:
        return Exit.PENDING
    return Exit.DEAD_OR_DAMAGED if made.damaged else Exit.DELIVERED


def _ending_of(output: Path) -> str:
    """Return what kind of archive to write; a usage error if it can't be."""
    if output == _STDOUT:
        if sys.stdout.isatty():
            raise click.UsageError("-o - is for a pipe or a file: a terminal can't show a bundle")
        return ZSTD_ENDING if ZSTD else GZIP_ENDING
    ending = next((ending for ending in ENDINGS if output.name.endswith(ending)), None)
    if ending is None:
        raise click.UsageError(f"{output} must end in one of {', '.join(ENDINGS)}")
    if ending == ZSTD_ENDING and ZSTD is None:
        raise click.UsageError("needs zstd: pip install 'tcc-offline[zstd]', or name it .tar.gz")
    if output.exists() or output.is_symlink():
        raise click.UsageError(f"{output} is there already, and may be all that is left of what it holds: name another")
    return ending


def _size_text(size: int) -> str:
    """Return a number of bytes as a person reads it."""
    for power, unit in ((3, "GB"), (2, "MB"), (1, "kB")):
        if size >= 1000**power:
            return f"{size / 1000**power:,.1f} {unit}"
    return f"{size:,} bytes"
