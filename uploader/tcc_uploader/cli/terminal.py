"""The terminal: everything that a command prints goes through here, and through ``sinks``."""

import io
import re
import sys
from functools import cache
from typing import Final, NoReturn

import click
import orjson
from pydantic import BaseModel
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from tcc_schemas.display import HIDDEN
from tcc_uploader.sinks import shown, without_held_keys

from .exit_codes import Exit

Part = tuple[str, str]
"""A text, and its style as rich names it; empty for none."""
_SPACE: Final = re.compile("[ \t\r\n]+")


@cache
def _console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)


def say(*lines: str) -> None:
    """Print lines of the result."""
    for line in lines:
        click.echo(shown(line))


def say_in_full(text: str) -> None:
    """Print a text of any length."""
    click.echo(shown(text, most=sys.maxsize))


def say_styled(*parts: Part, cut: bool = True) -> None:
    """Print a line of texts in styles; ``cut`` it to the terminal's width, if there is one."""
    line = Text.assemble(*((shown(text), style) for text, style in parts))
    cut = cut and is_terminal()
    _console().print(line, no_wrap=cut, overflow="ellipsis" if cut else "ignore", crop=cut, soft_wrap=not cut)


def say_row(*cells: str) -> None:
    """Print a line of cells with tabs between them, each in full on one line."""
    click.echo("\t".join(shown(on_line(cell), most=sys.maxsize) for cell in cells))


def say_bytes(data: bytes) -> None:
    """Print recorded bytes as they are, for a machine."""
    click.echo(data)


def is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return _console().is_terminal


def width() -> int:
    """Return the terminal's width in columns."""
    return _console().width


def on_line(text: str) -> str:
    """Return a text without line breaks and tabs."""
    return _SPACE.sub(" ", text)


def cell(text: str, size: int, *, right: bool = False) -> str:
    """Return a text on one line that takes exactly ``size`` columns of a terminal."""
    line = shown(on_line(text))
    if cell_len(line) > size:
        line = set_cell_size(line, size - 1) + "…"
    return " " * (size - cell_len(line)) + line if right else set_cell_size(line, size)


def say_json(value: object, *, on_one_line: bool = False) -> None:
    """Print a value as JSON, which machines read, and people can."""
    option = 0 if on_one_line else orjson.OPT_INDENT_2
    text = orjson.dumps(value, default=BaseModel.model_dump, option=option).decode()
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
