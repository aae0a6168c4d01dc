"""Counts the runs that were added to a spool, by reading the new lines of its segments."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from tcc_schemas.lines import Line, LineReader

_SUMMED: Final = ("prompt_uncached_tokens", "prompt_cached_tokens", "completion_tokens", "real_total_cost")


@dataclass
class CountedRun:
    """A run, as far as it was read; ``sums`` are the tokens and the cost (USD) of its steps."""

    metadata: dict[str, str] | None = None
    failed: bool = False
    sums: dict[str, float] = field(default_factory=dict)


@dataclass
class Totals:
    """The totals of several runs: tokens are counts, ``real_total_cost`` is USD."""

    runs: int = 0
    failed: int = 0
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_SUMMED, 0))


def total(runs: Iterable[CountedRun]) -> Totals:
    """Return the totals of these runs."""
    totals = Totals()
    for run in runs:
        totals.runs += 1
        totals.failed += run.failed
        for name, value in run.sums.items():
            totals.sums[name] += value
    return totals


class NewRuns:
    """The agent runs in those segments of ``directory`` that are newer than this object."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._old = set(directory.glob("*.jsonl"))
        self._readers: dict[Path, LineReader] = {}
        self._runs: dict[str, CountedRun] = {}

    def runs(self, wanted: Callable[[dict[str, str]], bool]) -> dict[str, CountedRun]:
        """Read new lines; return by run_id the ended runs whose metadata is wanted.  Raises OSError."""
        for path in set(self._directory.glob("*.jsonl")) - self._old:
            self._read_new_lines(path)
        return {run_id: run for run_id, run in self._runs.items() if run.metadata is not None and wanted(run.metadata)}

    def _read_new_lines(self, path: Path) -> None:
        reader = self._readers.setdefault(path, LineReader())
        reader.rewind()
        try:
            with path.open("rb") as file:
                file.seek(reader.offset)
                data = file.read()
        except FileNotFoundError:  # a daemon delivered and removed it
            return
        for line in reader.read(data):
            if isinstance(line, Line) and line.is_record and line.kind != "feedback":
                body = orjson.loads(line.body)
                for item in body.get("items", [body]):
                    self._add(item)

    def _add(self, item: dict[str, Any]) -> None:
        if "test.outcome" in item.get("metadata", {}):  # our own record of a test
            return
        run = self._runs.setdefault(item["run_id"], CountedRun())
        if item["type"] == "run":
            run.metadata = item.get("metadata") or {}
            run.failed = item.get("status_code", 0) == 2  # noqa: PLR2004 -- the status code of an error
        for name in _SUMMED:
            if value := item.get(name):
                run.sums[name] = run.sums.get(name, 0) + value
