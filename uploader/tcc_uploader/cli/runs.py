"""``tcc-upload runs``: the recorded runs, one line each, newest first."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, takewhile
from math import inf
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from tcc_uploader.inspect.runs.reader import RunReader
from tcc_uploader.inspect.runs.tables import counted, iso
from tcc_uploader.inspect.runs.values import Outcome, Run
from tcc_uploader.inspect.runs.wanted import Wanted, matching
from tcc_uploader.sinks import plural

from .exit_codes import Exit
from .options import AS_JSON, PATHS, SPOOLS, STATE_OPTIONS, settings_from, with_options
from .recorded_runs import looking
from .run_options import wanting
from .run_text import STYLES, amount, calls, findings, headline, local, money, short, took
from .styled import Part, cell, is_terminal, say_styled, width
from .terminal import fail, note, say_json, say_row
from .text import told

SHOWN: Final = 20
"""Rows on a terminal, if nobody says how many."""
_COUNTED_FOR: Final = 2.0
"""Seconds of processor time for which runs beyond the shown ones are counted: nobody waits longer for a sum."""


class Column(NamedTuple):
    """A column of the table: ``size`` in columns of the terminal (0: the rest), left out on a narrower one."""

    title: str
    size: int
    least_width: int
    text: Callable[[Run], str]
    style: str = ""
    right: bool = False


COLUMNS: Final = (
    Column("RUN", 8, 0, lambda run: short(run.id), "cyan"),
    Column("STARTED", 11, 0, lambda run: local(run.start, "%m-%d %H:%M")),
    Column("PROMPT / ERROR", 0, 0, headline),
    Column("AGENT", 10, 110, lambda run: run.agent),
    Column("MODEL", 16, 110, lambda run: ", ".join(run.models), "dim"),
    Column("CALLS", 5, 80, calls, right=True),
    Column("TOKENS", 6, 80, lambda run: amount(run.tokens) if run.tokens else "", right=True),
    Column("COST", 7, 110, lambda run: money(run.cost), right=True),
    Column("TOOK", 7, 0, lambda run: took(run.ms), right=True),
)
"""After the outcome's glyph."""


@dataclass
class Sums:
    """What some runs come to."""

    runs: int = 0
    failed: int = 0
    partial: int = 0
    tokens: int = 0
    cost: float = 0.0

    def add(self, run: Run) -> None:
        """Count a run."""
        self.runs += 1
        self.failed += run.outcome is Outcome.ERROR
        self.partial += run.outcome is Outcome.PARTIAL
        self.tokens += run.tokens
        self.cost += run.cost or 0.0

    def __str__(self) -> str:
        parts = told(
            plural(self.runs, "run"),
            (self.failed, f"{self.failed:,} failed"),
            (self.partial, f"{self.partial:,} partial"),
            (self.cost, money(self.cost)),
            (self.tokens, f"{amount(self.tokens)} tokens"),
            (self.runs, time.strftime("times in %Z")),
        )
        return " · ".join(parts)


@click.command("runs")
@with_options(PATHS)
@wanting
@with_options(AS_JSON, SPOOLS, *STATE_OPTIONS)
def runs_command(
    *,
    paths: tuple[Path, ...],
    wanted: Wanted,
    as_json: bool,
    **options: Any,
) -> None:
    """List the runs in the default spool, or in PATHS (all that `replay` takes): newest first, the newest 20.

    Piped, they are all listed, each with tabs between outcome, id, start, milliseconds, LLM calls, tool calls, tokens,
    USD, agent, models, session, prompt and message.  Exit code 66: no run fits.

    Example: tcc-upload runs --status error --since 24h
    """
    with looking(settings_from(options), paths) as reader:
        if is_terminal() and not as_json:
            number = _say_table(reader, wanted)
        else:
            number = 0
            for run in matching(reader.newest_first(), wanted):
                say_json(counted(run), on_one_line=True) if as_json else say_row(*_cells(run))
                number += 1
        note(*findings(reader))
        if not number:
            fail(f"no such run in {reader.sources}", Exit.NOTHING_FOUND)


def _cells(run: Run) -> list[str]:
    """Return what is told of a run to other programs."""
    ms = "" if run.ms is None else f"{run.ms:.0f}"
    cost = "" if run.cost is None else f"{run.cost:.6f}"
    numbers = (ms, str(len(run.steps)), str(len(run.tool_calls)), str(run.tokens), cost)
    texts = (run.agent, ", ".join(run.models), run.session_id, run.prompt, run.message)
    return [run.outcome.value, run.id, iso(run.start) or "", *numbers, *texts]


def _say_table(reader: RunReader, wanted: Wanted) -> int:
    """Print the newest runs, then a line of sums; return how many there are."""
    most = SHOWN if wanted.selection.limit is None else wanted.selection.limit
    every = wanted._replace(selection=wanted.selection.model_copy(update={"limit": None}))
    ends, sums = inf, Sums()
    found = matching(takewhile(lambda _: time.process_time() < ends, reader.newest_first()), every)
    for run in islice(found, most or None):
        if not sums.runs:
            say_styled(("   ", ""), *_cells_of(lambda column: (column.title, "dim")))
        say_styled(*_table_row(run))
        sums.add(run)
    ends = time.process_time() + _COUNTED_FOR
    for run in found:
        sums.add(run)
    if sums.runs:
        more = f"showing the newest {most:,} (-n 0: all)"
        at_least = "more than " if time.process_time() >= ends else ""
        say_styled((" · ".join([f"{at_least}{sums}", *told((0 < most < sums.runs, more))]), "dim"), cut=False)
    return sums.runs


def _table_row(run: Run) -> Iterator[Part]:
    sign, style = STYLES[run.outcome]
    yield f"{sign}  ", style
    alarm = style.removeprefix("bold ") if run.outcome in (Outcome.ERROR, Outcome.PARTIAL) and run.message else ""
    yield from _cells_of(lambda column: (column.text(run), column.style or (alarm if not column.size else "")))


def _cells_of(part_of: Callable[[Column], Part]) -> Iterator[Part]:
    """Yield the cells of one line, each with the space behind it."""
    columns = [column for column in COLUMNS if width() >= column.least_width]
    rest = width() - len("✓  ") - sum(column.size + 2 for column in columns if column.size) - 2
    for column in columns:
        text, style = part_of(column)
        yield cell(text, column.size or max(rest, 1), right=column.right), style
        yield "" if column is columns[-1] else "  ", ""
