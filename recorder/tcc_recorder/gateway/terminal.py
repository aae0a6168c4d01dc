"""What ``tcc-record`` tells people: on standard error, since standard output is the agent's."""

import logging

import click

from tcc_schemas.display import visible


class NothingStartedError(click.ClickException):
    """There can be no gateway, and so no program was started."""

    exit_code = 125  # as ``env`` and ``timeout`` have it


def say(text: str) -> None:
    """Print a line; what it quotes is made visible."""
    click.echo(f"tcc-record: {visible(text)}", err=True)


class ShownFormatter(logging.Formatter):
    """Formats a log record so that a terminal obeys nothing in it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a log record."""
        return visible(super().format(record))
