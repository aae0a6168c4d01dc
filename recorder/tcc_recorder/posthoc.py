"""Runs that are known whole: imports, and logging after the fact."""

from typing import TYPE_CHECKING

from .config import route
from .defaults import defaults
from .records import run_lines
from .sink import emit

if TYPE_CHECKING:
    from tcc_schemas import RunRecord


def record(run: "RunRecord") -> str:
    """Record a run with its steps and tool calls; return its run_id."""
    first, *children = run.to_items()
    if metadata := defaults.current():
        first["metadata"] = {**metadata, **(run.metadata or {})}
    emit(run_lines, (first, False), [(child, False) for child in children], route(None, None))
    return run.run_id
