"""Options that several commands share, and the settings that they make."""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import reduce, wraps
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from tcc_uploader.clock import seconds_in
from tcc_uploader.model.objects import SCHEME, checked_place
from tcc_uploader.model.selection import STATUSES, Selection
from tcc_uploader.settings import Settings, load
from tcc_uploader.settings_file import SettingsError
from tcc_uploader.sinks import hold_keys

Command = TypeVar("Command", bound=Callable[..., Any])

FOLDER = click.Path(path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
STATE_OPTIONS = (
    click.option(
        "--state-dir",
        "state",
        type=FOLDER,
        help="Where the ledger is [env: TCC_STATE_DIR; default: tcc/state in the user's state directory].",
    ),
    click.option(
        "--config", type=FILE, help="Settings file, TOML [env: TCC_UPLOAD_CONFIG; default: ~/.config/tcc/upload.toml]."
    ),
)
SENDING_OPTIONS = (
    *STATE_OPTIONS,
    click.option(
        "--api-key-file", type=FILE, help="A file of API keys, the default key first [env: TCC_API_KEY_FILE]."
    ),
    click.option("--adopt", multiple=True, metavar="HINT", help="Send records of this key hint with the default key."),
    click.option(
        "--allow-origin",
        "allow_origins",
        multiple=True,
        metavar="URL",
        help="Let records name a URL of this origin [env: TCC_ALLOW_ORIGINS].",
    ),
    click.option(
        "--allow-path",
        "allow_paths",
        multiple=True,
        metavar="NAME",
        help="Send records for /v1/NAME, which this version does not know [env: TCC_ALLOW_PATHS].",
    ),
    click.option("--in-flight", type=int, help="Requests in flight at once [env: TCC_IN_FLIGHT; default: 32]."),
    click.option(
        "--limit-rate",
        metavar="BYTES[k|M]",
        help="Send at most so many bytes per second, like 64k (1k is 1,024) [env: TCC_LIMIT_RATE; default: no limit].",
    ),
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
TIMEOUT = click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=60.0,
    help="Seconds to give up after in which no byte moved, nothing was delivered and nothing was read [default: 60].  "
    "A request that was sent whole is waited for up to 600 s.",
)


class Place(click.Path):
    """A path, or the name of a place in an object store, which stays a text: a path has no double slash."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path or the text."""
        if not (isinstance(value, str) and value.startswith(SCHEME)):
            return super().convert(value, param, ctx)
        try:
            return checked_place(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


PATHS = click.argument("paths", nargs=-1, type=Place(exists=True, allow_dash=True, path_type=Path))
SPOOLS = click.option(
    "--spool",
    "spools",
    multiple=True,
    type=Place(path_type=Path),
    help="A spool; repeat for more [env: TCC_SPOOL_DIR; default: tcc/spool in the user's state directory].",
)


class Age(click.ParamType[float]):
    """A time like 5m, as seconds."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds; another text is a usage error."""
        try:
            return seconds_in(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def with_options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Give a command these options, in this order."""
    return lambda command: reduce(lambda made, option: option(made), reversed(options), command)


def _moment(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    """Return the moment that a text names, in UTC; anything else is a usage error."""
    if value is None:
        return None
    with suppress(ValueError):
        return datetime.now(UTC) - timedelta(seconds=seconds_in(value))
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        advice = "give a date (2026-01-31), a date and time (2026-01-31T18:00), or how long ago (30m, 2h, 7d, 4w)"
        raise click.BadParameter(advice) from None


_SELECTION_OPTIONS = (
    click.option(
        "--status",
        "statuses",
        multiple=True,
        type=click.Choice(list(STATUSES)),
        help="Only runs that ended with this status; repeat for more.",
    ),
    click.option("--session", "sessions", multiple=True, metavar="ID", help="Only runs of this session; repeatable."),
    click.option(
        "--since",
        metavar="WHEN",
        callback=_moment,
        help="Only runs that began at this date (2026-01-31) or time (2026-01-31T18:00; local, or with Z or +02:00), "
        "or 30m, 2h, 7d, 4w ago.",
    ),
    click.option("--until", metavar="WHEN", callback=_moment, help="Only runs that began before this."),
    click.option("-n", "--limit", type=click.IntRange(min=0), help="Only the newest N runs of these; 0: all."),
)


def selecting(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that choose runs, and their values as one argument, ``selection``."""

    @wraps(command)
    def with_selection(
        *, statuses: tuple[str, ...], sessions: tuple[str, ...], limit: int | None, **options: Any
    ) -> None:
        selection = Selection(
            since=options.pop("since"),
            until=options.pop("until"),
            sessions=sorted(set(sessions)),
            statuses=sorted(set(statuses)),
            limit=limit,
        )
        command(selection=selection, **options)

    return with_options(*_SELECTION_OPTIONS)(with_selection)


class _Page(click.Path):
    """The path of a report.  Another ending is a usage error: the file is replaced, and may be somebody's spool."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        if not str(value).lower().endswith((".html", ".htm")):
            self.fail(f"{value} must end in .html", param, ctx)
        return super().convert(value, param, ctx)


PAGE: Final = _Page(dir_okay=False, path_type=Path)


def needs_folders(settings: Settings) -> Settings:
    """Return the settings; a spool in an object store is a usage error: this command works on the disk alone."""
    if settings.objects:
        raise click.UsageError(f"{settings.objects[0]}: this command takes spools on the disk alone")
    return settings


def settings_from(options: dict[str, Any]) -> Settings:
    """Return the settings; a setting that can't be used is a usage error."""
    try:
        settings = load(os.environ, **options)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    hold_keys((*settings.api_keys, os.environ.get("PGPASSWORD", "")))
    return settings
