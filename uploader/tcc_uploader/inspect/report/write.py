"""Writes a report: takes runs one by one, and leaves the file complete or not at all."""

import heapq
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tcc_uploader.files import new_file
from tcc_uploader.inspect.runs.reader import RunReader
from tcc_uploader.inspect.runs.values import Outcome, Run
from tcc_uploader.sinks import plural

from .chunks import LEFT_OUT, ChunkWriter, Contents
from .columns import IndexBuilder, Made
from .page import END, head
from .summary import PlainSummary

SLOWEST: Final = 100
"""Of the slowest runs so many keep their contents."""
_ROW: Final = 120
"""Bytes that a run costs in the index, about."""
_SHARED: Final = 0.8
"""The part of the size up to which every run keeps its contents; the rest is for those that people look for."""


@dataclass(slots=True)
class Written:
    """What a report holds, as it is written."""

    runs: int = 0
    failed: int = 0
    left_out: int = 0
    """Runs without contents, because the file would become too large."""
    size: int = 0
    """Bytes."""


class Budget:
    """Decides which runs keep their contents: the newest ones; then those that failed, displeased, or took long."""

    def __init__(self, max_size: int) -> None:
        """``max_size`` in bytes; 0 for any size."""
        self._max_size = max_size
        self._slowest: list[float] = []
        """A heap of how long the slowest runs took until now."""

    def keeps(self, run: Run, size: int) -> bool:
        """Whether a run's contents are written to a file of this size."""
        took = run.ms or 0.0
        if len(self._slowest) < SLOWEST:
            heapq.heappush(self._slowest, took)
            slow = True
        else:
            slow = took > heapq.heappushpop(self._slowest, took)
        if not self._max_size or size < self._max_size * _SHARED:
            return True
        looked_for = run.outcome is not Outcome.SUCCESS or slow or any(f.score == "thumbs_down" for f in run.feedback)
        return looked_for and size < self._max_size


def write_report(
    runs: Iterable[Run],
    reader: RunReader,
    output: Path,
    *,
    made: Made,
    max_size: int = 0,
    contents: bool = True,
) -> Written:
    """Write the report of ``runs`` to ``output``, readable only by its owner; a file of this name is replaced.

    The runs come from ``reader``, newest first; it tells what else was found.

    ``max_size``: of the file, in bytes; 0 for any.  Without ``contents`` no recorded text is written, only numbers,
    names and ids.  Raises OSError and :class:`LedgerError`.
    """
    index, summary, budget = IndexBuilder(texts=contents), PlainSummary(texts=contents), Budget(max_size)
    written = Written()
    with tempfile.TemporaryFile(dir=output.parent) as kept:
        with ChunkWriter(kept) as chunks:
            for run in runs:
                place = _place(run, chunks, budget, written) if contents else LEFT_OUT
                row = index.add(run, place)
                summary.add(run, row.failed_call)
                written.runs += 1
                written.failed += run.outcome is Outcome.ERROR
        notes = notes_of(reader, written, contents=contents)
        page = head(summary.html(made.sources, notes), index.index(made, notes, chunks.chunks, reader.twice))
        kept.seek(0)
        with new_file(output, replace=True, synced=False) as file:
            file.write(page)
            shutil.copyfileobj(kept, file)
            file.write(END)
            written.size = file.tell()
    return written


def _place(run: Run, chunks: ChunkWriter, budget: Budget, written: Written) -> Contents:
    if budget.keeps(run, chunks.written + _ROW * written.runs):
        return chunks.add(run)
    written.left_out += 1
    return LEFT_OUT


def notes_of(reader: RunReader, written: Written, *, contents: bool) -> list[str]:
    """Return what a reader of the report should know."""
    files = reader.files
    told = [
        (not contents, "This report holds no prompts, answers, arguments and messages: it was made with --no-content."),
        (written.left_out, f"Contents left out because of --max-size: {plural(written.left_out, 'run')}."),
        (reader.damaged, f"Damaged places in the sources, whose records are not here: {reader.damaged:,}."),
        (files.unreadable, f"Files that could not be read: {_names(list(files.unreadable))}."),
        (files.newer, f"Files that only a newer version can read: {_names(files.newer)}."),
        (files.archives, f"Wrong with archives: {_names(files.archives)}."),
        (reader.gone, f"Lines or files removed while the report was made: {reader.gone:,}."),
        *((times, f"Requests that are shown as they are: {times:,}, {why}.") for why, times in reader.unread.items()),
    ]
    return [text for reason, text in told if reason]


_MOST_NAMES: Final = 5


def _names(names: Sequence[str]) -> str:
    more = f", and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
