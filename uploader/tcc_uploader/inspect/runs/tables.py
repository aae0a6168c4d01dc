"""Runs as rows of tables, for ``export`` and ``--json``.  The names of tables and columns stay as they are.  Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import orjson

from .values import Feedback, Outcome, Post, Run, Span, Step, Timed, ToolCall, text_of

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
        "attributes": "TEXT",
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
    "spans": {
        "run_id": "TEXT",
        "span_id": "TEXT",
        **_TIMED,
        "name": "TEXT",
        "input": "TEXT",
        "output": "TEXT",
        "attributes": "TEXT",
    },
    "posts": {
        "run_id": "TEXT",
        "kind": "TEXT",
        "path": "TEXT",
        "type": "TEXT",
        "encoding": "TEXT",
        "size": "INTEGER",
        "reason": "TEXT",
        "body": "TEXT",
    },
    "feedback": {"run_id": "TEXT", "feedback_id": "TEXT", "at": "TEXT", "score": "TEXT", "text": "TEXT"},
    "metadata": {"run_id": "TEXT", "name": "TEXT", "value": "TEXT"},
    "damage": {"source": "TEXT", "line": "INTEGER", "reason": "TEXT"},
}
"""The tables: by name, their columns and SQL types."""


def rows_of(run: Run) -> Iterator[tuple[str, Row]]:
    """Yield the rows that a run has in the tables, each with its table's name."""
    if run.outcome is not Outcome.MISSING:
        yield "runs", {**run_row(run), "attributes": _json(run)}
    for step in run.steps:
        yield "steps", {"run_id": run.id, **_step_row(step)}
    for call in run.tool_calls:
        yield "tool_calls", {"run_id": run.id, **_tool_row(call)}
    for span in run.spans:
        yield "spans", {"run_id": run.id, **_span_row(span)}
    for post in run.posts:
        yield "posts", {"run_id": run.id, **_post_row(post), "body": orjson.dumps(post.body).decode()}
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
        "attributes": _json(run),
        "metadata": run.metadata,
        "steps": list(map(_step_row, run.steps)),
        "tool_calls": list(map(_tool_row, run.tool_calls)),
        "spans": list(map(_span_row, run.spans)),
        "posts": list(map(_post_row, run.posts)),
        "feedback": list(map(_feedback_row, run.feedback)),
    }


def counted(run: Run) -> Row:
    """Return a run with its metadata, and how many children and feedback it has."""
    parts = {"steps": run.steps, "tool_calls": run.tool_calls, "spans": run.spans, "feedback": run.feedback}
    lengths = {name: len(part) for name, part in parts.items()}
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


def _span_row(span: Span) -> Row:
    return {
        "span_id": span.id,
        **_timed_row(span),
        "name": span.name,
        "input": span.input or None,
        "output": span.output or None,
        "attributes": _json(span),
    }


def _post_row(post: Post) -> Row:
    return {**post._asdict(), "encoding": post.encoding or None}


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
