"""The options that choose runs for the commands that show them."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import click

from tcc_uploader.inspect.runs.wanted import Wanted
from tcc_uploader.model.selection import Selection

from .options import selecting, with_options

_BY_CONTENT: Final = (
    click.option("--model", "models", multiple=True, metavar="TEXT", help="Only runs that called a model named so."),
    click.option("--tool", "tools", multiple=True, metavar="TEXT", help="Only runs that called a tool named so."),
    click.option("--grep", metavar="REGEX", help="Only runs with a text in which this is found, upper or lower case."),
)


def wanting(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that choose runs to be shown, and their values as one argument, ``wanted``."""

    @wraps(command)
    def with_wanted(
        *, selection: Selection, models: tuple[str, ...], tools: tuple[str, ...], grep: str | None, **options: Any
    ) -> None:
        try:
            pattern = None if grep is None else re.compile(grep, re.IGNORECASE)
        except re.error as error:
            raise click.UsageError(f"--grep needs a regular expression: {error}") from None
        command(wanted=Wanted(selection, models, tools, pattern), **options)

    return selecting(with_options(*_BY_CONTENT)(with_wanted))
