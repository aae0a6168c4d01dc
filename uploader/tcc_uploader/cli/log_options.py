"""How a command logs, and its options for that."""

import logging
from typing import Final

import click

from tcc_uploader.settings import Settings
from tcc_uploader.settings_file import LOG_FORMATS, LOG_LEVELS
from tcc_uploader.sinks import JsonFormatter, ShownFormatter

LOG_OPTIONS: Final = (
    click.option("-v", "--verbose", "log_level", flag_value="debug", help="Log each answer, too: --log-level debug."),
    click.option("-q", "--quiet", "log_level", flag_value="warning", help="Log what is wrong: --log-level warning."),
    click.option("--log-level", type=click.Choice(LOG_LEVELS), help="Log from this level on [default: info]."),
    click.option(
        "--log-format", type=click.Choice(LOG_FORMATS), help="Log lines as text or as JSON objects [default: text]."
    ),
)


def log_as(settings: Settings) -> None:
    """Log from now on as the settings say."""
    logging.getLogger("tcc_uploader").setLevel(settings.log_level.upper())
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonFormatter() if settings.log_format == "json" else ShownFormatter())
