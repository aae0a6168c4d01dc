"""Makes a run of the lines that were recorded about it.  Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

import orjson

from .fates import Fate
from .values import (
    Feedback,
    Outcome,
    Record,
    Run,
    Step,
    ToolCall,
    Wire,
    by_start,
    count_of,
    moment_of,
    number_of,
    outcome_of,
    text_of,
)

Child = TypeVar("Child", Step, ToolCall)
_DEEPEST: Final = 200
"""Levels of lists and objects in a wire item: as many as a recorder keeps when it converts a value."""
_AROUND: Final = 50
"""Levels that may be put around a wire item."""
_TOO_DEEP: Final = "(nested too deep to be shown)"


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


def wire_items(body: bytes) -> Iterator[Wire]:
    """Yield the wire items of a request's body; nothing if it is no JSON, or has another shape.

    What is nested deeper than :data:`_DEEPEST` is cut: orjson writes 254 levels, though it reads 1,024.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    items = value.get("items") if isinstance(value, dict) and value.get("type") == "batch" else [value]
    may_be_deep = body.count(b"[") + body.count(b"{") > _DEEPEST
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict):
            yield _cut(item, _DEEPEST) if may_be_deep and _is_deep(item) else item


def _is_deep(item: Wire) -> bool:
    """Whether orjson can't write an item with some levels more around it."""
    value: object = item
    for _ in range(_AROUND):
        value = [value]
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return True
    return False


def _cut(value: Any, depth: int) -> Any:
    """Return a value in which what lies deeper than ``depth`` is replaced by a text."""
    if isinstance(value, dict):
        return {name: _cut(each, depth - 1) for name, each in value.items()} if depth else _TOO_DEEP
    if isinstance(value, list):
        return [_cut(each, depth - 1) for each in value] if depth else _TOO_DEEP
    return value


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
        cost=number_of(wire, "real_total_cost"),
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
