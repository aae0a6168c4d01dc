"""The progress bar of a replay."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tcc_uploader.delivery.engine import Engine


@contextmanager
def progress_bar(*, wanted: bool) -> Iterator["ReplayProgress"]:
    """Show a bar while a replay runs, if that is wanted and standard error is a terminal."""
    console = Console(file=sys.stderr)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not (wanted and console.is_terminal),
    ) as progress:
        yield ReplayProgress(progress)


class ReplayProgress:
    """The bar of one replay: how many of the bytes are read, and how many of the records are settled."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("replay", total=None, text="")
        self._next = 0.0

    def update(self, engine: Engine) -> None:
        """Show how far the engine is, at most ten times a second."""
        now = engine.clock.monotonic()
        if self._progress.disable or now < self._next:
            return
        self._next = now + 0.1
        counts = engine.intake.counts
        text = f"{counts.records - counts.pending:,} of {counts.records:,} records"
        if any(queue.health.pause for queue in engine.backlog.queues.values()):
            text += ", waiting for the server"
        self._progress.update(self._task, total=engine.intake.bytes_seen, completed=engine.intake.bytes_read, text=text)
