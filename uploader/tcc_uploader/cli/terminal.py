"""The terminal: everything that a command prints goes through here, and through ``sinks``."""

import io
import sys
from operator import methodcaller
from typing import NoReturn

import click
import orjson

from tcc_schemas.display import HIDDEN
from tcc_uploader.sinks import shown, without_held_keys

from .exit_codes import Exit


def say(*lines: str) -> None:
    """Print lines of the result."""
    for line in lines:
        click.echo(shown(line))


def say_in_full(text: str) -> None:
    """Print a text of any length."""
    click.echo(shown(text, most=sys.maxsize))


def say_json(value: object) -> None:
    """Print a value as JSON, which machines read, and people can."""
    text = orjson.dumps(value, default=methodcaller("model_dump"), option=orjson.OPT_INDENT_2).decode()
    # orjson escapes some of what a terminal obeys or hides, and writes the rest as it is
    click.echo(HIDDEN.sub(lambda found: _escaped(found[0]), without_held_keys(text)))


def note(*lines: str) -> None:
    """Print lines on standard error, so that standard output holds the result alone."""
    for line in lines:
        click.echo(shown(line), err=True)


def fail(message: str, code: Exit) -> NoReturn:
    """End the command with a message and an exit code."""
    note(f"tcc-upload: {message}")
    sys.exit(code)


def confirm(question: str) -> None:
    """Ask, and end the command unless the answer is yes."""
    click.confirm(shown(question), abort=True)


def show_usage(error: click.ClickException) -> None:
    """Print what click says about a command line."""
    text = io.StringIO()
    error.show(text)
    note(text.getvalue().rstrip("\n"))


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
