"""Mastra: the spans of a trace, as its exporters get them.

Shapes: Mastra's reference of tracing (types of spans, their attributes), and a request of the official package.  A
``model_generation`` (before version 1 ``llm_generation``) is a step; the model's steps and chunks in it would count its
tokens again.
"""

from typing import Final

from tcc_uploader.inspect.runs.messages import as_text, spoken
from tcc_uploader.model.body import Wire

from .items import iso_of_ms, members, needed, present, rest_of, status, tokens, total

_GENERATIONS: Final = ("model_generation", "llm_generation")
_TOOL_CALLS: Final = ("tool_call", "mcp_tool_call")
_BODY: Final = ("runId", "metadata", "spans")
_SPAN: Final = ("id", "name", "startTime", "endTime", "input", "output", "errorInfo", "attributes", "runId")
_SESSION: Final = "tcc.sessionId"


def read(body: Wire) -> list[Wire]:
    """Return what a body says.  Raises NotUnderstoodError if it has no spans."""
    spans = needed(body, "spans")
    root = next((span for span in spans if span.get("isRootSpan") is True), None)
    metadata = members(body.get("metadata")) | (members(root.get("metadata")) if root else {})
    run = present(
        type="run",
        session_id=as_text(metadata.pop(_SESSION, "")),
        metadata=metadata,
        attributes=rest_of(body, _BODY),
    )
    if root:
        run |= _root(root, run)
    return [run, *(_item(span) for span in spans if span is not root)]


def _root(root: Wire, run: Wire) -> Wire:
    """Return what the root tells of the run."""
    attributes = members(root.get("attributes"))
    agent = as_text(root.get("entityName") or attributes.get("agentId") or attributes.get("workflowId"))
    told = _timed(root) | present(
        prompt=spoken(root.get("input"), "user"),
        response=_answer(root.get("output")),
        metadata=run.get("metadata", {}) | present(agent=agent),
        attributes=run.get("attributes", {})
        | {"span": rest_of(root, _SPAN) | present(name=root.get("name"))}
        | attributes,
    )
    return told if root.get("endTime") else {name: each for name, each in told.items() if name != "status_code"}


def _item(span: Wire) -> Wire:
    """Return a span that is not the root."""
    attributes = members(span.get("attributes"))
    kept = rest_of(span, _SPAN)
    if span.get("type") in _GENERATIONS:
        usage = members(attributes.get("usage"))
        cached = usage.get("cachedInputTokens", members(usage.get("inputDetails")).get("cacheRead"))
        sent = total(usage.get("inputTokens", usage.get("promptTokens")))
        uncached = None if sent is None else max(0, sent - (total(cached) or 0))
        return (
            _timed(span)
            | tokens(uncached, cached, usage.get("outputTokens", usage.get("completionTokens")))
            | present(
                type="step",
                step_id=as_text(span.get("id")),
                model_requested=as_text(attributes.get("model")),
                model_used=as_text(attributes.get("responseModel")),
                finish_reason=as_text(attributes.get("finishReason")),
                prompt=as_text(span.get("input")),
                response=_answer(span.get("output")),
                attributes=kept | attributes,
            )
        )
    if span.get("type") in _TOOL_CALLS:
        name = span.get("entityName") or attributes.get("toolId") or span.get("name")
        texts = {"args": as_text(span.get("input")), "result": as_text(span.get("output"))}
        names = {"type": "tool_call", "tool_call_id": as_text(span.get("id")), "tool_name": as_text(name)}
    else:
        texts = {"input": as_text(span.get("input")), "output": as_text(span.get("output"))}
        names = {"type": "span", "span_id": as_text(span.get("id")), "name": as_text(span.get("name"))}
    return _timed(span) | present(**names, **texts, attributes=kept | attributes)


def _timed(span: Wire) -> Wire:
    error = span.get("errorInfo")
    message = as_text(members(error).get("message") or error)
    return {"status_code": status(failed=bool(error))} | present(
        start_time=iso_of_ms(span.get("startTime")), end_time=iso_of_ms(span.get("endTime")), status_message=message
    )


def _answer(output: object) -> str:
    """Return an output as text: its words if it has them in ``text``."""
    text = members(output).get("text")
    return text if isinstance(text, str) and text else spoken(output, "assistant")
