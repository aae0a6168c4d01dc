"""The progress bar of a replay."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tcc_uploader.delivery.engine import Engine


@contextmanager
def progress_bar(*, wanted: bool) -> Iterator[Callable[[Engine], None]]:
    """Show a bar of bytes read and records settled, if that is wanted and standard error is a terminal.

    Yields the function that updates it, at most ten times a second.
    """
    if not (wanted and sys.stderr.isatty()):
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 -- a fifth of a replay's start, and for terminals alone
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(file=sys.stderr)
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("replay", total=None, text="")
        due = 0.0

        def update(engine: Engine) -> None:
            nonlocal due
            now = engine.clock.monotonic()
            if progress.disable or now < due:
                return
            due = now + 0.1
            intake = engine.intake
            text = f"{intake.counts.records - intake.counts.pending:,} of {intake.counts.records:,} records"
            if any(queue.health.pause for queue in engine.backlog.queues.values()):
                text += ", waiting for the server"
            progress.update(task, total=intake.bytes_seen, completed=intake.bytes_read, text=text)

        yield update
