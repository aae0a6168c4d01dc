"""Secrets are taken out of posts before they are written; without one, no byte is changed."""

import gzip
import json
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support.posting import JSON, PROTOBUF, official_requests, repeat, request
from tcc_recorder.gateway import json_body
from tcc_recorder.gateway.identity import ident_of
from tcc_recorder.gateway.options import Options
from tcc_recorder.gateway.server import Gateway
from tcc_schemas.lines import Line

Written = Callable[[], list[Line]]

SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD"  # noqa: S105 -- it opens nothing
CHOSEN = "hunter2-xyz9Q"
"""A password that only its name tells."""
MESSAGE = f"401 for Authorization: Bearer {SECRET}"


@pytest.fixture
def post(spool: Path, written: Written) -> Callable[..., tuple[int, Line | None]]:
    """Return what posts a body to a gateway with a policy, and returns the answer's status and the record."""

    def post(body: bytes, path: str = "/v1/custom", *, redact: Sequence[Any] = ("status",), **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()} or JSON
        with Gateway(Options(spool_dir=str(spool), redact=tuple(redact))) as gateway:
            status = request(gateway.url, path, body, sent).status
        return status, next(iter(written()), None)

    return post


def failed_span(message: str = MESSAGE) -> ExportTraceServiceRequest:
    """Return an OTLP request with a span that failed, and that says so in every place there is."""
    found = ExportTraceServiceRequest()
    span = found.resource_spans.add().scope_spans.add().spans.add(trace_id=b"t" * 16, name="call")
    span.status.message = message
    event = span.events.add(name="exception")
    for key in ("exception.message", "exception.stacktrace"):
        event.attributes.add(key=key).value.string_value = message
    span.attributes.add(key="gen_ai.prompt").value.string_value = message
    return found


def as_json(message: str = MESSAGE) -> bytes:
    """Return the same as OTLP's JSON, as JavaScript writes it."""

    def attribute(key: str) -> dict[str, Any]:
        return {"key": key, "value": {"stringValue": message}}

    event = {"name": "exception", "attributes": [attribute("exception.message"), attribute("exception.stacktrace")]}
    span = {
        "traceId": "ab" * 16,
        "status": {"code": 2, "message": message},
        "events": [event],
        "attributes": [attribute("gen_ai.prompt")],
    }
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}, separators=(",", ":")).encode()


def test_by_default_messages_of_failures_lose_their_secrets(post: Any) -> None:
    """Only their spans of the body change; prompts are left, as the recorder leaves them."""
    before = b' {"type":"batch", "items":[{"type":"run","run_id":"r","status_message":"%b","prompt":"%b"}], "n":1.50}'
    status, line = post(before % (MESSAGE.encode(), SECRET.encode()))
    assert status == 200
    assert line.body == before % (b"401 for Authorization=[REDACTED]", SECRET.encode())
    assert (line.kind, line.run_id) == ("run", "r")
    assert line.id == ident_of("/v1/custom", None, before % (MESSAGE.encode(), SECRET.encode()))


def test_a_replaced_secret_is_counted(post: Any, spool: Path) -> None:
    """The line says how many there were."""
    post(b'{"status_message":"Bearer %b"}' % SECRET.encode())
    assert b'"redacted":1' in next(spool.iterdir()).read_bytes()


@pytest.mark.parametrize("encoding", [None, "gzip", "deflate"])
@pytest.mark.parametrize("path", ["/v1/traces", "/v1/otel-steps"])
def test_by_default_failures_in_spans_lose_their_secrets(post: Any, path: str, encoding: str | None) -> None:
    """The status, and an exception's message and stack trace, also in a body that is packed; nothing else."""
    pack = {None: bytes, "gzip": gzip.compress, "deflate": zlib.compress}[encoding]
    headers = PROTOBUF | ({"Content-Encoding": encoding} if encoding else {})
    body = failed_span().SerializeToString()
    status, line = post(pack(body), path, **headers)
    assert (status, line.encoding, line.type) == (200, encoding, PROTOBUF["Content-Type"])
    plain = {None: bytes, "gzip": gzip.decompress, "deflate": zlib.decompress}[encoding](line.body)
    expected = failed_span("401 for Authorization=[REDACTED]")
    expected.resource_spans[0].scope_spans[0].spans[0].attributes[0].value.string_value = MESSAGE
    assert ExportTraceServiceRequest.FromString(plain) == expected
    assert encoding != "gzip" or line.body[4:8] == bytes(4), "a repeated request must be written with the same bytes"


def test_by_default_failures_in_spans_as_json_lose_their_secrets(post: Any) -> None:
    """The same, where JavaScript posts OTLP as JSON."""
    status, line = post(as_json(), "/v1/traces")
    expected = as_json().replace(MESSAGE.encode(), b"401 for Authorization=[REDACTED]", 3)
    assert status == 200
    assert line.body == expected
    assert line.body.count(SECRET.encode()) == 1


@pytest.mark.parametrize(
    ("body", "path", "headers"),
    [
        (b"no JSON %b" % SECRET.encode(), "/v1/custom", JSON),
        (b"\xff%b" % SECRET.encode(), "/v1/traces", PROTOBUF),
        (b"\x0a\x01x", "/v1/custom", PROTOBUF),
        (b"no gzip", "/v1/custom", JSON | {"Content-Encoding": "gzip"}),
    ],
)
def test_what_can_t_be_searched_is_taken_unless_more_was_asked_for(
    post: Any, caplog: pytest.LogCaptureFixture, body: bytes, path: str, headers: dict[str, str]
) -> None:
    """By default the server judges it; where all texts must be clean it is 415, and the log says so."""
    status, line = post(body, path, redact=["secrets"], **headers)
    assert (status, line) == (415, None)
    assert "not recorded" in caplog.text
    status, line = post(body, path, **headers)
    assert (status, line.body) == (200, body)


@pytest.mark.parametrize("posted", official_requests(), ids=lambda posted: f"{posted.name}{posted.path}")
def test_without_a_secret_no_byte_is_changed(spool: Path, written: Written, posted: Any) -> None:
    """What the official SDKs posted is searched in every text, and is recorded as it came."""
    with Gateway(Options(spool_dir=str(spool), redact=("secrets", "never-there"))) as gateway:
        assert repeat(gateway.url, posted).status == 200
    assert [line.body for line in written()] == [posted.body]


def test_spans_without_a_secret_are_not_written_anew(post: Any) -> None:
    """Protobuf can say the same in several ways; what was searched in vain stays as its sender said it."""
    body = b"\x0a\x80\x00"  # one empty field, whose length 0 is written in two bytes
    status, line = post(body, "/v1/traces", redact=["secrets"], **PROTOBUF)
    assert (status, line.body) == (200, body)


def test_by_default_only_a_status_s_message_is_one(post: Any) -> None:
    """Other members of that name in OTLP's JSON are texts like any other."""
    body = b'{"resourceSpans":[],"x":{"message":"%b"},"message":"%b"}' % (MESSAGE.encode(), MESSAGE.encode())
    status, line = post(body, "/v1/traces")
    assert (status, line.body) == (200, body)


def test_all_texts_of_json_are_searched_if_asked_for(post: Any) -> None:
    """At any depth, in any member, also in JSON in a text; a pattern of the user's own as well."""
    body = json.dumps(
        {"type": "run", "run_id": "r", "prompt": SECRET, "deep": [{"a": json.dumps({"k": SECRET})}, "EMP-12345"]}
    ).encode()
    status, line = post(body, redact=["secrets", r"EMP-\d+"])
    assert status == 200
    value = json.loads(line.body)
    assert value == {
        "type": "run",
        "run_id": "r",
        "prompt": "[REDACTED]",
        "deep": [{"a": json.dumps({"k": "[REDACTED]"})}, "[REDACTED]"],
    }


@pytest.mark.parametrize("is_json", [True, False])
def test_all_texts_of_spans_are_searched_if_asked_for(post: Any, *, is_json: bool) -> None:
    """An attribute's key tells of a secret, as a member's name does in JSON; texts within lists are searched, too."""
    patterns = ["secrets", r"EMP-\d", "db.password"]
    if is_json:
        chosen = b'db.password","value":{"stringValue":"%b"' % CHOSEN.encode()
        body = as_json("EMP-1").replace(b'gen_ai.prompt","value":{"stringValue":"EMP-1"', chosen)
        status, line = post(body, "/v1/traces", redact=patterns)
    else:
        message = failed_span("EMP-1")
        attribute = message.resource_spans[0].scope_spans[0].spans[0].attributes[0]
        attribute.key, attribute.value.string_value = "db.password", CHOSEN
        values = message.resource_spans[0].resource.attributes.add(key="list").value.array_value.values
        values.add().string_value = SECRET
        status, line = post(message.SerializeToString(), "/v1/traces", redact=patterns, **PROTOBUF)
    assert status == 200
    assert b"db.password" in line.body, "an attribute's key is a name"
    assert not [text for text in (b"EMP-1", SECRET.encode(), CHOSEN.encode()) if text in line.body]
    assert line.body.count(b"[REDACTED]") == (4 if is_json else 5)


def test_a_run_s_id_is_told_as_it_is_written(post: Any, spool: Path) -> None:
    """A secret that is taken out of the body does not stay beside it."""
    status, line = post(b'{"type":"run","run_id":"%b"}' % SECRET.encode(), redact=["secrets"])
    assert (status, line.run_id) == (200, "[REDACTED]")
    assert SECRET.encode() not in next(spool.iterdir()).read_bytes()


def test_a_callable_of_a_program_s_own_is_asked(post: Any) -> None:
    """A gateway that a program starts takes what ``configure(redact=…)`` takes; one that fails costs the text."""
    status, line = post(
        b'{"type":"run","a":"x","b":["y"]}', redact=[str.upper, lambda text: text if text != "Y" else 1]
    )
    assert (status, json.loads(line.body)) == (200, {"type": "RUN", "a": "X", "b": ["[REDACTED]"]})


def test_the_environment_s_policy_is_taken(spool: Path, written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """``TCC_REDACT=secrets`` holds for the gateway as for the recorder."""
    monkeypatch.setenv("TCC_REDACT", "secrets")
    with Gateway(Options(spool_dir=str(spool))) as gateway:
        request(gateway.url, "/v1/custom", b'{"x":"%b"}' % SECRET.encode())
    assert [line.body for line in written()] == [b'{"x":"[REDACTED]"}']


VALUES = st.recursive(
    st.one_of(st.text(max_size=8), st.integers(), st.booleans(), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(["key", "value", "status", 'a"b', ""]), inner)
    ),
    max_leaves=12,
)


def texts_in(value: object, name: str = "") -> list[tuple[str, str]]:
    """Return each text in a value with the name of its member, in order."""
    if isinstance(value, str):
        return [(name, value)]
    if isinstance(value, dict):
        return [text for member, inner in value.items() for text in texts_in(inner, member)]
    return [text for inner in value for text in texts_in(inner)] if isinstance(value, list) else []


@settings(max_examples=40)
@given(value=VALUES, room=st.sampled_from([None, 1]), plain=st.booleans())
def test_every_text_of_a_body_is_found_where_it_stands(value: object, *, room: int | None, plain: bool) -> None:
    """With its member's name; and whatever replaces some of them, the rest of the body stays."""
    data = json.dumps(value, ensure_ascii=plain, indent=room).encode("utf-8", "surrogatepass")
    texts = list(json_body.texts_of(data))
    assert [(text.name, text.value) for text in texts] == texts_in(value)
    assert [json.loads(data[text.start : text.end]) for text in texts] == [text.value for text in texts]
    changed = json_body.replaced_texts(data, [(text, text.value + '\ud800"') for text in texts[::2]])
    new = iter(json_body.texts_of(changed))
    for number, text in enumerate(texts):
        assert next(new).value == text.value + ("" if number % 2 else '\ud800"')
    assert re.sub(rb'"(\\.|[^"\\])*"', b"", changed) == re.sub(rb'"(\\.|[^"\\])*"', b"", data)
