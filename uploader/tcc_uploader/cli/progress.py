"""Progress bars: of a replay, and of what only counts."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tcc_uploader.delivery.engine import Engine

_INTERVAL: Final = 0.1
"""Seconds between two updates."""


@contextmanager
def counting_bar(title: str) -> Iterator[Callable[[str], None]]:
    """Show that something goes on whose end is not known, if standard error is a terminal.

    Yields the function that is given a text, as often as there is a new one.
    """
    console = Console(file=sys.stderr)
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=None, text="")
        due = 0.0

        def update(text: str) -> None:
            nonlocal due
            if (now := time.monotonic()) >= due:
                due = now + _INTERVAL
                progress.update(task, text=text)

        yield update


@contextmanager
def progress_bar(*, wanted: bool) -> Iterator[Callable[[Engine], None]]:
    """Show a bar of bytes read and records settled, if that is wanted and standard error is a terminal.

    Yields the function that updates it, at most ten times a second.
    """
    console = Console(file=sys.stderr)
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"), TimeElapsedColumn()
    hidden = not (wanted and console.is_terminal)
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task("replay", total=None, text="")
        due = 0.0

        def update(engine: Engine) -> None:
            nonlocal due
            now = engine.clock.monotonic()
            if hidden or now < due:
                return
            due = now + _INTERVAL
            intake = engine.intake
            text = f"{intake.counts.records - intake.counts.pending:,} of {intake.counts.records:,} records"
            if any(queue.health.pause for queue in engine.backlog.queues.values()):
                text += ", waiting for the server"
            progress.update(task, total=intake.bytes_seen, completed=intake.bytes_read, text=text)

        yield update
