"""Pi: the messages of one prompt of the pi agent, and the tools that it ran.

Shapes: the message types of pi's library (roles ``user``, ``assistant``, ``toolResult``; ``timestamp`` in milliseconds
is when a message began), and a request of the official package.  ``toolExecutions`` tell more of the calls in messages.
"""

from typing import Final

import orjson

from tcc_uploader.inspect.runs.messages import as_text, spoken
from tcc_uploader.model.body import Wire

from .items import iso_of_ms, labelled, members, needed, objects, present, rest_of, status, tokens, total

_BODY: Final = ("runId", "startTimestamp", "endTimestamp", "messages", "toolExecutions", "sessionId", "metadata")
_ANSWER: Final = ("role", "content", "model", "usage", "stopReason", "errorMessage", "timestamp")
_EXECUTION: Final = ("toolCallId", "toolName", "args", "result", "isError", "startTimestamp", "endTimestamp")
_FAILED: Final = ("error", "aborted")


def read(body: Wire) -> list[Wire]:
    """Return what a body says.  Raises NotUnderstoodError if it has no messages."""
    messages = needed(body, "messages")
    calls: dict[str, Wire] = {}
    items: list[Wire] = []
    sent: list[Wire] = []
    answers = [each for each in messages if each.get("role") == "assistant"]
    for message in messages:
        match message.get("role"):
            case "assistant":
                items.append(_step(message, len(items) + 1, sent))
                sent = []
                _begin_calls(message, calls)
                continue
            case "toolResult":
                _end_call(message, calls)
            case "user":
                pass
            case _:
                items.append(_other(message))
        sent.append(message)
    for execution in objects(body.get("toolExecutions")):
        _tell_more(execution, calls)
    return [_run(body, answers), *items, *calls.values()]


def _run(body: Wire, answers: list[Wire]) -> Wire:
    last = answers[-1] if answers else {}
    failed = last.get("stopReason") in _FAILED
    ended = iso_of_ms(body.get("endTimestamp"))
    return ({"status_code": status(failed=failed)} if ended else {}) | present(
        type="run",
        start_time=iso_of_ms(body.get("startTimestamp")),
        end_time=ended,
        session_id=as_text(body.get("sessionId")),
        prompt=spoken(body["messages"], "user"),
        response=spoken([last], "assistant") if last else "",
        status_message=as_text(last.get("errorMessage") or last["stopReason"]) if failed else "",
        metadata=body.get("metadata"),
        attributes=rest_of(body, _BODY),
    )


def _step(message: Wire, number: int, sent: list[Wire]) -> Wire:
    usage = members(message.get("usage"))
    failed = message.get("stopReason") in _FAILED
    return (
        {"status_code": status(failed=failed)}
        | tokens(total(usage.get("input"), usage.get("cacheWrite")), usage.get("cacheRead"), usage.get("output"))
        | present(
            type="step",
            step_id=as_text(message.get("responseId")) or f"message {number}",
            start_time=iso_of_ms(message.get("timestamp")),
            model_used=as_text(message.get("model")),
            prompt=orjson.dumps(sent).decode() if sent else "",
            response=spoken([message], "assistant"),
            finish_reason=as_text(message.get("stopReason")),
            status_message=as_text(message.get("errorMessage")) if failed else "",
            real_total_cost=members(usage.get("cost")).get("total"),
            attributes=rest_of(message, _ANSWER),
        )
    )


def _begin_calls(message: Wire, calls: dict[str, Wire]) -> None:
    for part in objects(message.get("content")):
        if part.get("type") == "toolCall":
            ident = as_text(part.get("id"))
            calls[ident] = present(
                type="tool_call",
                tool_call_id=ident,
                tool_name=as_text(part.get("name")),
                args=as_text(part.get("arguments")),
            )


def _end_call(message: Wire, calls: dict[str, Wire]) -> None:
    ident = as_text(message.get("toolCallId"))
    call = calls.setdefault(ident, {"type": "tool_call", "tool_call_id": ident})
    said = spoken([message], "toolResult")
    failed = message.get("isError") is True
    call |= {"status_code": status(failed=failed)} | present(
        tool_name=as_text(message.get("toolName")),
        end_time=iso_of_ms(message.get("timestamp")),
        result=said,
        status_message=said if failed else "",
    )


def _tell_more(execution: Wire, calls: dict[str, Wire]) -> None:
    """Take in a tool execution: the times of a call, and whatever the messages do not say."""
    ident = as_text(execution.get("toolCallId"))
    told = present(
        type="tool_call",
        tool_call_id=ident,
        tool_name=as_text(execution.get("toolName")),
        args=as_text(execution.get("args")),
        result=as_text(execution.get("result")),
        attributes=rest_of(execution, _EXECUTION),
    )
    failed = {"status_code": status(failed=True)} if execution.get("isError") is True else {}
    times = present(
        start_time=iso_of_ms(execution.get("startTimestamp")), end_time=iso_of_ms(execution.get("endTimestamp"))
    )
    key = ident or f"execution {len(calls) + 1}"
    calls[key] = told | calls.get(key, {}) | times | failed


def _other(message: Wire) -> Wire:
    name = labelled(message.get("role")) or "message"
    return present(type="span", name=name, start_time=iso_of_ms(message.get("timestamp")), attributes=dict(message))
