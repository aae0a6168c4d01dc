"""Styled lines on the terminal, for the commands that draw: rich takes long to import, and the others need it not."""

from functools import cache

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from tcc_uploader.sinks import shown, shown_line

from .terminal import on_line, put

Part = tuple[str, str]
"""A text, and its style as rich names it; empty for none."""


@cache
def _console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)


def say_styled(*parts: Part, cut: bool = True) -> None:
    """Print a line of texts in styles; ``cut`` it to the terminal's width, if there is one."""
    line = Text.assemble(*((shown_line(text), style) for text, style in parts))
    cut = cut and is_terminal()
    console = _console()
    with console.capture() as text:
        console.print(line, no_wrap=cut, overflow="ellipsis" if cut else "ignore", crop=cut, soft_wrap=not cut)
    put(text.get(), newline=False)


def is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return _console().is_terminal


def width() -> int:
    """Return the terminal's width in columns."""
    return _console().width


def cell(text: str, size: int, *, right: bool = False) -> str:
    """Return a text on one line that takes exactly ``size`` columns of a terminal."""
    line = shown(on_line(text))
    if cell_len(line) > size:
        line = set_cell_size(line, size - 1) + "…"
    return " " * (size - cell_len(line)) + line if right else set_cell_size(line, size)
