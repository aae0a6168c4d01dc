"""OTLP in protobuf, as the same messages in JSON; needs the extra ``otlp``, and loads it when it is first called."""

import base64
import binascii
from typing import Any, Final

from tcc_uploader.model.body import Wire

from .items import MOST, NotUnderstoodError, iso_of_nanos, members, objects

NEEDED: Final = "to read it: pip install 'tcc-offline[otlp]'"
MOST_BYTES: Final = 8 * 1024 * 1024
"""Bytes of a body that is read: parsed, a hostile one takes 80 times as many."""
_IDS: Final = ("traceId", "spanId", "parentSpanId")


def as_json(body: bytes) -> Wire:
    """Return the traces in a body.

    Raises NotUnderstoodError if the packages are missing, the body holds no traces, or is too large.
    """
    request = _request(body)
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415 -- as below

    told: Wire = MessageToDict(request, use_integers_for_enums=True)
    for group in objects(told.get("resourceSpans")):
        for scope in objects(group.get("scopeSpans")):
            for span in objects(scope.get("spans")):
                _write_ids(span)
                for link in objects(span.get("links")):
                    _write_ids(link)
    return told


def first_start(body: bytes) -> str:
    """Return when the first span began, as a time on the wire; empty if none says so.

    It takes a tenth of :func:`as_json`.  Raises NotUnderstoodError as that does.
    """
    groups = _request(body).resource_spans
    spans = (span for group in groups for scope in group.scope_spans for span in scope.spans)
    return iso_of_nanos(min(filter(None, (span.start_time_unix_nano for span in spans)), default=0))


def _request(body: bytes) -> Any:
    if len(body) > MOST_BYTES:
        raise NotUnderstoodError(f"it is larger than {MOST_BYTES // 2**20} MiB")
    try:
        from google.protobuf.message import DecodeError  # noqa: PLC0415 -- it may be missing
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2  # noqa: PLC0415
    except ImportError as error:
        raise NotUnderstoodError(NEEDED) from error
    request: Any = trace_service_pb2.ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise NotUnderstoodError("it is no OTLP message of traces") from error
    groups = request.resource_spans
    scopes = [scope for group in groups for scope in group.scope_spans]
    if max(len(groups), len(scopes), sum(len(scope.spans) for scope in scopes)) > MOST:
        raise NotUnderstoodError("it holds more spans than are shown one by one")
    return request


def _write_ids(span: Wire) -> None:
    """Write ids as JSON's OTLP does: hexadecimal, where protobuf's JSON has base64."""
    for name in _IDS:
        if name in members(span):
            span[name] = binascii.hexlify(base64.b64decode(span[name])).decode()
