"""Makes a run of the lines that were recorded about it.  Pure."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from tcc_uploader.model.body import Wire, moment_of, wire_items

from .fates import Fate
from .values import (
    Feedback,
    Outcome,
    Record,
    Run,
    Step,
    ToolCall,
    by_start,
    cost_of,
    count_of,
    outcome_of,
    text_of,
)

Child = TypeVar("Child", Step, ToolCall)


def joined(run_id: str, own: Record | None, others: Sequence[Record], fate: Fate = "") -> Run:
    """Make a run of its own record (or journal line) and of its late ones, which come oldest first.

    Of two records of one step, tool call or feedback the later one counts.  Without ``own`` the outcome is MISSING.
    """
    records = ([own] if own else []) + list(others)
    run: Wire = {}
    steps, tool_calls, feedback = [], [], []
    for record in records:
        if record.line.kind == "feedback":
            feedback += [_feedback(record, wire) for wire in wire_items(record.line.body)]
            continue
        for wire in wire_items(record.line.body):
            kind = wire.get("type")
            if kind == "step":
                steps.append(_step(wire))
            elif kind == "tool_call":
                tool_calls.append(_tool_call(wire))
            elif kind == "run" and record is own:
                run = wire
    unended = own is not None and own.line.kind == "journal"
    outcome = outcome_of(run) if own else Outcome.MISSING
    first = records[0].line
    return Run(
        **_timed(run, run_id) | {"outcome": Outcome.UNENDED if unended else outcome},
        key_hint=first.key,
        at=max(record.line.at for record in records) if unended else first.at,
        session_id=text_of(run, "session_id"),
        prompt=text_of(_members(run, "prompt"), "user_prompt"),
        response=text_of(run, "response"),
        metadata={name: text_of(_members(run, "metadata"), name) for name in _members(run, "metadata")},
        steps=_latest(steps),
        tool_calls=_latest(tool_calls),
        feedback=tuple({each.id: each for each in feedback}.values()),
        fate=fate,
        records=tuple(records),
    )


def _members(wire: Wire, name: str) -> Wire:
    value = wire.get(name)
    if isinstance(value, str) and name == "prompt":
        return {"user_prompt": value}
    return value if isinstance(value, dict) else {}


def _timed(wire: Wire, ident: str) -> dict[str, Any]:
    """Return the members that runs, steps and tool calls have in common."""
    return {
        "id": ident,
        "start": moment_of(wire.get("start_time")),
        "end": moment_of(wire.get("end_time")),
        "outcome": outcome_of(wire),
        "message": text_of(wire, "status_message"),
        "wire": wire,
    }


def _step(wire: Wire) -> Step:
    return Step(
        **_timed(wire, text_of(wire, "step_id")),
        model=text_of(wire, "model_used") or text_of(wire, "model_requested"),
        tokens_in=count_of(wire, "prompt_uncached_tokens"),
        tokens_cached=count_of(wire, "prompt_cached_tokens"),
        tokens_out=count_of(wire, "completion_tokens"),
        cost=cost_of(wire, "real_total_cost"),
    )


def _tool_call(wire: Wire) -> ToolCall:
    return ToolCall(
        **_timed(wire, text_of(wire, "tool_call_id")),
        name=text_of(wire, "tool_name"),
        args=text_of(wire, "args"),
        result=text_of(wire, "result"),
    )


def _feedback(record: Record, wire: Wire) -> Feedback:
    line = record.line
    return Feedback(id=line.id, at=line.at, score=text_of(wire, "score"), text=text_of(wire, "text"), wire=wire)


def _latest(children: Iterable[Child]) -> tuple[Child, ...]:
    """Return the last child of each id, by their start; what has no id is kept."""
    by_id = {child.id or number: child for number, child in enumerate(children)}
    return tuple(sorted(by_id.values(), key=by_start))
