"""What a post says that can't be read is shown as it is: nothing is dropped, nothing raises, and memory is bounded."""

import sys
import tracemalloc
import zlib
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from support.posts import JSON, PROTOBUF, Posted, official, post, segment_of
from tcc_schemas.lines import Line, LineReader
from tcc_uploader.boundary import caught
from tcc_uploader.inspect.runs.kinds import bodies, items, protobuf
from tcc_uploader.inspect.runs.kinds.read import READERS, items_of
from tcc_uploader.inspect.runs.reader import RunReader
from tcc_uploader.inspect.runs.values import Outcome, Post
from tcc_uploader.sources.paths import sources_of

NOT_KNOWN = "this version does not know what it says"


def as_posted(posted: Posted, kind: str | None = None) -> Post:
    """Return how a request is shown that can't be read."""
    found, shown = items_of(line_of(posted, kind))
    assert found == []
    assert shown is not None
    assert shown.size == len(posted.body)
    return shown


def line_of(posted: Posted, kind: str | None = None) -> Line:
    """Return the line of a request, read."""
    (line,) = LineReader().read(posted.line("r", kind=kind))
    assert isinstance(line, Line)
    return line


def traces_of(spans: Any) -> dict[str, Any]:
    """Return a body with these spans."""
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


GZIPPED = zlib.compress(b"[" * 100, wbits=31)


@pytest.mark.parametrize(
    ("posted", "reason", "body"),
    [
        (post("/v1/future", {"a": [1]}), NOT_KNOWN, {"json": {"a": [1]}}),
        (Posted("/v1/claude", b"[1]"), "it is no JSON object", {"json": [1]}),
        (Posted("/v1/claude", b"{}"), "it has no list messages", {"json": {}}),
        (Posted("/v1/pi", b"null"), "it is no JSON object", {"text": "null"}),
        (Posted("/v1/pi", "not \u00fc\nJSON".encode()), "it is no JSON object", {"text": "not \u00fc\nJSON"}),
        (
            Posted("/v1/mastra", b"\xff\xfe\0"),
            "it is no JSON object",
            {"base64": "//4A"},
        ),
        (Posted("/v1/mastra", b"\x0a\xff2J"), "it is no JSON object", {"base64": "Cv8ySg=="}),
        (Posted("/v1/mastra", "\u00fc".encode() * 1500), "it is no JSON object", {"text": "\u00fc" * 1024}),
        (
            Posted("/v1/pi", b"x" + "\u00fc".encode() * 1500),
            "it is no JSON object",
            {"text": "x" + "\u00fc" * 1023},
        ),
        (Posted("/v1/openclaw", b""), "it is no JSON object", {"base64": ""}),
        (Posted("/v1/custom", b"[]"), "it holds no item of a run", {"json": []}),
        (Posted("/v1/traces", b"\xff" * 9, PROTOBUF), "it is no OTLP message of traces", {"base64": "////////////"}),
        (Posted("/v1/traces", b"", PROTOBUF), "it has no list resourceSpans", {"base64": ""}),
        (post("/v1/traces", traces_of([])), "it has no span", {"json": traces_of([])}),
        (Posted("/v1/claude", b"abc", JSON, "gzip"), "its gzip is damaged", {"text": "abc"}),
        (Posted("/v1/claude", GZIPPED, JSON, "gzip"), "it is no JSON object", {"text": "[" * 100}),
        (Posted("/v1/claude", GZIPPED[:-1], JSON, "deflate"), "its deflate is damaged", None),
    ],
)
def test_why_a_post_can_t_be_read_is_told_and_what_it_is(posted: Posted, reason: str, body: Any) -> None:
    """Its JSON, or else the beginning of its text or of its bytes."""
    shown = as_posted(posted, "run" if posted.path == "/v1/custom" else None)
    assert (shown.reason, shown.path, shown.type, shown.encoding) == (
        reason,
        posted.path,
        posted.type,
        posted.encoding or "",
    )
    if body is not None:
        assert shown.body == body


def test_a_run_is_listed_that_only_a_missing_package_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line to install it is told once; JSON needs no package."""
    monkeypatch.setitem(sys.modules, "opentelemetry.proto.collector.trace.v1", None)
    lines = [posted.line("r") for posted in official("py_agno")]
    lines += [posted.line("l") for posted in official("py_litellm")]
    lines += [posted.line("j") for posted in official("js_otel")[:1]]
    segment_of(*lines).write(tmp_path)
    with RunReader(sources_of([tmp_path])) as reader:
        runs = {run.id: run for run in reader.newest_first()}
    assert runs.keys() == {"r", "l", "j"}
    assert (runs["r"].outcome, len(runs["r"].posts), runs["j"].posts) == (Outcome.UNKNOWN, 1, ())
    assert runs["r"].title == "otlp /v1/traces  4,793 bytes  application/x-protobuf"
    assert reader.unread == {"to read it: pip install 'tcc-offline[otlp]'": 2}


def test_a_compressed_bomb_is_unpacked_to_its_bound_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte more than the bound is enough to know: 64 MiB never are in memory."""
    monkeypatch.setattr(bodies, "MOST_BYTES", 2**20)
    for encoding, wbits in (("gzip", 31), ("deflate", 15), ("deflate", -15)):
        packer = zlib.compressobj(wbits=wbits)
        bomb = packer.compress(b" " * 2**26) + packer.flush()
        tracemalloc.start()
        try:
            assert as_posted(Posted("/v1/claude", bomb, JSON, encoding)).reason == "it unpacks to more than 1 MiB"
            assert tracemalloc.get_traced_memory()[1] < 2**23
        finally:
            tracemalloc.stop()


def test_more_items_than_there_is_memory_for_are_shown_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans in one list, in many, as JSON and as protobuf; and a body that would only be parsed."""
    monkeypatch.setattr(items, "MOST", 10)
    monkeypatch.setattr("tcc_uploader.inspect.runs.kinds.otlp.MOST", 10)
    monkeypatch.setattr(protobuf, "MOST", 3)
    monkeypatch.setattr(protobuf, "MOST_BYTES", 4000)
    assert "it holds 11 items" in as_posted(post("/v1/traces", traces_of([{}] * 11))).reason
    in_many = {"resourceSpans": [{"scopeSpans": [{"spans": [{}] * 6}] * 2}]}
    assert "more spans than are shown" in as_posted(post("/v1/traces", in_many)).reason
    (agno,), (litellm, _) = official("py_agno"), official("py_litellm_gzip")
    assert as_posted(agno).reason == "it is larger than 0 MiB"
    assert items_of(line_of(litellm))[1] is None
    monkeypatch.setattr(protobuf, "MOST_BYTES", 5000)
    assert "more spans than are shown" in as_posted(agno).reason


_NAMES = """
messages spans events resourceSpans scopeSpans type message content role id event input output usage attributes key
value stringValue arrayValue values kvlistValue hook timestamp startTimeUnixNano status code name isRootSpan
toolExecutions metadata toolName tool_use_id errorInfo startTime receivedAtMs customMetadata parentSpanId intValue
"""
_TEXTS = """
assistant user result tool_use tool_result toolResult llm_input llm_output text before_tool_call after_tool_call
agent_end model_generation tool_call gen_ai.input.messages [1] llm.input_messages.0.message.content LLM
llm.input_messages.0.message.tool_calls.0.tool_call.id gen_ai.usage.input_tokens openinference.span.kind
input.value {"inputs":{}} [{"role":"user"}] 111111111111111111111111111111
"""
_LEAVES = (None, True, 0, -1, 2.5, 1e308, 2**63, "", *_TEXTS.split())


def any_value(chance: Random, depth: int) -> Any:
    """Return a value of JSON with names and texts that readers look for, in any place."""
    match chance.randrange(6) if depth else 0:
        case 0:
            return chance.choice(_LEAVES)
        case 1 | 2:
            return [any_value(chance, depth - 1) for _ in range(chance.randrange(4))]
        case 3:
            told = any_value(chance, depth - 1)
            return [{"key": chance.choice(_TEXTS.split()), "value": chance.choice([told, {"stringValue": told}])}]
        case _:
            return any_object(chance, depth)


def any_object(chance: Random, depth: int) -> dict[str, Any]:
    """Return an object with some of the names."""
    names = chance.sample(_NAMES.split(), chance.randrange(7))
    return {name: any_value(chance, depth - 1) for name in names}


@pytest.mark.parametrize("kind", sorted(READERS))
def test_no_body_raises_and_what_is_made_of_it_can_be_written(kind: str) -> None:
    """Members of wrong types, missing or repeated: of any JSON object, items or a post are made."""
    needed = {"claude": "messages", "pi": "messages", "mastra": "spans", "openclaw": "events"}.get(kind)
    for seed in range(400):
        chance = Random(seed)  # noqa: S311 -- no secret
        things = [any_object(chance, 4) for _ in range(chance.randrange(4))]
        body = {needed: things, **any_object(chance, 3)} if needed else traces_of(things)
        found, shown = items_of(line_of(post("/v1/x", body), kind))
        assert found or shown is not None, seed
        orjson.dumps([*found, shown and shown._asdict()])
        assert {item["type"] for item in found} <= {"run", "step", "tool_call", "span"}, seed
    assert caught.all() == []


@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b"[", b"]")])
@pytest.mark.parametrize("depth", [150, 300, 1000, 50_000])
def test_what_is_nested_deep_is_shown(depth: int, opening: bytes, closing: bytes) -> None:
    """Deeper than any parser, and than any writer."""
    inner = opening * depth + b"1" + closing * depth
    names = b",".join(b'"%s":[%s]' % (name, inner) for name in (b"messages", b"spans", b"events", b"resourceSpans"))
    line = line_of(Posted("/v1/x", b"{%s}" % names))
    for kind in READERS:
        found, shown = items_of(line._replace(kind=kind))
        orjson.dumps([*found, shown and shown._asdict()])
        assert found or shown
    assert caught.all() == []
