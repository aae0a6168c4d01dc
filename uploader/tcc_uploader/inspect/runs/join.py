"""Makes a run of the lines that were recorded about it.  Pure."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from tcc_uploader.model.body import Wire, moment_of

from .fates import Fate
from .kinds.read import is_post, items_of
from .values import (
    Feedback,
    Outcome,
    Post,
    Record,
    Run,
    Span,
    Step,
    ToolCall,
    by_start,
    cost_of,
    count_of,
    outcome_of,
    text_of,
)

Child = TypeVar("Child", Step, ToolCall, Span)


def joined(run_id: str, own: Record | None, others: Sequence[Record], fate: Fate = "") -> Run:
    """Make a run of its own record (or journal line) and of all else about it, which comes oldest first.

    Of two records of one step, tool call or feedback the later one counts.  Without ``own`` the outcome is that which
    an SDK posted; UNKNOWN if it posted something, but not that; else MISSING.
    """
    records = _once([*([own] if own else []), *others])
    run: Wire = {}
    told: list[Wire] = []
    steps, tool_calls, spans, feedback = [], [], [], []
    posts: list[Post] = []
    for record in records:
        items, post = items_of(record.line)
        posts += [post] if post else []
        if record.line.kind == "feedback":
            feedback += [_feedback(record, wire) for wire in items]
            continue
        for wire in items:
            match wire.get("type"):
                case "step":
                    steps.append(_step(wire))
                case "tool_call":
                    tool_calls.append(_tool_call(wire))
                case "span":
                    spans.append(_span(wire))
                case "run" if record is own:
                    run = wire
                case "run" if is_post(record.line):
                    told.append(wire)
    first = records[0].line
    run = _with_posted(run, told)
    outcome = _outcome(run, own, records)
    return Run(
        **_timed(run, run_id) | {"outcome": outcome},
        key_hint=first.key,
        at=max(record.line.at for record in records) if outcome is Outcome.UNENDED else first.at,
        session_id=text_of(run, "session_id"),
        prompt=text_of(_members(run, "prompt"), "user_prompt"),
        response=text_of(run, "response"),
        metadata={name: text_of(_members(run, "metadata"), name) for name in _members(run, "metadata")},
        steps=_latest(steps),
        tool_calls=_latest(tool_calls),
        spans=_latest(spans),
        posts=tuple(posts),
        feedback=tuple({each.id: each for each in feedback}.values()),
        fate=fate,
        records=tuple(records),
    )


def _outcome(run: Wire, own: Record | None, records: Iterable[Record]) -> Outcome:
    if own is not None and own.line.kind == "journal":
        return Outcome.UNENDED
    if "status_code" in run or (own is not None and run):
        return outcome_of(run)
    return Outcome.UNKNOWN if own or any(is_post(record.line) for record in records) else Outcome.MISSING


def _once(records: Iterable[Record]) -> list[Record]:
    """Leave out posts that were sent again: an SDK that got no answer sends the same bytes."""
    posts: set[str] = set()
    kept = []
    for record in records:
        if not is_post(record.line) or record.line.id not in posts:
            kept.append(record)
        if is_post(record.line):
            posts.add(record.line.id)
    return kept


def _with_posted(run: Wire, posted: Sequence[Wire]) -> Wire:
    """Return a run with what posts tell of it: the first to tell something counts, the widest time, and any failure."""
    if not posted:
        return run
    whole: Wire = {}
    shared: dict[str, Wire] = {"metadata": {}, "attributes": {}}
    for wire in (*reversed(posted), run):
        whole |= wire
        for name in shared:
            shared[name] |= _members(wire, name)
    for name, pick in (("start_time", min), ("end_time", max)):
        moments = {moment: wire[name] for wire in posted if (moment := moment_of(wire.get(name)))}
        if moments and name not in run:
            whole[name] = moments[pick(moments)]
    codes = [wire["status_code"] for wire in posted if "status_code" in wire]
    if codes and "status_code" not in run:
        whole["status_code"] = max(codes)
    return whole | {name: members for name, members in shared.items() if members}


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


def _span(wire: Wire) -> Span:
    return Span(
        **_timed(wire, text_of(wire, "span_id")),
        name=text_of(wire, "name"),
        input=text_of(wire, "input"),
        output=text_of(wire, "output"),
    )


def _feedback(record: Record, wire: Wire) -> Feedback:
    line = record.line
    return Feedback(id=line.id, at=line.at, score=text_of(wire, "score"), text=text_of(wire, "text"), wire=wire)


def _latest(children: Iterable[Child]) -> tuple[Child, ...]:
    """Return the last child of each id, by their start; what has no id is kept."""
    by_id = {child.id or number: child for number, child in enumerate(children)}
    return tuple(sorted(by_id.values(), key=by_start))
