"""Progress bars: of a replay, and of what only counts."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from tcc_uploader.files import size_of
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool.scan import list_files

from .text import size

if TYPE_CHECKING:  # a bar of bytes needs no engine, and none of what that imports
    from tcc_uploader.delivery.engine import Engine

_INTERVAL: Final = 0.1
"""Seconds between two updates."""


@contextmanager
def bytes_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many bytes of a known number are done, if standard error is a terminal.

    Yields the function that is given how many more are done, and how many there are in all.
    """
    done = 0
    with _bar(title) as update:

        def advance(more: int, total: int) -> None:
            nonlocal done
            done += more
            update(
                lambda: {
                    "completed": done,
                    "total": max(done, total),
                    "text": f"{size(done)} of {size(max(done, total))}",
                }
            )

        yield advance


@contextmanager
def reading_bar(title: str, sources: Sources) -> Iterator[Callable[[int], None]]:
    """Show how much of some sources was read, in bytes of their files.

    Yields the function that is given how many more bytes were read.  What archives hold is larger than their files.
    """
    total = 0
    if sys.stderr.isatty():
        files, _ = list_files(sources.spools, sources.files)
        total = sum(map(size_of, files)) + sum(archive.size for archive in sources.archives)
    with bytes_bar(title) as bar:
        yield lambda more: bar(more, total)


@contextmanager
def progress_bar(*, wanted: bool) -> Iterator[Callable[["Engine"], None]]:
    """Show a bar of bytes read and records settled, if that is wanted and standard error is a terminal.

    Yields the function that updates it.
    """
    if not wanted:
        yield lambda _: None
        return
    with _bar("replay") as update:
        yield lambda engine: update(lambda: _told(engine))


def _told(engine: "Engine") -> dict[str, Any]:
    intake = engine.intake
    text = f"{intake.counts.records - intake.counts.pending:,} of {intake.counts.records:,} records"
    if any(queue.health.pause for queue in engine.backlog.queues.values()):
        text += ", waiting for the server"
    return {"total": intake.bytes_seen, "completed": intake.bytes_read, "text": text}


@contextmanager
def _bar(title: str) -> Iterator[Callable[[Callable[[], dict[str, Any]]], None]]:
    """Show a bar, if standard error is a terminal.

    Yields what updates it, at most ten times a second, with the members that the function it is given returns.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 -- a fifth of a replay's start, and for terminals alone
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn  # noqa: PLC0415

    console = Console(file=sys.stderr)
    words = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}")
    columns = *words, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=None, text="")
        due = 0.0

        def update(members: Callable[[], dict[str, Any]]) -> None:
            nonlocal due
            if (now := time.monotonic()) >= due:
                due = now + _INTERVAL
                progress.update(task, **members())

        yield update
