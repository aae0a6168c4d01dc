"""An OTLP server may take a request without some of its spans: it is delivered, and that is counted and named."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.faults import KEY, FaultServer, Reply, SegmentFile, always
from support.rigging import Rig
from support.shell import Shell
from tcc_uploader.delivery.result import ReplayResult
from tcc_uploader.transport.otlp import PartlyRefused, partly_refused

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


def length(size: int) -> bytes:
    """Return a number as protobuf writes it."""
    return bytes([size]) if size < 128 else bytes([size & 127 | 128]) + length(size >> 7)


def field(number: int, value: int | bytes) -> bytes:
    """Return a protobuf field."""
    if isinstance(value, int):
        return bytes([number << 3]) + length(value)
    return bytes([number << 3 | 2]) + length(len(value)) + value


def response(spans: int, why: bytes) -> bytes:
    """Return an ExportTraceServiceResponse with a partial success."""
    return field(1, field(1, spans) + field(2, why))


def replayed(rig: Rig, server: FaultServer, reply: Reply, path: str = "/v1/traces") -> ReplayResult:
    """Deliver two records to this path; the server answers each with ``reply``."""
    server.behaviour = always(reply)
    members = {"path": path, "type": "application/x-protobuf", "base64": True}
    SegmentFile().record("otlp", "1", b"\n\x01", **members).record("otlp", "2", b"\n\x02", **members).write(rig.spool)
    return rig.once()


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/otel-steps"])
@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, PROTOBUF, response(3, b"too long")),
        Reply(200, JSON, b'{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too long"}}'),
    ],
    ids=["protobuf", "JSON"],
)
def test_what_is_partly_refused_is_delivered_and_counted(
    rig: Rig, server: FaultServer, reply: Reply, path: str
) -> None:
    """Sending it again would make duplicates of the spans that were taken."""
    result = replayed(rig, server, reply, path)
    assert (result.counts.delivered, result.counts.pending) == (2, 0)
    (report,) = result.partly_refused
    assert (report.partly_refused, report.spans_refused, report.refusal) == (2, 6, "too long")


def test_elsewhere_the_same_answer_means_nothing(rig: Rig, server: FaultServer) -> None:
    """Only where spans are posted, a server speaks of spans."""
    assert not replayed(rig, server, Reply(200, PROTOBUF, response(3, b"no")), "/v1/claude").partly_refused


def test_a_partial_success_that_begins_like_a_page_is_no_page(rig: Rig, server: FaultServer) -> None:
    """Its first two bytes are a line break and ``<`` if it is 60 bytes long."""
    body = response(7, b"x" * 56)
    assert body.startswith(b"\n<")
    result = replayed(rig, server, Reply(200, PROTOBUF, body))
    assert (result.counts.delivered, result.partly_refused[0].spans_refused) == (2, 14)


@pytest.mark.parametrize("body", [b"", b"{}", response(0, b"a warning"), b'{"partialSuccess":{}}'])
def test_a_whole_success_is_no_partial_one(rig: Rig, server: FaultServer, body: bytes) -> None:
    """Also if it is empty, or carries only a warning."""
    result = replayed(rig, server, Reply(200, PROTOBUF, body))
    assert (result.counts.delivered, result.partly_refused) == (2, [])


def test_an_empty_page_does_not_pause(rig: Rig, server: FaultServer) -> None:
    """Some servers call an empty answer HTML."""
    assert replayed(rig, server, Reply(200, {"Content-Type": "text/html"}, b"")).counts.delivered == 2


def test_replay_and_status_name_what_was_refused(shell: Shell, server: FaultServer) -> None:
    """In words that no terminal obeys, without the key, and cut off; the exit code is that of a delivery."""
    why = f"\x1b[31mspan of {KEY}: " + "x" * 9_000
    body = orjson.dumps({"partialSuccess": {"rejectedSpans": "3", "errorMessage": why}})
    server.behaviour = always(Reply(200, JSON, body))
    SegmentFile().record("otlp", "1", {}, path="/v1/traces").write(shell.spool)
    told = "took records without some of their spans: 1 partly refused, 3 spans in all; it says: ⟨001b⟩[31mspan of "
    shell.run("replay")
    assert told in shell.printed
    assert told in shell.status_text()
    assert KEY not in shell.printed + (shell.state / "status.json").read_text()
    assert "x" * 200 not in shell.printed
    shell.run("verify")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (response(1, b""), PartlyRefused(1, "")),
        (response((1 << 63) - 1, b"all"), PartlyRefused((1 << 63) - 1, "all")),
        (response((1 << 64) - 1, b"less than none"), None),
        (response(2, b"\xff\xfe"), PartlyRefused(2, "��")),
        (field(3, b"newer") + field(4, 9) + response(2, b"a"), PartlyRefused(2, "a")),
        (b"\x11" + bytes(8) + b"\x1d" + bytes(4) + response(2, b"a"), PartlyRefused(2, "a")),
        (response(2, b"a" * 999)[:300], PartlyRefused(2, "a" * 200)),
        (b'{"partial_success":{"rejected_spans":2,"error_message":"a"}}', PartlyRefused(2, "a")),
        (b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":5}}', PartlyRefused(2, "")),
        (b'{"partialSuccess":{"rejectedSpans":"-2"}}', None),
        (b'{"partialSuccess":{"rejectedSpans":"99999999999999999999"}}', None),
        (b'{"partialSuccess":[2]}', None),
        (b'{"partialSuccess":', None),
        (b"\x0b", None),
        (b"\xff" * 30, None),
        (b"ok", None),
    ],
)
def test_what_the_answer_says(body: bytes, found: PartlyRefused | None) -> None:
    """Both encodings; unknown fields are passed over; nonsense says nothing."""
    assert partly_refused(body) == found


@given(st.binary(max_size=200) | st.text(max_size=60).map(lambda text: b'{"partialSuccess":' + text.encode() + b"}"))
def test_no_answer_raises(body: bytes) -> None:
    """A server may send anything."""
    found = partly_refused(body)
    assert found is None or 0 < found.spans < 1 << 63
