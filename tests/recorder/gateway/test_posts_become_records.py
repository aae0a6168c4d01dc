"""Every post of an official SDK is a record: of its kind, with its run's id, byte for byte; its sender is content."""

import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support.posting import JSON, PROTOBUF, RUN, Answer, Posted, official_requests, repeat, request
from tcc_recorder.gateway import posts
from tcc_recorder.gateway.identity import ident_of
from tcc_recorder.gateway.server import Gateway
from tcc_schemas.endpoints import key_hint
from tcc_schemas.lines import Line

Written = Callable[[], list[Line]]

KINDS = {
    "/v1/claude": "claude",
    "/v1/mastra": "mastra",
    "/v1/pi": "pi",
    "/v1/openclaw": "openclaw",
    "/v1/feedback": "feedback",
    "/v1/traces": "otlp",
    "/v1/otel-steps": "otlp-steps",
}


def expected_kind(posted: Posted) -> str:
    """Return the kind that the table of endpoints gives a request."""
    if posted.path == "/v1/custom":
        kind = json.loads(posted.body)["type"]
        return "run" if kind == "batch" else str(kind)
    return KINDS[posted.path]


def lower(posted: Posted) -> dict[str, str]:
    """Return a request's headers, by their names in lower case."""
    return {name.lower(): value for name, value in posted.headers.items()}


@pytest.mark.parametrize("posted", official_requests(), ids=lambda posted: f"{posted.name}{posted.path}")
def test_what_an_official_sdk_posts_is_recorded_as_it_came(gateway: Gateway, written: Written, posted: Posted) -> None:
    """Its bytes, type and encoding are kept; its kind, run and key hint are told; its bearer key is not."""
    headers = lower(posted)
    answer = repeat(gateway.url, posted)
    [line] = written()
    assert (line.body, line.path, line.encoding) == (posted.body, posted.path, headers.get("content-encoding"))
    assert (line.type or "application/json") == headers["content-type"]
    assert line.kind == expected_kind(posted)
    assert line.run_id
    assert line.run_id.encode() in (
        gzip.decompress(posted.body)
        if line.encoding == "gzip"
        else zlib.decompress(posted.body)
        if line.encoding == "deflate"
        else posted.body
    )
    scheme, _, key = headers["authorization"].partition(" ")
    assert line.key == (key_hint(key) if scheme == "Bearer" else None)
    assert answer.status == 200
    assert (answer.headers["content-type"], answer.body) == content_of_answer(line)


def content_of_answer(line: Line) -> tuple[str, bytes]:
    """Return the type and the body of the answer that the table of endpoints gives a record."""
    if line.kind not in ("otlp", "otlp-steps"):
        return "application/json", b'{"ok":true}'
    return (line.type, b"") if line.type else ("application/json", b"{}")


@pytest.mark.parametrize(
    ("path", "body", "kind", "run_id"),
    [
        ("/v1/custom", b'{"type":"step","run_id":"r","step_id":"s"}', "step", "r"),
        ("/v1/custom", b'{"type":"tool_call","run_id":"r"}', "tool_call", "r"),
        (
            "/v1/custom",
            b'{"type":"batch","items":[{"type":"step","run_id":"x"},{"type":"run","run_id":"r"}]}',
            "run",
            "r",
        ),
        ("/v1/custom", b'{"type":"batch","items":[7]}', "run", None),
        ("/v1/custom", b'{"type":"new","run_id":"r"}', "post", "r"),
        ("/v1/custom", b"[1]", "post", None),
        ("/v1/custom", b'{"type":"run","run_id":7}', "run", None),
        ("/v1/openclaw", b'{"metadata":{"tcc.runId":"r"}}', "openclaw", "r"),
        ("/v1/openclaw", b'{"metadata":7}', "openclaw", None),
        ("/v1/pi", b'{"runId":"%b"}' % (b"r" * 600), "pi", None),
        ("/v1/something-new", b'{"run_id":"r"}', "post", None),
    ],
)
def test_the_body_tells_the_kind_and_the_run(
    gateway: Gateway, written: Written, path: str, body: bytes, kind: str, run_id: str | None
) -> None:
    """A run's id is read where its SDK puts it; what has none, or an impossible one, is recorded without."""
    assert request(gateway.url, path, body).status == 200
    [line] = written()
    assert (line.kind, line.run_id, line.body) == (kind, run_id, body)


def spans(*found: tuple[str, str | None]) -> bytes:
    """Return an OTLP request whose spans have these traces, and these ids of runs."""
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for trace, run_id in found:
        span = scope.spans.add(trace_id=bytes.fromhex(trace * 16))
        if run_id:
            span.attributes.add(key="tcc.runId").value.string_value = run_id
    return message.SerializeToString()


@pytest.mark.parametrize(
    ("body", "run_id"),
    [
        (spans(("aa", "r"), ("bb", None)), "r"),
        (spans(("aa", "r"), ("aa", "s")), "aa" * 16),
        (spans(("aa", "r"), ("bb", "s")), None),
        (spans(("aa", None), ("bb", None)), None),
        (spans(), None),
        (b"\xff\xff", None),
    ],
)
def test_one_run_or_one_trace_tells_the_run_of_spans(
    gateway: Gateway, written: Written, body: bytes, run_id: str | None
) -> None:
    """The attribute counts if it has one value, else the trace if there is one; what can't be parsed is taken, too."""
    assert request(gateway.url, "/v1/traces", body, PROTOBUF).status == 200
    [line] = written()
    assert (line.run_id, line.body) == (run_id, body)


@pytest.mark.parametrize(
    ("body", "is_verbatim"),
    [
        (b'{"type":"run","run_id":"r"}', True),
        (b' {"type":"run", "run_id":"r"}\r', True),
        (b'{"type":"run","x":"\\ud800","y":NaN,"z":1e400}', True),
        ('{"x":"\u2028 ü"}'.encode(), True),
        (b'{\n"type":"run"\n}', False),
        (b"no JSON", False),
        (b'"\xff"', False),
        (b'\xef\xbb\xbf{"type":"run"}', False),
        (b'{"type":"run"} x', False),
        (b"[" * 100_000, False),
        (b"", False),
    ],
)
def test_json_on_one_line_stands_in_the_spool_as_it_is_and_all_else_as_base64(
    gateway: Gateway, spool: Path, written: Written, body: bytes, *, is_verbatim: bool
) -> None:
    """Whatever is posted as JSON is recorded, and read back byte for byte: the server judges it."""
    assert request(gateway.url, "/v1/custom", body).status == 200
    [line] = written()
    assert line.body == body
    [file] = spool.iterdir()
    assert (b'"base64":true' in file.read_bytes()) is not is_verbatim


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_packed_json_is_base64(gateway: Gateway, written: Written, pack: Callable[[bytes], bytes]) -> None:
    """It is no JSON as it stands; what is in it tells its kind and its run."""
    packed = next(one for size in range(100) if b"\n" not in (one := pack(RUN + b" " * size)))
    headers = JSON | {"Content-Encoding": "gzip" if pack is gzip.compress else "deflate"}
    assert request(gateway.url, "/v1/custom", packed, headers).status == 200
    assert [(line.body, line.kind, line.run_id) for line in written()] == [(packed, "run", "r-1")]
    [file] = Path(gateway.spool_dir).iterdir()
    assert b'"base64":true' in file.read_bytes()


def test_the_same_post_has_the_same_id_and_another_one_has_another(gateway: Gateway, written: Written) -> None:
    """Path, encoding and body tell posts apart; nothing else does, so that a repeated request is found."""
    packed = gzip.compress(RUN, mtime=0)
    for path, body, headers in (
        ("/v1/custom", RUN, JSON),
        ("/v1/custom", RUN, JSON | {"Authorization": "Bearer another-key", "User-Agent": "x"}),
        ("/v1/pi", RUN, JSON),
        ("/v1/custom", packed, JSON),
        ("/v1/custom", packed, JSON | {"Content-Encoding": "gzip"}),
        ("/v1/custom", RUN, JSON | {"Content-Encoding": "Identity"}),
    ):
        assert request(gateway.url, path, body, headers).status == 200
    first, again, *others = [line.id for line in written()]
    assert first == again == others.pop() == ident_of("/v1/custom", None, RUN)
    assert len({first, *others}) == 4


def test_two_runs_of_one_id_are_two_records(gateway: Gateway, written: Written) -> None:
    """An agent that is started twice with a fixed run id posts two different runs: a run's id is not a post's."""
    for posted in official_requests():
        if posted.name == "pycrewfe":
            repeat(gateway.url, posted)
    assert [line.run_id for line in written()] == ["fixed-run", "fixed-run"]
    assert len({line.id for line in written()}) == 2


def test_each_feedback_is_a_record_of_its_own(gateway: Gateway, written: Written) -> None:
    """Up, down and up again are three verdicts, though the first and the last have the same bytes."""
    for score in ("thumbs_up", "thumbs_down", "thumbs_up"):
        request(gateway.url, "/v1/feedback", b'{"runId":"r","score":"%b"}' % score.encode())
    assert len({line.id for line in written()}) == 3


def test_a_fault_of_ours_costs_no_record(
    gateway: Gateway, written: Written, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What can't be read for a reason that nobody foresaw is recorded like what is no JSON, and the log says so."""

    def failing(_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(posts.json_body, "parsed", failing)
    assert request(gateway.url, "/v1/pi", RUN).status == 200
    assert [(line.kind, line.body) for line in written()] == [("pi", RUN)]
    assert "KeyError" in caplog.text


def test_the_content_type_is_kept_with_its_charset(gateway: Gateway, written: Written) -> None:
    """What is sent later is declared as it was."""
    answer = request(gateway.url, "/v1/custom", RUN, {"Content-Type": "Application/JSON; charset=UTF-8"})
    assert answer == Answer(200, answer.headers, b'{"ok":true}')
    assert [line.type for line in written()] == ["Application/JSON; charset=UTF-8"]


def test_a_new_sdk_is_named_once(gateway: Gateway, written: Written, caplog: pytest.LogCaptureFixture) -> None:
    """What no version knows yet is recorded, and the log says once that delivery needs a newer one."""
    for _ in range(3):
        request(gateway.url, "/v1/something-new", RUN)
    assert len(written()) == 3
    assert caplog.text.count("/v1/something-new") == 1
