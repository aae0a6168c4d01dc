"""The index of a report: one list per member, with one value per run."""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, count
from typing import Any, Final, NamedTuple

from tcc_uploader.inspect.runs.values import Outcome, Run, Step, ToolCall, ms_of
from tcc_uploader.model.body import moment_of

from .chunks import LEFT_OUT, Contents
from .masks import kind_of, masked

VERSION: Final = 1
OUTCOMES: Final = tuple(Outcome)
"""An outcome's place here is its number in the index."""
FATES: Final = ("", "pending", "delivered", "dead", "dropped")
"""The same for what became of a run's record."""
_PROMPT: Final = 110  # characters, as many as a row of the list shows
_CALL: Final = 160
_NAME: Final = 200
_MESSAGE: Final = 500
_MICRO: Final = 1e6
"""Costs are whole millionths of a dollar."""


class Names:
    """Names that many runs share: each one's place is its number; -1 stands for an empty name."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        """Return a name's number."""
        return self._numbers.setdefault(name, len(self._numbers)) if name else -1

    def all(self) -> list[str]:
        """Return all names, in the order of their numbers."""
        return list(self._numbers)


@dataclass(slots=True)
class CallTotals:
    """What all calls of a model or a tool have in common."""

    calls: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    cost: int = 0
    took: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, call: Step | ToolCall) -> None:
        """Take in a call."""
        self.calls += 1
        self.failed += call.outcome is Outcome.ERROR
        self.took.append(max(0.0, call.ms or 0.0))
        if isinstance(call, Step):
            self.tokens_in += call.tokens_in
            self.tokens_cached += call.tokens_cached
            self.tokens_out += call.tokens_out
            self.cost += round((call.cost or 0.0) * _MICRO)


class Made(NamedTuple):
    """What the index tells of the report itself: see ``format.ts``."""

    at: datetime
    version: str
    sources: Sequence[str]
    selection: str


class Row(NamedTuple):
    """What the index tells of one run: see ``format.ts``."""

    id: str
    start: int
    took: int
    status: int
    fate: int
    session: int
    models: list[int]
    tools: list[int]
    agent: int
    error: int
    test: int
    test_record: int
    prompt: str
    failed_call: str
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    cost: int
    steps: int
    tool_calls: int
    failed_tools: int
    parent: str
    feedback: int
    chunk: int
    offset: int
    length: int


class IndexBuilder:
    """Makes the index of the runs that it is given, newest first."""

    def __init__(self, *, texts: bool = True) -> None:
        """Without ``texts``, prompts, arguments and messages are left out: only numbers, names and ids are told."""
        self._texts = texts
        self.sessions, self.models, self.tools, self.agents, self.tests = Names(), Names(), Names(), Names(), Names()
        self.errors, self.masks = Names(), Names()
        self._error_mask: list[int] = []
        self._model_totals: dict[int, CallTotals] = {}
        self._tool_totals: dict[int, CallTotals] = {}
        self.columns: dict[str, list[Any]] = {name: [] for name in Row._fields}
        self._ids: set[str] = set()
        self._last_start = 0

    def add(self, run: Run, contents: Contents = LEFT_OUT) -> Row:
        """Take in a run; return what the index tells of it."""
        row = self._row(run, contents)
        for column, value in zip(self.columns.values(), row, strict=True):
            column.append(value)
        for step in run.steps:
            self._model_totals.setdefault(self.models(step.model[:_NAME]), CallTotals()).add(step)
        for call in run.tool_calls:
            self._tool_totals.setdefault(self.tools(call.name[:_NAME]), CallTotals()).add(call)
        return row

    def _row(self, run: Run, contents: Contents) -> Row:
        start = ms_of(run.start or moment_of(run.at))
        before, self._last_start = self._last_start, start
        return Row(
            id=self._unique(run),
            start=start - before,
            took=max(0, round(run.ms or 0)),
            status=OUTCOMES.index(run.outcome),
            fate=FATES.index(run.fate),
            session=self.sessions(run.session_id),
            models=[self.models(name[:_NAME]) for name in run.models],
            tools=sorted({self.tools(call.name[:_NAME]) for call in run.tool_calls} - {-1}),
            agent=self.agents(run.agent[:_NAME]),
            error=self._error(run.message),
            test=self.tests(run.metadata.get("test.nodeid", "")[:_NAME]),
            test_record=int("test.outcome" in run.metadata),
            prompt=one_line(run.title, _PROMPT) if self._texts else "",
            failed_call=self._failed_call(run),
            tokens_in=run.tokens_in,
            tokens_cached=run.tokens_cached,
            tokens_out=run.tokens_out,
            cost=round((run.cost or 0.0) * _MICRO),
            steps=len(run.steps),
            tool_calls=len(run.tool_calls),
            failed_tools=sum(call.outcome is Outcome.ERROR for call in run.tool_calls),
            parent=run.metadata.get("parent_run_id", ""),
            feedback=_feedback(run),
            chunk=contents.chunk,
            offset=contents.offset,
            length=contents.length,
        )

    def _unique(self, run: Run) -> str:
        """Return a name that no other run of this report has: its id, unless that was used under two API keys."""
        names = chain([run.id, f"{run.id} ({run.key_hint})"], (f"{run.id} ({number})" for number in count(2)))
        name = next(name for name in names if name not in self._ids)
        self._ids.add(name)
        return name

    def _error(self, message: str) -> int:
        text = message[:_MESSAGE] if self._texts else kind_of(message)
        number = self.errors(text)
        if number == len(self._error_mask):  # a new one
            self._error_mask.append(self.masks(masked(text)))
        return number

    def _failed_call(self, run: Run) -> str:
        """Return the first failing call of a run, with the beginning of its arguments; empty if none failed."""
        call = next((call for call in run.calls if call.outcome is Outcome.ERROR), None)
        if isinstance(call, ToolCall):
            return one_line(f"{call.name} {call.args[: _CALL * 2]}" if self._texts else call.name, _CALL)
        if isinstance(call, Step):
            return one_line(f"step {run.steps.index(call) + 1} {call.model}", _CALL)
        return one_line(call.name, _CALL) if call else ""

    def index(self, made: Made, notes: Sequence[str], chunks: int, twice: Counter[str]) -> dict[str, Any]:
        """Return the index.  ``twice``: how many older records of a run, by its id, were passed over."""
        return {
            "v": VERSION,
            "made": made.at.isoformat(timespec="seconds"),
            "version": made.version,
            "sources": made.sources,
            "selection": made.selection,
            "notes": notes,
            "chunks": chunks,
            "sessions": self.sessions.all(),
            "models": self.models.all(),
            "tools": self.tools.all(),
            "agents": self.agents.all(),
            "tests": self.tests.all(),
            "errors": self.errors.all(),
            "masks": self.masks.all(),
            "error_mask": self._error_mask,
            "columns": {**self.columns, "copies": [1 + twice[name] for name in self.columns["id"]]},
            "model_totals": [_totals("model", *item) for item in self._model_totals.items()],
            "tool_totals": [_totals("tool", *item) for item in self._tool_totals.items()],
        }


def one_line(text: str, most: int) -> str:
    """Return the beginning of a text with single spaces."""
    return " ".join(text[: most * 4].split())[:most]


def _totals(kind: str, number: int, totals: CallTotals) -> dict[str, float]:
    took = sorted(totals.took)
    tokens = ("tokens_in", "tokens_cached", "tokens_out", "cost") if kind == "model" else ()
    return {
        kind: number,
        "calls": totals.calls,
        "failed": totals.failed,
        **{name: getattr(totals, name) for name in tokens},
        "p50": round(took[len(took) // 2]),
        "p95": round(took[len(took) * 95 // 100]),
    }


def _feedback(run: Run) -> int:
    """Return 0 for no feedback, 1 for thumbs up, 2 for any thumbs down, 3 for words alone."""
    scores = {each.score for each in run.feedback}
    if "thumbs_down" in scores:
        return 2
    if "thumbs_up" in scores:
        return 1
    return 3 if run.feedback else 0
