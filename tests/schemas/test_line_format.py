"""The spool's line format: bytes in, lines or reported damage out, and never an exception."""

import zlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from support.faults import AT, SegmentFile, step_item, tool_call_item
from tcc_schemas import splitter
from tcc_schemas.lines import Damage, Line, LineReader, crc_of, decode, encode, is_whole_in_other_version, other_version
from tcc_schemas.records import SpoolLine
from tcc_schemas.splitter import RawLine
from tcc_schemas.tally import Tally

SEGMENT = (
    SegmentFile("segment-1")
    .run("r1", step_item("r1", "s1"), tool_call_item("r1", "t1"), response="é \u2028 \r nothing")
    .step("r1", "s2")
    .tool_call("r1", "t2")
    .feedback("r1", key="0123abcd")
    .seal()
)
TEXT = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def read(*parts: bytes) -> tuple[list[Line | Damage], int]:
    """Read parts of a file in their order; return what came out, and the size of the torn tail."""
    reader = LineReader()
    found = [line for part in parts for line in reader.read(part)]
    return found, reader.tail


def bytewise(data: bytes) -> list[bytes]:
    """Cut into single bytes."""
    return [data[position : position + 1] for position in range(len(data))]


@given(st.binary() | st.lists(st.sampled_from([*SEGMENT.lines, b"\n", b"{", b'{"v":1,"crc":"'])).map(b"".join))
def test_any_bytes_give_lines_or_damage(data: bytes) -> None:
    """Whatever is read, every byte is accounted for, and cutting it differently changes nothing."""
    whole = read(data)
    assert sum(line.size for line in whole[0]) + whole[1] == len(data)
    assert read(*bytewise(data)) == whole


def test_a_segment_cut_anywhere_reads_the_same() -> None:
    """Two reads that meet at any offset see what one read sees; trailing bytes are a torn tail."""
    data = SEGMENT.data
    whole = read(data)
    assert all(isinstance(line, Line) for line in whole[0])
    for cut in range(len(data) + 1):
        assert read(data[:cut], data[cut:]) == whole
    assert read(data + b"trailing") == (whole[0], 8)


@given(
    kind=TEXT,
    ident=TEXT,
    run_id=st.none() | TEXT,
    path=st.none() | TEXT,
    type=st.sampled_from([None, "application/json", "application/x-protobuf", "application/json; charset=utf-8"]),
    encoding=st.sampled_from([None, "gzip", "deflate"]),
    url=st.none() | TEXT,
    key=st.none() | st.from_regex("[0-9a-f]{8}", fullmatch=True),
    converted=st.booleans(),
    value=JSON,
)
def test_what_is_encoded_is_read_back(value: object, converted: bool, kind: str, ident: str, **members: str) -> None:
    """Every text and every body survives the way through a line, byte for byte."""
    body = orjson.dumps(value)
    raw = encode(kind, ident, body, at=AT, converted=converted, **members)
    assert raw.count(b"\n") == 1
    line = read(raw)[0][0]
    assert isinstance(line, Line)
    assert (line.kind, line.id, line.body, line.converted, line.at) == (kind, ident, body, converted, AT)
    assert {name: getattr(line, name) for name in members} == members
    assert line.is_record == (members["path"] is not None)
    assert (line.number, line.offset, line.size, line.crc) == (1, 0, len(raw), crc_of(raw))


@given(st.binary())
def test_a_body_of_any_bytes_is_read_back(body: bytes) -> None:
    """With base64, a body that is no JSON stands on one line, and is sent as it was."""
    raw = encode("otlp", "0" * 32, body, at=AT, path="/v1/traces", type="application/x-protobuf", base64=True)
    assert raw.count(b"\n") == 1
    (line,) = read(raw)[0]
    assert isinstance(line, Line)
    assert (line.body, line.size, line.type) == (body, len(raw), "application/x-protobuf")


def test_a_line_is_written_as_the_format_says() -> None:
    """Every member in its place, none that is not needed; other programs read and write the same bytes."""
    least = b'{"v":1,"crc":"9d1e407a","n":2,"kind":"journal","id":"r1","at":"' + AT.encode() + b'","body":{}}\n'
    assert encode("journal", "r1", b"{}", at=AT) == least
    most = encode(
        "otlp",
        "0a",
        b"\n\x01",
        at=AT,
        run_id="r1",
        path="/v1/traces",
        type="application/x-protobuf",
        encoding="gzip",
        base64=True,
        url="https://x/y",
        key="0123abcd",
        converted=True,
        redacted=2,
    )
    assert most == (
        b'{"v":1,"crc":"ad64a2f3","n":6,"kind":"otlp","id":"0a","run_id":"r1","at":"2026-01-31T12:00:00.123Z",'
        b'"path":"/v1/traces","type":"application/x-protobuf","encoding":"gzip","base64":true,"url":"https://x/y",'
        b'"key":"0123abcd","converted":true,"redacted":2,"body":"CgE="}\n'
    )
    (line,) = read(most)[0]
    assert isinstance(line, Line)
    assert line[4:12] == ("otlp", "0a", "r1", AT, "/v1/traces", "https://x/y", "0123abcd", True)
    assert (line.type, line.encoding, line.body) == ("application/x-protobuf", "gzip", b"\n\x01")
    assert line.unknown is None, "a member that this version writes, it knows"


def with_members(members: bytes, body: bytes = b"{}") -> bytes:
    """Return a record's line with further members."""
    head = b'"n":%d,"kind":"run","id":"r1","at":"x","path":"/v1/custom",%b,"body":' % (len(body), members)
    crc = zlib.crc32(b'{"v":1,' + head + body + b"}")
    return b'{"v":1,"crc":"%08x",%b%b}\n' % (crc, head, body)


@pytest.mark.parametrize(
    ("members", "body"),
    [
        (b'"key":"0123ABCD"', b"{}"),
        (b'"key":"0123abc"', b"{}"),
        (b'"key":"0123abcde"', b"{}"),
        (b'"key":1', b"{}"),
        (b'"url":["https://x/y"]', b"{}"),
        (b'"run_id":null', b"{}"),
        (b'"key":"0123abcd\\n"', b"{}"),
        (b'"type":"text/plain"', b"{}"),
        (b'"type":"application/json\\r\\nX: y"', b"{}"),
        (b'"type":1', b"{}"),
        (b'"encoding":"br"', b"{}"),
        (b'"encoding":null', b"{}"),
        (b'"base64":false', b'"AAAA"'),
        (b'"base64":"true"', b'"AAAA"'),
        (b'"base64":true', b"{}"),
        (b'"base64":true', b'"'),
        (b'"base64":true', b'"AAA"'),
        (b'"base64":true', b'"A A="'),
        (b'"base64":true', b'"AA A="'),
        (b'"base64":true', b'"AAAA.'),
        (b'"base64":true', b'.AAAA"'),
        (b'"base64":1', b'"AAA="'),
    ],
)
def test_a_value_that_the_format_does_not_have_makes_the_line_malformed(members: bytes, body: bytes) -> None:
    """Content type, encoding, base64 and key hint have short lists of values: they end up in headers and keys."""
    (found,) = read(with_members(members, body))[0]
    assert isinstance(found, Damage)
    assert found.reason == "malformed"


@pytest.mark.parametrize("kind", ["application/json", "Application/X-Protobuf;charset=UTF-8"])
def test_a_content_type_may_be_written_as_http_allows_it(kind: str) -> None:
    """Upper and lower case are the same; it is sent as it was posted."""
    (line,) = read(with_members(b'"type":"%b"' % kind.encode()))[0]
    assert isinstance(line, Line)
    assert line.type == kind


@pytest.mark.parametrize(
    ("members", "unknown"),
    [
        (b'"x":1,"x_y":"z"', None),
        (b'"to":["a"]', "to"),
        (b'"x":1,"trace":"t","to":1', "trace"),
        (b'"X":1', "X"),
        (b'"":1', ""),
    ],
)
def test_an_unknown_member_is_told_unless_its_name_begins_with_x(members: bytes, unknown: str | None) -> None:
    """What a newer version added may change what the record means; what begins with x may not."""
    (line,) = read(with_members(members))[0]
    assert isinstance(line, Line)
    assert line.unknown == unknown


def test_one_flipped_bit_costs_its_line_at_most_and_is_reported() -> None:
    """Any single flipped bit is seen; it costs the line it hits, two if it hits or makes a newline."""
    data = SEGMENT.data
    intact = {line.body for line in read(data)[0] if isinstance(line, Line)}
    for position in range(len(data)):
        for bit in range(8):
            flipped = data[:position] + bytes([data[position] ^ (1 << bit)]) + data[position + 1 :]
            found, tail = read(flipped)
            kept = {line.body for line in found if isinstance(line, Line)}
            assert kept <= intact
            assert len(kept) >= len(intact) - (2 if data[position] == 0x0A else 1)
            assert tail or any(isinstance(line, Damage) for line in found)


def test_a_file_cut_short_anywhere_loses_only_the_line_it_is_cut_in() -> None:
    """Truncation leaves every complete line readable, and the rest a torn tail."""
    data = SEGMENT.data
    for length in range(len(data)):
        found, tail = read(data[:length])
        assert len(found) == data[:length].count(b"\n")
        assert all(isinstance(line, Line) for line in found)
        assert tail == length - (data.rfind(b"\n", 0, length) + 1)


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_an_oversized_line_is_skipped_to_the_next_newline(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """A line beyond the limit is reported with its size, is never held, and costs nothing else."""
    monkeypatch.setattr(splitter, "MAX_LINE", 200)
    good = encode("run", "r1", b"{}", at=AT)
    at_limit = b"x" * 199 + b"\n"
    data = good + b"y" * 200 + b"\n" + at_limit + b"z" * 900 + b"\n" + good
    reader = LineReader()
    found = []
    for start in range(0, len(data), step):
        found += reader.read(data[start : start + step])
        assert len(reader.rest) <= 200
    assert [line.reason if isinstance(line, Damage) else line.id for line in found] == [
        "r1",
        "oversized",
        "corrupt",
        "oversized",
        "r1",
    ]
    assert [line.size for line in found] == [len(good), 201, 200, 901, len(good)]
    assert found[1:3] == [
        Damage(2, len(good), 201, "oversized", b""),
        Damage(3, len(good) + 201, 200, "corrupt", at_limit[:-1]),
    ]
    assert found[-1].offset == len(data) - len(good)


def signed(rest: bytes) -> bytes:
    """Return a line whose crc is right, whatever the rest is."""
    return b'{"v":1,"crc":"%08x",%b' % (zlib.crc32(rest, zlib.crc32(b'{"v":1,')), rest)


def test_members_that_are_not_known_are_ignored() -> None:
    """A later writer may add members anywhere between n and body."""
    rest = b'"n":2,"new":{"a":[1]},"kind":"run","id":"r1","other":null,"at":"x","path":"/v1/custom","z":1,"body":{}}'
    line = decode(RawLine(1, 0, len(rest), signed(rest)))
    assert isinstance(line, Line)
    assert (line.kind, line.id, line.path, line.body) == ("run", "r1", "/v1/custom", b"{}")


@pytest.mark.parametrize(
    "rest",
    [
        b"",
        b"}",
        b'"n":2,"kind":"run","id":"r1","at":"x","body":{}',
        b'"n":3,"kind":"run","id":"r1","at":"x","body":{}}',
        b'"n":2,"kind":"run","id":"r1","at":"x","bodi":{}}',
        b'"n":2,"kind":"run","id":"r1","at":"x","body":{}]',
        b'"n":75,"kind":"run","id":"r1","at":"x","body":{}}',  # two more than the line has bytes
        b'"n":02,"kind":"run","id":"r1","at":"x","body":{}}',
        b'"n":99999999999,"kind":"run","id":"r1","at":"x","body":{}}',
        b'"n":2,"id":"r1","at":"x","body":{}}',
        b'"n":2,"kind":1,"id":"r1","at":"x","body":{}}',
        b'"n":2,"kind":"run","id":"r1","at":"x","path":null,"body":{}}',
        b'"n":2,"kind":"run","id":"\\ud800","at":"x","body":{}}',
        b'"n":2,"kind":"run","id":"\xff","at":"x","body":{}}',
        b'"n":2,,"body":{}}',
        b'"n":2,"body":{}}',
        b'"n":2' + b"[" * 5000 + b',"body":{}}',
    ],
)
def test_a_line_that_matches_its_crc_and_not_the_grammar_is_malformed(rest: bytes) -> None:
    """A buggy or hostile writer's line is reported, with its bytes."""
    found = decode(RawLine(3, 10, 20, signed(rest)))
    assert found == Damage(3, 10, 20, "malformed", signed(rest))


@pytest.mark.parametrize("change", ["missing", "twice", "changed", "swapped"])
def test_the_tally_shows_one_missing_extra_or_changed_line(change: str) -> None:
    """A seal's count and running crc agree with the lines before it, and with no others."""
    middle = list(SEGMENT.lines[1:-1])
    witnessed = orjson.loads(read(SEGMENT.lines[-1])[0][0].body)  # type: ignore[union-attr]
    if change == "missing":
        middle.pop(1)
    elif change == "twice":
        middle.insert(1, middle[1])
    elif change == "changed":
        middle[1] = encode("step", "s2", b'{"a":1}', at=AT, path="/v1/custom")
    else:
        middle[1], middle[2] = middle[2], middle[1]
    for lines_read, same in ((SEGMENT.lines[1:-1], True), (middle, False)):
        tally = Tally()
        for line in read(SEGMENT.lines[0], *lines_read)[0]:
            assert isinstance(line, Line)
            tally.add(line.crc, is_record=line.is_record)
        assert ((tally.records, tally.crcs) == (witnessed["records"], witnessed["crcs"])) == same


def test_every_line_matches_the_models() -> None:
    """What the codec writes is what the JSON Schema describes."""
    adapter: TypeAdapter[object] = TypeAdapter(SpoolLine)
    for line in SEGMENT.lines:
        adapter.validate_json(line)


@pytest.mark.parametrize(
    ("start", "version"),
    [
        (b'{"v":1,"crc":', None),
        (b'{"v":2,"crc":', 2),
        (b'{"v":17,', 17),
        (b'{"v":999999999,', 999_999_999),
        (b'{"v":0,', None),
        (b'{"v":-1,', None),
        (b'{"v":2}', None),
        (b'{"type":"run"}', None),
        (b"", None),
        (b'{"v":' + b"9" * 400 + b",", None),
    ],
)
def test_the_version_of_a_later_file_is_seen(start: bytes, version: int | None) -> None:
    """Only a file that says v > 1 in its first member is of a later version."""
    assert other_version(start) == version


@pytest.mark.parametrize(
    ("version", "flipped", "whole"),
    [(b"2", False, True), (b"17", False, True), (b"3", True, False), (b"1", False, False)],
)
def test_a_whole_line_of_a_later_version_is_told_from_a_flipped_bit(
    version: bytes, *, flipped: bool, whole: bool
) -> None:
    """Its checksum covers the version: a bit that flips a 1 to a 3 makes it wrong."""
    line = encode("segment", "s", b"{}", at=AT)[:-1]
    rest = line[len(b'{"v":1,"crc":"00000000",') :]
    start = b'{"v":%b,' % (b"1" if flipped else version)
    made = b'{"v":%b,"crc":"%08x",%b' % (version, zlib.crc32(rest, zlib.crc32(start)), rest)
    assert is_whole_in_other_version(made) is whole
