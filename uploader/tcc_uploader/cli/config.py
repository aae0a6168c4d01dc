"""``tcc-upload config``: the settings, and where each of them came from."""

import os
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Final, NamedTuple

import click

from tcc_schemas.endpoints import key_hint
from tcc_uploader.clock import about
from tcc_uploader.setting_values import address_text
from tcc_uploader.settings import Settings
from tcc_uploader.settings_file import read_settings_file, settings_path

from .options import SENDING_OPTIONS, SPOOLS, settings_from, with_options
from .terminal import say


class _Row(NamedTuple):
    """A setting: its name, the option, variable and member of the file that can set it, and how it is shown."""

    name: str
    option: str
    variable: str
    member: str
    shown: Callable[[Settings], str]


def _after(settings: Settings) -> str:
    if settings.keep_for in (0.0, inf):
        return "keep" if settings.keep_for else "delete"
    return f"keep for {about(settings.keep_for)}"


_KEYS: Final = "keys (hints)"
_ROWS: Final = (
    _Row("spools", "spools", "TCC_SPOOL_DIR", "spools", lambda found: ", ".join(map(str, found.sources))),
    _Row("state", "state", "TCC_STATE_DIR", "state_dir", lambda found: str(found.state_dir.parent)),
    _Row("ledger", "", "TCC_LEDGER", "ledger", lambda found: found.ledger or "in the state"),
    _Row("target", "", "TCC_TARGET", "target", lambda found: found.state_dir.name),
    _Row("base URL", "", "TCC_BASE_URL", "base_url", lambda found: found.base_url_for(found.default_key)),
    _Row("runs go to", "", "TCC_URL", "", lambda found: found.custom_url or "the base URL"),
    _Row("feedback goes to", "", "TCC_FEEDBACK_URL", "", lambda found: found.feedback_url or "the base URL"),
    _Row(
        *(_KEYS, "api_key_file", "TCC_API_KEY", ""),
        lambda found: ", ".join(key_hint(key) or "" for key in found.api_keys) or "none",
    ),
    _Row("adopted hints", "adopt", "", "", lambda found: ", ".join(sorted(found.adopt)) or "none"),
    _Row(
        *("allowed origins", "allow_origins", "TCC_ALLOW_ORIGINS", "allow_origins"),
        lambda found: ", ".join(sorted(found.allowed_origins)) or "the official ones",
    ),
    _Row(
        *("allowed paths", "allow_paths", "TCC_ALLOW_PATHS", "allow_paths"),
        lambda found: ", ".join(sorted(found.allowed_paths)),
    ),
    _Row("in flight", "in_flight", "TCC_IN_FLIGHT", "in_flight", lambda found: str(found.in_flight)),
    _Row(
        *("limit rate", "limit_rate", "TCC_LIMIT_RATE", "limit_rate"),
        lambda found: f"{found.limit_rate:,} bytes per second" if found.limit_rate else "none",
    ),
    _Row("after delivery", "after", "", "after", _after),
    _Row("log level", "log_level", "TCC_DEBUG", "log_level", lambda found: found.log_level),
    _Row("log format", "log_format", "", "log_format", lambda found: found.log_format),
    _Row(
        "metrics at",
        "metrics",
        "",
        "metrics",
        lambda found: address_text(found.metrics) if found.metrics else "nowhere",
    ),
    _Row(
        "metrics file", "metrics_textfile", "", "metrics_textfile", lambda found: str(found.metrics_textfile or "none")
    ),
)


@click.group("config")
def config_command() -> None:
    """Show the settings, and where each of them came from.

    Exit code: 2 a setting can't be used.

    Example: tcc-upload config show
    """


@config_command.command("show")
@with_options(SPOOLS, *SENDING_OPTIONS)
def show_command(**options: Any) -> None:
    """Show each setting, its value, and where it came from: an option, a variable, the file, or the default.

    Of keys only the hints are shown.  Exit code: 2 a setting can't be used.

    Example: tcc-upload config show --config upload.toml
    """
    settings = settings_from(options)
    named = options["config"] or os.environ.get("TCC_UPLOAD_CONFIG")
    path = settings_path(named, os.environ)
    in_file = read_settings_file(named, os.environ).model_fields_set
    say(f"{'file':<17} {path}{'' if path.exists() else ', which is not there'}")
    for row in _ROWS:
        source = _source(row, options, os.environ, in_file)
        if row.name == _KEYS and settings.api_key_file and source != "option":  # its first key is the default one
            source = f"the file {settings.api_key_file}"
        say(f"{row.name:<17} {row.shown(settings)}  ({source})")


def _source(row: _Row, options: Mapping[str, Any], environment: Mapping[str, str], in_file: set[str]) -> str:
    """Return what set it: the first of option, variable and file that does."""
    if row.option and options.get(row.option):
        return "option"
    if row.variable and environment.get(row.variable):
        return row.variable
    if row.name == _KEYS and environment.get("TCC_API_KEYS"):
        return "TCC_API_KEYS"
    return "file" if row.member in in_file else "default"
