"""Hostile letters and requests in the state directory, and hostile answers: the engine goes on."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fuzz.campaign import folder, fuzz
from fuzz.hostile import as_json, mutated, scalars, spoiled, texts, values
from fuzz.world import GOOD, OK, Uploader, assert_nothing_unforeseen, parts, write_good
from support.faults import run_item

_REFUSED = b"HTTP/1.1 422 No\r\nContent-Length: 2\r\n\r\nno"
_LETTER = {
    "id": "0123456789abcdef0123456789abcdef",
    "reason": "refused",
    "detail": "d",
    "status": 422,
    "answer": "no",
    "url": "http://127.0.0.1:9/v1/custom",
    "segment": "gone",
    "line": 2,
    "source": "/x/y.jsonl",
    "kind": "run",
    "record_id": "l",
    "run_id": "l",
    "path": "/v1/custom",
    "record_url": None,
    "key": "01234567",
    "type": None,
    "encoding": None,
    "digest": 5,
    "died_at": "2026-01-31T12:00:00.000Z",
    "body": "eyJ0eXBlIjoicnVuIn0=",
}
_PENDING = {
    "segment": "good",
    "source": "/x/y.jsonl",
    "line": 2,
    "end": 500,
    "recovered": False,
    "key": "00" * 16,
    "hint": -1,
    "digest": 5,
}


def _requests(ident: str) -> list[object]:
    asked = {"action": "requeue", "letter": ident}
    edited = {**asked, "letter_json": as_json({**_LETTER, "id": ident}).decode()}
    return [asked, {**asked, "action": "drop"}, edited, {**asked, "pending": _PENDING, "action": "drop"}]


@fuzz(60)
@given(
    st.lists(spoiled(_LETTER).map(as_json) | mutated(as_json(_LETTER)), min_size=1, max_size=3),
    st.lists(
        st.sampled_from(_requests("0" * 32)).flatmap(spoiled).map(as_json)
        | st.sampled_from(_requests("1" * 32)).map(as_json).flatmap(mutated),
        max_size=3,
    ),
    parts,
)
def test_letters_and_requests(letters: list[bytes], requests: list[bytes], part: int) -> None:
    """Whatever a letter or a request is: a good letter beside it is sent again, and records are delivered."""
    with folder() as path:
        uploader = Uploader(path, [_REFUSED, OK])
        (uploader.spool / "0.jsonl").write_bytes(as_json(run_item("refused")) + b"\n" + as_json(run_item("first")))
        uploader.once()
        (ident,) = uploader.letters.ids()
        uploader.answers = ()
        write_good(uploader.spool)
        (uploader.state / "requests").mkdir(exist_ok=True)
        (uploader.state / "requests" / f"{ident}.json").write_bytes(as_json({"action": "requeue", "letter": ident}))
        for number, letter in enumerate(letters):
            (uploader.state / "dead" / f"{str(number) * 32}.json").write_bytes(letter)
        for number, request in enumerate(requests):
            (uploader.state / "requests" / f"{number}.json").write_bytes(request)
        uploader.daemon()
        uploader.once()
        assert uploader.received >= GOOD | {"refused", "first"}
        uploader.look(part)
        assert_nothing_unforeseen()


_HEADERS = (
    *("Retry-After", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Location", "Date"),
    *("TCC-Gateway", "Connection", "Upgrade", "Set-Cookie"),
)
_VALUES = (
    texts.filter(str.isascii)
    | scalars.map(str).filter(str.isascii)
    | st.sampled_from(
        [
            *("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -1200", "-1", "1e400", "nan"),
            *("gzip", "br", "deflate, gzip", "chunked", "text/html", "application/x-protobuf", "Mon, 00 Foo 0000"),
        ]
    )
)


@st.composite
def _answers(draw: st.DrawFn) -> bytes:
    status = draw(st.sampled_from([100, 200, 204, 302, 400, 401, 409, 413, 422, 429, 500, 503, 599, 600, 999, 0]))
    body = draw(
        values.map(as_json) | st.binary(max_size=100) | st.sampled_from([b"\x1f\x8b\x08", b"<html>", b"\x0a\xff"])
    )
    head = "".join(
        f"{name}: {value}\r\n"
        for name, value in draw(st.lists(st.tuples(st.sampled_from(_HEADERS), _VALUES), max_size=4))
    )
    whole = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body
    return whole if draw(st.booleans()) else draw(mutated(whole))


@fuzz(60)
@given(st.lists(_answers(), min_size=1, max_size=6), parts)
def test_answers(answers: list[bytes], part: int) -> None:
    """Whatever a server answers: the engine goes on, and no record is lost that a later answer could accept."""
    with folder() as path:
        uploader = Uploader(path, answers)
        write_good(uploader.spool)
        counts = uploader.daemon(20_000.0).intake.counts
        assert counts.records == 3
        if (
            counts.delivered + counts.dead < 3
        ):  # what was refused last waits for a success, which tells whose fault it was
            uploader.answers = ()
            counts = replace(uploader.daemon().intake.counts, dead=counts.dead)
        assert counts.records == counts.delivered + counts.dead == 3
        uploader.look(part)
        assert_nothing_unforeseen()
