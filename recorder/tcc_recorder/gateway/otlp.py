"""OpenTelemetry's export requests: which run they belong to, and their texts.  Pure.

As protobuf they are read with the official messages (opentelemetry-proto), as JSON by the names of their members.
"""

from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status


def parsed_protobuf(data: bytes) -> ExportTraceServiceRequest:
    """Return the message.  Raises ValueError if it is none."""
    try:
        return ExportTraceServiceRequest.FromString(data)
    except DecodeError as error:
        raise ValueError("it is no OTLP export request") from error


def run_id_of_protobuf(request: ExportTraceServiceRequest, name: str) -> str | None:
    """Return the value of the attribute ``name`` if there is one in the request, else the trace id if there is one."""
    run_ids: set[str] = set()
    traces: set[str] = set()
    for resource in request.resource_spans:
        holders = [resource.resource.attributes]
        for scope in resource.scope_spans:
            holders.append(scope.scope.attributes)
            for span in scope.spans:
                holders.append(span.attributes)
                traces.add(span.trace_id.hex())
        for attributes in holders:
            run_ids.update(each.value.string_value for each in attributes if each.key == name)
    return _only(run_ids, traces)


def run_id_of_json(request: object, name: str) -> str | None:
    """See :func:`run_id_of_protobuf`."""
    run_ids: set[str] = set()
    traces: set[str] = set()
    for resource in _members(request, "resourceSpans"):
        run_ids.update(_values(resource.get("resource"), name))
        for scope in _members(resource, "scopeSpans"):
            run_ids.update(_values(scope.get("scope"), name))
            for span in _members(scope, "spans"):
                run_ids.update(_values(span, name))
                traces.add(str(span.get("traceId", "")))
    return _only(run_ids, traces)


def change_texts(message: Message, change: Callable[[str, str], str], name: str = "") -> int:
    """Replace each text in a message by ``change(name, text)``; return how many became others.

    The name is an attribute's key, or ``status.message``; empty for any other text.
    """
    if isinstance(message, KeyValue):
        name = message.key
    elif isinstance(message, Status):
        name = "status.message"
    changed = 0
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for each in (value,) if isinstance(value, Message) else value:
                changed += change_texts(each, change, name)
        elif isinstance(value, str) and field.name != "key":  # keys are names, as those of members in JSON
            new = change(name, value)
            if new != value:
                setattr(message, field.name, new)
                changed += 1
    return changed


def _only(run_ids: set[str], traces: set[str]) -> str | None:
    for found in (run_ids - {""}, traces - {""}):
        if len(found) == 1:
            return found.pop()
    return None


def _members(value: object, name: str) -> Iterator[dict[str, Any]]:
    found = value.get(name) if isinstance(value, dict) else None
    return (each for each in (found if isinstance(found, list) else []) if isinstance(each, dict))


def _values(holder: object, name: str) -> Iterator[str]:
    for attribute in _members(holder, "attributes"):
        value = attribute.get("value")
        if attribute.get("key") == name and isinstance(value, dict) and isinstance(value.get("stringValue"), str):
            yield value["stringValue"]
