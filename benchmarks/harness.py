"""What all benchmarks share: interleaved repetitions, rows, and the page that they are written to.

A benchmark is a module with ``rows(quick) -> Iterator[Row]``; its docstring's first sentence is its title.
"""

import datetime as dt
import importlib.metadata
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

PACKAGES = ("tcc-offline", "orjson", "httpx", "pydantic", "contextcompany", "openai-agents")


class Row(NamedTuple):
    """One line of a table: the median, least and greatest figure of the repetitions, and what was wanted of the median.

    ``limit`` names what the figure is a ratio to ("" if it is none); ``holds`` is None where there is no goal.
    A row that could not be measured has no figures, and its reason as ``goal``.
    """

    what: str
    limit: str
    unit: str
    median: float | None
    least: float | None
    greatest: float | None
    goal: str
    holds: bool | None


def row(
    what: str,
    figures: Sequence[float],
    *,
    limit: str = "",
    unit: str = "x",
    at_most: float | None = None,
    at_least: float | None = None,
) -> Row:
    """Return the row of one figure per repetition, with a goal for their median or none."""
    median = statistics.median(figures)
    goal, holds = "", None
    if at_most is not None:
        goal, holds = f"≤ {at_most:g}", median <= at_most
    elif at_least is not None:
        goal, holds = f"≥ {at_least:g}", median >= at_least
    return Row(what, limit, unit, median, min(figures), max(figures), goal, holds)


def unmeasured(what: str, reason: str) -> Row:
    """Return the row that says why there is no figure."""
    return Row(what, "", "", None, None, None, f"not measured: {reason}", None)


def seconds_of(call: Callable[[Any], object], inputs: Iterable[Any]) -> list[float]:
    """Return how many seconds each call took, by the monotonic clock."""
    taken = []
    for value in inputs:
        began = time.perf_counter()
        call(value)
        taken.append(time.perf_counter() - began)
    return taken


def interleaved(repetitions: int, measures: Mapping[str, Callable[[int], float]]) -> dict[str, list[float]]:
    """Return each measure's figure per repetition, given the repetition's number.

    Within a repetition all take their turns, so that a noisy moment hits them alike.
    """
    found: dict[str, list[float]] = {name: [] for name in measures}
    for repetition in range(repetitions):
        for name, measure in measures.items():
            found[name].append(measure(repetition))
    return found


def ratios(figures: Sequence[float], limits: Sequence[float]) -> list[float]:
    """Return each repetition's figure divided by the same repetition's limit."""
    return [figure / limit for figure, limit in zip(figures, limits, strict=True)]


def processor_seconds(pid: int) -> float:
    """Return the processor time that a living process has used, by Linux' clock of that process, in nanoseconds' steps.

    ``/proc/PID/stat`` counts ticks of 10 ms: a short measure may have none, and a ratio to nothing is none.
    The clock's number is what clock_getcpuclockid(3) makes of the pid.
    """
    return time.clock_gettime((~pid << 3) | 2)


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| what | as a ratio to | median | min to max | goal | holds |", "|---|---|---|---|---|---|"]
    for r in rows:
        verdict = "" if r.holds is None else "yes" if r.holds else "**no**"
        lines.append(f"| {r.what} | {r.limit} | {_figure(r.median, r.unit)} | {_span(r)} | {r.goal} | {verdict} |")
    return "\n".join(lines)


def line(r: Row) -> str:
    """Return a row as one line for the terminal."""
    if r.median is None:
        return f"{r.what}: {r.goal}"
    against = f" {r.limit}" if r.limit else ""
    verdict = "" if r.holds is None else "  holds" if r.holds else "  DOES NOT HOLD"
    goal = f"  goal {r.goal}{verdict}" if r.goal else ""
    return f"{r.what}: {_figure(r.median, r.unit)}{against} ({_span(r)}){goal}"


def write(name: str, title: str, rows: Sequence[Row], machine: str, page: Path) -> None:
    """Put the table between the benchmark's own markers in the page, or at its end if it has none yet.

    Raises OSError if the page cannot be read or written.
    """
    begin, end = f"<!-- {name}: written by the benchmark -->", f"<!-- {name}: end -->"
    section = f"{begin}\n## {title}\n\n{machine}\n\n{table(rows)}\n{end}"
    text = page.read_text(encoding="utf-8")
    if begin in text:
        text = re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda _: section, text, flags=re.DOTALL)
    else:
        text = f"{text.rstrip()}\n\n{section}\n"
    page.write_text(text, encoding="utf-8")


def machine() -> str:
    """Return date, machine, load (the last minute's average, now) and versions, as one line."""
    today = dt.datetime.now(dt.UTC).date()
    versions = ", ".join(f"{p} {v}" for p in PACKAGES if (v := _version(p)))
    return (
        f"{today}, {_cpu()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.2f} at start; {versions}"
    )


def _figure(value: float | None, unit: str) -> str:
    return "" if value is None else (f"{value:.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}").rstrip()


def _span(r: Row) -> str:
    return "" if r.median is None else f"{_figure(r.least, '')} to {_figure(r.greatest, '')}"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _cpu() -> str:
    try:
        found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()
