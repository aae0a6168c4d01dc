"""Options that several commands share, and the settings that they make."""

import os
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from tcc_uploader.settings import Settings, SettingsError, load
from tcc_uploader.sinks import hold_keys

Command = TypeVar("Command", bound=Callable[..., Any])

FOLDER = click.Path(path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
STATE_OPTIONS = (
    click.option("--state-dir", "state", type=FOLDER, help="Where the ledger is [env: TCC_STATE_DIR]."),
    click.option("--config", type=FILE, help="Settings file, TOML [env: TCC_UPLOAD_CONFIG]."),
)
SENDING_OPTIONS = (
    *STATE_OPTIONS,
    click.option("--api-key-file", type=FILE, help="A file of API keys, the default key first."),
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
        help="Send at most so many bytes per second, like 64k [env: TCC_LIMIT_RATE; default: no limit].",
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
PATHS = click.argument("paths", nargs=-1, type=click.Path(exists=True, allow_dash=True, path_type=Path))
SPOOLS = click.option(
    "--spool", "spools", multiple=True, type=FOLDER, help="A spool; repeat for more [env: TCC_SPOOL_DIR]."
)


def with_options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Give a command these options, in this order."""
    return lambda command: reduce(lambda made, option: option(made), reversed(options), command)


def settings_from(options: dict[str, Any]) -> Settings:
    """Return the settings; a setting that can't be used is a usage error."""
    try:
        settings = load(os.environ, **options)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    hold_keys(settings.api_keys)
    return settings
