"""OTLP: the spans of traces, as OpenTelemetry's protocol has them in JSON.

Source: the protocol's specification.  In JSON 64-bit numbers are texts, and ids hexadecimal; a span without a parent is
the root of its trace.  What attributes mean is in :mod:`.conventions`.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from tcc_uploader.inspect.runs.messages import as_text
from tcc_uploader.model.body import Wire

from . import conventions
from .items import (
    MOST,
    NotUnderstoodError,
    integer,
    iso_of_nanos,
    members,
    needed,
    objects,
    present,
    rest_of,
    status,
)

_SPAN: Final = (
    *("traceId", "spanId", "parentSpanId", "name", "kind", "flags", "startTimeUnixNano", "endTimeUnixNano"),
    *("attributes", "events", "status"),
)
_FAILED: Final = (2, "STATUS_CODE_ERROR")
_VALUES: Final = ("stringValue", "boolValue", "doubleValue", "bytesValue")
_METADATA: Final = "ai.telemetry.metadata."
_OWN: Final = ("tcc.runId", "tcc.sessionId")


class Span(NamedTuple):
    """A span: as it was sent, and its attributes by name."""

    wire: Wire
    attributes: Wire
    resource: Wire
    """The attributes of what it came from."""

    @property
    def start(self) -> int:
        """Nanoseconds since 1970; 0 if there is none."""
        return integer(self.wire.get("startTimeUnixNano")) or 0

    @property
    def end(self) -> int:
        """The same."""
        return integer(self.wire.get("endTimeUnixNano")) or 0

    @property
    def is_root(self) -> bool:
        """Whether it has no parent."""
        return not as_text(self.wire.get("parentSpanId")).strip("0")


def read(body: Wire) -> list[Wire]:
    """Return what the spans of a run say.  Raises NotUnderstoodError if it has none."""
    spans = _spans(body)
    root = min((span for span in spans if span.is_root), key=lambda span: span.start, default=None)
    run = _run(spans)
    if root is None:
        return [run, *map(_item, spans)]
    items = [_item(span) for span in spans if span is not root]
    told = _timed(root)
    if conventions.kind_of(root.attributes) == "span":
        run |= told | conventions.run_of(root.attributes)
        run["attributes"] = _kept(root) | present(name=root.wire.get("name"), resource=root.resource)
    else:  # one call is all that there was
        items.append(_item(root))
        run |= told | present(prompt=items[-1].get("prompt"), response=items[-1].get("response"))
    return [run | _span_of_time(spans), *items]


def read_steps(body: Wire) -> list[Wire]:
    """Return what spans say that are steps of a run which is told of elsewhere: none of them is its root.

    Raises NotUnderstoodError if there are none.
    """
    spans = _spans(body)
    return [_run(spans), *map(_item, spans)]


def _spans(body: Wire) -> list[Span]:
    found: list[Span] = []
    for group in needed(body, "resourceSpans"):
        resource = _attributes(members(group.get("resource")).get("attributes"))
        for scope in objects(group.get("scopeSpans")):
            spans = objects(scope.get("spans"))
            if len(found) + len(spans) > MOST:
                raise NotUnderstoodError("it holds more spans than are shown one by one")
            found += (Span(span, _attributes(span.get("attributes")), resource) for span in spans)
    if not found:
        raise NotUnderstoodError("it has no span")
    return found


def _run(spans: list[Span]) -> Wire:
    """Return what all spans together tell of their run."""
    told = [span.attributes for span in spans]
    metadata = {
        name.removeprefix(_METADATA): value
        for attributes in told
        for name, value in attributes.items()
        if name.startswith(_METADATA) and name.removeprefix(_METADATA) not in _OWN
    }
    service = as_text(spans[0].resource.get("service.name"))
    agent = _first(map(conventions.agent_of, told))
    return _span_of_time(spans) | present(
        type="run",
        session_id=_first(map(conventions.session_of, told)),
        metadata=present(**{"agent": agent, "service.name": service}) | metadata,
    )


def _span_of_time(spans: list[Span]) -> Wire:
    starts, ends = [span.start for span in spans if span.start], [span.end for span in spans]
    return present(start_time=iso_of_nanos(min(starts, default=0)), end_time=iso_of_nanos(max(ends)))


def _item(span: Span) -> Wire:
    """Return a span as a step, a tool call, or what it is else."""
    kind, name = conventions.kind_of(span.attributes), as_text(span.wire.get("name"))
    ident = as_text(span.wire.get("spanId"))
    made: Callable[[], Wire] = {
        "step": lambda: conventions.step_of(span.attributes),
        "tool_call": lambda: conventions.tool_call_of(span.attributes, name),
        "span": lambda: conventions.span_of(span.attributes, name),
    }[kind]
    item = {"type": kind} | present(**{f"{kind}_id": ident}) | made() | _timed(span)
    if kind == "step":
        span.attributes.setdefault("name", name)
    return item | present(attributes=_kept(span))


def _timed(span: Span) -> Wire:
    """Return a span's times and outcome."""
    told = members(span.wire.get("status"))
    thrown = next((event for event in objects(span.wire.get("events")) if event.get("name") == "exception"), {})
    exception = _attributes(thrown.get("attributes"))
    error = [text for name in ("exception.type", "exception.message") if (text := as_text(exception.get(name)))]
    failed = told.get("code") in _FAILED
    message = as_text(told.get("message")) or ": ".join(error) or as_text(span.attributes.get("error.type"))
    return {"status_code": status(failed=failed)} | present(
        start_time=iso_of_nanos(span.start), end_time=iso_of_nanos(span.end), status_message=message if failed else ""
    )


def _kept(span: Span) -> Wire:
    """Return what no other member of an item tells: attributes, events, the parent, and the rest of the span."""
    events = [
        present(name=event.get("name"), time=iso_of_nanos(event.get("timeUnixNano")))
        | present(attributes=_attributes(event.get("attributes")))
        for event in objects(span.wire.get("events"))
    ]
    rest = {name: value for name, value in rest_of(span.wire, _SPAN).items() if value != 0}
    return span.attributes | present(
        trace_id=as_text(span.wire.get("traceId")),
        parent_span_id="" if span.is_root else as_text(span.wire.get("parentSpanId")),
        events=events,
        span=rest,
    )


def _attributes(value: object) -> Wire:
    return {as_text(each.get("key")): _value(each.get("value")) for each in objects(value)}


def _value(value: object) -> object:
    """Return a value of the protocol as one of JSON; a shape that it does not have stays as it is."""
    told = members(value)
    if "intValue" in told:
        return integer(told["intValue"])
    for name in _VALUES:
        if name in told:
            return told[name]
    if "arrayValue" in told:
        return [_value(each) for each in objects(members(told["arrayValue"]).get("values"))]
    if "kvlistValue" in told:
        return _attributes(members(told["kvlistValue"]).get("values"))
    return value or None


def _first(texts: Iterator[str]) -> str:
    return next(filter(None, texts), "")
