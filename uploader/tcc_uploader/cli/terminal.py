"""The terminal: everything that a command prints goes through here, and through ``sinks``."""

import io
import re
import sys
from typing import Final, NoReturn

import click
import orjson
from pydantic import BaseModel

from tcc_uploader.sinks import shown, without_held_keys

from .exit_codes import Exit

_RAW_IN_JSON: Final = re.compile(
    "[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)
"""What ``orjson`` writes as it is although a terminal obeys or hides it."""


def say(*lines: str) -> None:
    """Print lines of the result."""
    for line in lines:
        click.echo(shown(line))


def say_in_full(text: str) -> None:
    """Print a text of any length."""
    click.echo(shown(text, most=len(text)))


def say_json(value: object) -> None:
    """Print a value as JSON, which machines read, and people can."""
    text = orjson.dumps(value, default=BaseModel.model_dump, option=orjson.OPT_INDENT_2).decode()
    click.echo(_RAW_IN_JSON.sub(lambda found: _escaped(found[0]), without_held_keys(text)))


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
