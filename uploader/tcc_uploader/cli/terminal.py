"""The terminal: everything that a command prints goes through here, and through ``sinks``."""

import io
import os
import re
import sys
from contextlib import suppress
from operator import methodcaller
from typing import Final, NoReturn, TextIO

import click
import orjson

from tcc_schemas.display import HIDDEN
from tcc_uploader.sinks import shown, shown_line, without_held_keys

from .exit_codes import Exit

_STDERR: Final = 2
_SPACE: Final = re.compile("[ \t\r\n]+")


class OutputError(Exception):
    """The result can't be written to standard output; ``cause`` says why."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(cause.strerror or str(cause))
        self.cause = cause


def prepare_streams() -> None:
    """Make the standard streams fit for what is printed, whatever the environment is.

    A closed one is opened on nothing, else the next file that is opened would get its number, and what is printed.
    What an encoding has no character for is written with escapes.
    """
    while (number := os.open(os.devnull, os.O_RDONLY)) <= _STDERR:
        pass
    os.close(number)
    sys.stdin = sys.stdin or _nothing("r")
    sys.stdout = sys.stdout or _nothing("w")
    sys.stderr = sys.stderr or _nothing("w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def end_streams() -> None:
    """Drop what can't be written to the standard streams: Python would try once more at its end, and complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)


def put(text: str | bytes, *, newline: bool = True) -> None:
    """Print a part of the result that is fit to be shown already.  Raises :class:`OutputError`."""
    try:
        click.echo(text, nl=newline)
    except OSError as error:
        raise OutputError(error) from error


def clear() -> None:
    """Clear the terminal; nothing is done to a file or a pipe."""
    if sys.stdout.isatty():
        put("\x1b[H\x1b[2J", newline=False)


def flush() -> None:
    """Write what was printed, now.  Raises :class:`OutputError`."""
    try:
        sys.stdout.flush()
    except OSError as error:
        raise OutputError(error) from error


def say(*lines: str) -> None:
    """Print lines of the result, each on one line."""
    for line in lines:
        put(shown_line(line))


def say_in_full(text: str) -> None:
    """Print a text of any length."""
    put(shown(text, most=sys.maxsize))


def say_row(*cells: str) -> None:
    """Print a line of cells with tabs between them, each in full on one line."""
    put("\t".join(shown(on_line(cell), most=sys.maxsize) for cell in cells))


def say_bytes(data: bytes) -> None:
    """Print recorded bytes as they are, for a machine."""
    put(data)


def on_line(text: str) -> str:
    """Return a text without line breaks and tabs."""
    return _SPACE.sub(" ", text)


def say_json(value: object, *, on_one_line: bool = False) -> None:
    """Print a value as JSON in UTF-8, which machines read, and people can."""
    option = 0 if on_one_line else orjson.OPT_INDENT_2
    dump = methodcaller("model_dump")
    try:
        text = orjson.dumps(value, default=dump, option=option).decode()
    except orjson.JSONEncodeError:  # a path that is no UTF-8: JSON has escapes for what Python makes of its bytes
        import json  # noqa: PLC0415 -- few commands get here

        text = json.dumps(value, default=dump, indent=None if on_one_line else 2)
    # orjson escapes some of what a terminal obeys or hides, and writes the rest as it is
    put(HIDDEN.sub(lambda found: _escaped(found[0]), without_held_keys(text)).encode())


def note(*lines: str) -> None:
    """Print lines on standard error, so that standard output holds the result alone."""
    with suppress(OSError):  # nobody can be told, and the result is not affected
        for line in lines:
            click.echo(shown_line(line), err=True)


def fail(message: str, code: Exit) -> NoReturn:
    """End the command with a message and an exit code."""
    note(f"tcc-upload: {message}")
    sys.exit(code)


def confirm(question: str) -> None:
    """Ask, and end the command unless the answer is yes."""
    click.confirm(shown_line(question), abort=True)


def show_usage(error: click.ClickException) -> None:
    """Print what click says about a command line."""
    text = io.StringIO()
    error.show(text)
    note(*text.getvalue().rstrip("\n").split("\n"))


def _nothing(mode: str) -> TextIO:
    return open(os.devnull, mode, encoding="utf-8")  # type: ignore[return-value]  # noqa: PTH123 -- the type of a Path's is no nearer


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
