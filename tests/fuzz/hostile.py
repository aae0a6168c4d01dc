"""Strategies for input as nobody should send it: values, lines, files and answers, mostly almost right."""

import json
from collections.abc import Callable
from typing import Any, Final

import orjson
from hypothesis import strategies as st

from support.faults import AT, batch_of, run_item, step_item, tool_call_item
from tcc_schemas.endpoints import CUSTOM_PATH, FEEDBACK_PATH
from tcc_schemas.lines import encode

_MOMENTS: Final = (
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999"),
    *("2026-02-30T00:00:00Z", "2026-01-31", "24:00", "2026-01-31T12:00:00+99:99", "1e308", "-62135596801", "∞"),
)
_NUMBERS: Final = (
    0,
    -1,
    2**31,
    2**53,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63) - 1,
    10**40,
    10**400,
    0.5,
    -0.0,
    1e308,
    1e-320,
)
_TEXTS: Final = (
    *("", " ", "\0", "a\0b", "\x1b[2J", "\u202e", "\ufeff", "\U000e0041", "x" * 5000, "/", "..", "../../x", "."),
    *("~nobody", "\u2028", "\ud800", "-1", "1" * 5000, "nan", "http://[", "https://a:99999/v1/custom", "%00"),
)


def nested(depth: int, inside: object, *, lists: bool) -> object:
    """Return a value that is nested so deep."""
    for _ in range(depth):
        inside = [inside] if lists else {"a": inside}
    return inside


depths: Final = st.builds(
    nested, st.sampled_from([1, 100, 254, 260, 500, 900, 1030]), st.sampled_from([1, "x"]), lists=st.booleans()
)
texts: Final = st.sampled_from(_TEXTS) | st.sampled_from(_MOMENTS) | st.text(max_size=20)
scalars: Final = (
    st.none() | st.booleans() | st.sampled_from(_NUMBERS) | st.integers() | texts | st.floats(allow_nan=False)
)
values: Final = scalars | depths | st.lists(scalars, max_size=3) | st.dictionaries(texts, scalars, max_size=3)
"""Anything that JSON can hold; also lone surrogates, which it should not."""


def as_json(value: object) -> bytes:
    """Return JSON on one line, whatever the value is; lone surrogates are escaped."""
    return json.dumps(value, separators=(",", ":")).encode()


@st.composite
def spoiled(draw: st.DrawFn, good: object) -> Any:
    """Return a value with some members, at any depth, replaced, added or taken away."""
    value = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(1, 3))):
        place, parent, member = value, None, None
        while isinstance(place, dict | list) and place and (parent is None or draw(st.booleans())):
            parent = place
            members = sorted(place) if isinstance(place, dict) else list(range(len(place)))
            member = draw(st.sampled_from([each for each in members if each != "type"] * 5 + members))
            place = place[member]
        if parent is None:
            return draw(values)
        if draw(st.integers(0, 9)) == 0:
            del parent[member]
        elif isinstance(parent, dict) and draw(st.integers(0, 5)) == 0:
            parent[draw(texts)] = draw(values)
        else:
            parent[member] = draw(_like(place) if draw(st.booleans()) else values)
    return value


def _like(value: object) -> st.SearchStrategy[Any]:
    """Return what may stand in a value's place: something of its kind, at the edge of what that can be."""
    if isinstance(value, str):
        is_moment = value[:2] == "20" and "T" in value
        return st.sampled_from(_MOMENTS if is_moment else _TEXTS) | depths
    return st.sampled_from(_NUMBERS) if isinstance(value, int | float) else depths


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """Return bytes with some flipped, cut, doubled or put in."""
    raw = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(raw) - 1)))
        match draw(st.sampled_from(["flip", "set", "cut", "end", "double", "insert"])):
            case "flip" if raw:
                raw[at] ^= 1 << draw(st.integers(0, 7))
            case "set" if raw:
                raw[at] = draw(st.sampled_from([0, 0x0A, 0x20, 0x22, 0x39, 0x7B, 0x7F, 0x80, 0xFF]))
            case "cut":
                del raw[at : at + draw(st.integers(1, 40))]
            case "end":
                del raw[at:]
            case "double":
                raw[at:at] = raw[at : at + draw(st.integers(1, 600))]
            case "insert":
                raw[at:at] = draw(st.binary(min_size=1, max_size=8))
    return bytes(raw)


_WIRE: Final[tuple[object, ...]] = (
    run_item("h", prompt={"user_prompt": "p"}, metadata={"a": "b"}, status_code=0, session_id="s"),
    step_item("h", "h-1", prompt_uncached_tokens=5, real_total_cost=0.5, attributes={"a": [1]}),
    tool_call_item("h", "h-2", args='{"a":1}', result="r"),
    batch_of(run_item("h"), step_item("h", "h-1"), tool_call_item("h", "h-2", args="{}")),
    {"runId": "h", "score": "thumbs_up", "text": "fine"},
)
wire: Final = st.sampled_from(_WIRE).flatmap(spoiled)
"""Wire items that are not quite right."""
_wire_lines: Final = wire.map(as_json)
_kinds: Final = (
    *[_wire_lines] * 7,
    *[st.sampled_from(_WIRE).map(as_json).flatmap(mutated)] * 2,
    *(values.map(as_json), st.binary(max_size=60)),
)
plain_lines: Final = st.integers(0, len(_kinds) - 1).flatmap(_kinds.__getitem__)
"""Lines of plain files; mostly almost right."""

_HEADER: Final = {
    "segment_id": "hostile",
    "host": "h",
    "boot_id": "b",
    "pid": 1,
    "process": "p",
    "sequence": 2,
    "inode": 0,
    "sdk_version": "0",
    "durability": "process",
    "max_bytes": 10**9,
}
_SEAL: Final = {"records": 1, "refused": 0, "crcs": "00000000"}
_POSTS: Final[tuple[tuple[str, object], ...]] = (
    (
        "claude",
        {"runId": "h", "messages": [{"type": "assistant", "message": {"id": "m", "content": [{"type": "text"}]}}]},
    ),
    (
        "mastra",
        {"spans": [{"id": "s", "isRootSpan": True, "input": "hi", "attributes": {"usage": {"inputTokens": 1}}}]},
    ),
    ("pi", {"messages": [{"role": "assistant", "content": [{"type": "toolCall", "id": "c"}], "usage": {"input": 1}}]}),
    ("openclaw", {"events": [{"hook": "llm_input", "timestamp": "2026-01-31T12:00:00Z", "event": {"prompt": "p"}}]}),
    (
        "otlp",
        {"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "1", "attributes": [{"key": "k"}]}]}]}]},
    ),
)
"""Requests of other SDKs, each with its kind."""
_ENVELOPE: Final = {"id": "h", "at": AT, "run_id": "h", "path": CUSTOM_PATH}


@st.composite
def segment_lines(draw: st.DrawFn) -> bytes:
    """Return a line with a valid checksum, of any kind, whose envelope or body may be anything."""
    kind = draw(st.sampled_from(["segment", "seal", "journal", "run", "step", "feedback", "posted", "post", "new"]))
    posted = draw(st.sampled_from(_POSTS))
    body = {
        "segment": spoiled(_HEADER).map(as_json),
        "seal": spoiled(_SEAL).map(as_json),
        "posted": spoiled(posted[1]).map(as_json),
        "journal": st.sampled_from(_WIRE[:3]).flatmap(spoiled).map(as_json),
    }.get(kind, wire.map(as_json) | values.map(as_json) | st.binary(max_size=30))
    envelope = dict(_ENVELOPE)
    if kind == "feedback":
        envelope["path"] = FEEDBACK_PATH
    if kind in ("segment", "seal", "journal", "new"):
        del envelope["path"]
    if kind == "posted":
        kind = posted[0] if draw(st.integers(0, 4)) else "otlp-steps"
        if draw(st.integers(0, 4)) == 0:
            envelope["type"], envelope["encoding"] = (
                "application/x-protobuf",
                draw(st.sampled_from(["gzip", "deflate"])),
            )
    if draw(st.booleans()):
        more = st.sampled_from([*envelope, "url", "key", "type", "encoding", "redacted"])
        envelope[draw(more)] = draw(texts.filter(_is_text))
    return encode(kind, envelope.pop("id", ""), draw(body), at=envelope.pop("at", ""), **envelope).replace(b"\n", b"")


def _is_text(text: str) -> bool:
    try:
        orjson.dumps(text)
    except orjson.JSONEncodeError:
        return False
    return True


def files_of(lines: st.SearchStrategy[bytes], around: Callable[[bytes], bytes]) -> st.SearchStrategy[bytes]:
    """Return files with some of these lines; ``around`` puts good ones before and behind them."""
    return st.lists(lines, min_size=1, max_size=4).map(b"\n".join).map(around)
