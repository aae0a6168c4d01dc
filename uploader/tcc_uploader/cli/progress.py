"""Progress bars: of a replay, and of what only counts."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tcc_uploader.files import size_of
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool.scan import list_files

from .text import size

if TYPE_CHECKING:  # a bar of bytes needs no engine, and none of what that imports
    from tcc_uploader.delivery.engine import Engine

_INTERVAL: Final = 0.1
"""Seconds between two updates."""
_SHORT: Final = 1.0
"""Seconds in which no bar is needed."""


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
        total = sum(map(size_of, (*files, *(archive.path for archive in sources.archives))))
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
    settled, records = intake.counts.records - intake.counts.pending, intake.counts.records
    members: dict[str, Any] = {"total": intake.bytes_seen, "completed": intake.bytes_read}
    if archives := intake.sources.archives:  # what they hold is larger than they are
        records = max(records, sum(archive.listed for archive in archives))
        # nobody knows how much there is in an archive without a manifest
        known = not intake.bytes_seen and all(archive.listed for archive in archives)
        members = {"total": records, "completed": settled} if known else {}
    text = f"{settled:,} of {records:,} records"
    if any(queue.health.pause for queue in engine.backlog.queues.values()):
        text += ", waiting for the server"
    return members | {"text": text}


@contextmanager
def _bar(title: str) -> Iterator[Callable[[Callable[[], dict[str, Any]]], None]]:
    """Show a bar of what takes longer than a second, if standard error is a terminal.

    Yields what updates it, at most ten times a second, with the members that the function it is given returns.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    due = time.monotonic() + _SHORT
    with ExitStack() as stack:
        advance: Callable[..., None] | None = None

        def update(members: Callable[[], dict[str, Any]]) -> None:
            nonlocal due, advance
            if (now := time.monotonic()) >= due:
                due = now + _INTERVAL
                advance = advance or stack.enter_context(_shown(title))
                advance(**members())

        yield update


@contextmanager
def _shown(title: str) -> Iterator[Callable[..., None]]:
    """Show the bar; yield what updates its members."""
    from rich.console import Console  # noqa: PLC0415 -- a fifth of a replay's start, and for terminals alone
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn  # noqa: PLC0415

    console = Console(file=sys.stderr)
    words = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}")
    columns = *words, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield partial(progress.update, progress.add_task(title, total=None, text=""))
