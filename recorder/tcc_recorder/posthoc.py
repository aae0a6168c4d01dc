"""Runs that are known whole: imports, and logging after the fact."""

from typing import TYPE_CHECKING, Any

from .config import route
from .records import Ended, run_lines
from .redaction import redact
from .sink import emit

if TYPE_CHECKING:
    from tcc_schemas import RunRecord


def record(run: "RunRecord") -> str:
    """Record a run with its steps and tool calls; return its run_id."""
    first, *children = [Ended(_redacted(item), converted=False) for item in run.to_items()]
    emit(run_lines, first, children, route(None, None))
    return run.run_id


def _redacted(item: dict[str, Any]) -> dict[str, Any]:
    if "status_message" in item:
        item["status_message"] = redact(item["status_message"])
    return item
