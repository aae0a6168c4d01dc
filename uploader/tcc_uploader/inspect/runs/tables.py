"""Runs as rows of tables, for ``export`` and ``--json``.  The names of tables and columns stay as they are.  Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import orjson

from .values import Feedback, Outcome, Run, Step, Timed, ToolCall, text_of

Row = dict[str, Any]
"""By column: text, number, or None."""

_TIMED: Final = {"start": "TEXT", "end": "TEXT", "ms": "REAL", "status": "TEXT", "message": "TEXT"}
_USAGE: Final = {"tokens_in": "INTEGER", "tokens_cached": "INTEGER", "tokens_out": "INTEGER", "cost": "REAL"}
COLUMNS: Final[dict[str, dict[str, str]]] = {
    "runs": {
        "run_id": "TEXT",
        "key_hint": "TEXT",
        "session_id": "TEXT",
        **_TIMED,
        "prompt": "TEXT",
        "response": "TEXT",
        "model": "TEXT",
        **_USAGE,
        "fate": "TEXT",
        "source": "TEXT",
    },
    "steps": {
        "run_id": "TEXT",
        "step_id": "TEXT",
        **_TIMED,
        "model": "TEXT",
        "prompt": "TEXT",
        "response": "TEXT",
        "finish_reason": "TEXT",
        **_USAGE,
        "attributes": "TEXT",
    },
    "tool_calls": {
        "run_id": "TEXT",
        "tool_call_id": "TEXT",
        **_TIMED,
        "tool_name": "TEXT",
        "args": "TEXT",
        "result": "TEXT",
        "attributes": "TEXT",
    },
    "feedback": {"run_id": "TEXT", "feedback_id": "TEXT", "at": "TEXT", "score": "TEXT", "text": "TEXT"},
    "metadata": {"run_id": "TEXT", "name": "TEXT", "value": "TEXT"},
    "damage": {"source": "TEXT", "line": "INTEGER", "reason": "TEXT"},
}
"""The tables: by name, their columns and SQL types."""


def rows_of(run: Run) -> Iterator[tuple[str, Row]]:
    """Yield the rows that a run has in the tables, each with its table's name."""
    if run.outcome is not Outcome.MISSING:
        yield "runs", run_row(run)
    for step in run.steps:
        yield "steps", {"run_id": run.id, **_step_row(step)}
    for call in run.tool_calls:
        yield "tool_calls", {"run_id": run.id, **_tool_row(call)}
    for feedback in run.feedback:
        yield "feedback", {"run_id": run.id, **_feedback_row(feedback)}
    for name, value in run.metadata.items():
        yield "metadata", {"run_id": run.id, "name": name, "value": value}


def run_row(run: Run) -> Row:
    """Return the row of a run."""
    return {
        "run_id": run.id,
        "key_hint": run.key_hint,
        "session_id": run.session_id or None,
        **_timed_row(run),
        "prompt": run.prompt,
        "response": run.response or None,
        "model": ", ".join(run.models) or None,
        "tokens_in": run.tokens_in,
        "tokens_cached": run.tokens_cached,
        "tokens_out": run.tokens_out,
        "cost": run.cost,
        "fate": run.fate or None,
        "source": run.source,
    }


def nested(run: Run) -> Row:
    """Return a run with its children, feedback and metadata in it."""
    return {
        **run_row(run),
        "metadata": run.metadata,
        "steps": list(map(_step_row, run.steps)),
        "tool_calls": list(map(_tool_row, run.tool_calls)),
        "feedback": list(map(_feedback_row, run.feedback)),
    }


def counted(run: Run) -> Row:
    """Return a run with its metadata, and how many children and feedback it has."""
    lengths = {"steps": len(run.steps), "tool_calls": len(run.tool_calls), "feedback": len(run.feedback)}
    return {**run_row(run), "agent": run.agent or None, "metadata": run.metadata, **lengths}


def iso(moment: datetime | None) -> str | None:
    """Return a time as ISO-8601 with milliseconds and ``Z``."""
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _timed_row(item: Timed) -> Row:
    return {
        "start": iso(item.start),
        "end": iso(item.end),
        "ms": item.ms,
        "status": item.outcome.value,
        "message": item.message or None,
    }


def _step_row(step: Step) -> Row:
    return {
        "step_id": step.id,
        **_timed_row(step),
        "model": step.model or None,
        "prompt": text_of(step.wire, "prompt"),
        "response": text_of(step.wire, "response") or None,
        "finish_reason": text_of(step.wire, "finish_reason") or None,
        "tokens_in": step.tokens_in,
        "tokens_cached": step.tokens_cached,
        "tokens_out": step.tokens_out,
        "cost": step.cost,
        "attributes": _json(step),
    }


def _tool_row(call: ToolCall) -> Row:
    return {
        "tool_call_id": call.id,
        **_timed_row(call),
        "tool_name": call.name,
        "args": call.args or None,
        "result": call.result or None,
        "attributes": _json(call),
    }


def _feedback_row(feedback: Feedback) -> Row:
    return {
        "feedback_id": feedback.id,
        "at": feedback.at,
        "score": feedback.score or None,
        "text": feedback.text or None,
    }


def _json(item: Timed) -> str | None:
    value = item.wire.get("attributes")
    return None if value is None else orjson.dumps(value).decode()
