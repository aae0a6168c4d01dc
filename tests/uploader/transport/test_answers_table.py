"""The table of answers, row by row; and the backoff."""

import gzip
import ssl
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcc_uploader.transport.answers import Answer, Classified, Verdict, classify, decoded

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

ROWS = {
    Verdict.DELIVERED: [200, 201, 202, 204, 206, 299],
    Verdict.RETRY: [408, 425, 429, 500, 501, 502, 503, 504, 507, 520, 599, 100, 600, 999],
    Verdict.PAUSE: [401, 402, 407, 511, 300, 301, 302, 303, 304, 307, 308, 399],
    Verdict.REFUSED_CONTENT: [400, 413, 415, 422],
    Verdict.REFUSED: [403, 404, 405, 406, 409, 410, 411, 412, 414, 418, 421, 423, 426, 428, 431, 451, 499],
}


@pytest.mark.parametrize(("verdict", "status"), [(verdict, status) for verdict in ROWS for status in ROWS[verdict]])
def test_every_status_has_its_row(verdict: Verdict, status: int) -> None:
    """A status means what the table says; of three kinds of refusal a run's items are tried one by one."""
    found = classify(Answer(status), NOW)
    assert found.verdict is verdict
    assert found.divisible == (status in (400, 413, 422))
    assert classify(Answer(status, gateway=True), NOW).verdict is Verdict.PAUSE


PAGES = {
    "HTML": b"<html>",
    "doctype": b"  \r\n<!DOCTYPE html>",
    "XHTML prolog": b"<?xml version='1.0'?>",
    "BOM": b"\xef\xbb\xbf<!DOCTYPE html>",
    "BOM and white space": b"\xef\xbb\xbf \n\t<p>",
    "comment": b"<!-- portal -->",
    "head": b"<head><meta http-equiv=refresh content='0;url=/login'>",
    "script": b"<script>location='/login'</script>",
    "frames": b"<frameset rows='100%'><frame src='/login'>",
    "SVG": b"\n<svg onload=\"location='/login'\">",
}


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("kind", [None, "application/json", "text/plain; charset=utf-8"])
def test_a_web_page_is_no_delivery(name: str, kind: str | None) -> None:
    """Captive portals and login pages answer 200, and say any content type."""
    answer = Answer(200, text=PAGES[name], type=kind)
    assert classify(answer, NOW).verdict is Verdict.PAUSE


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(200, text=b"log in, please", type="text/html"), Verdict.PAUSE),
        (Answer(200, text=b"log in, please", type="Text/HTML; charset=utf-8"), Verdict.PAUSE),
        (Answer(200, text=b"\x1f\x8b?", garbled=True), Verdict.PAUSE),
        (Answer(200, text=b"", type="text/html"), Verdict.DELIVERED),
        (Answer(204), Verdict.DELIVERED),
        (Answer(200, text=b"ok", type="text/plain"), Verdict.DELIVERED),
        (Answer(200, text=b'{"a":"<html>"}', type="application/json"), Verdict.DELIVERED),
        (Answer(200, text=b"\n<\x08\x03", type="application/x-protobuf"), Verdict.DELIVERED),
        (Answer(200, text=b"\xff\xfe?", type="application/x-protobuf", garbled=True), Verdict.DELIVERED),
    ],
)
def test_what_is_no_page_is_a_delivery(answer: Answer, verdict: Verdict) -> None:
    """An empty page, an OTLP partial success that begins like a page, or a page in a text are deliveries."""
    assert classify(answer, NOW).verdict is verdict


@pytest.mark.parametrize(
    ("body", "encoding", "text"),
    [
        (b"abc", None, b"abc"),
        (b"abc", "identity", b"abc"),
        (gzip.compress(b"<html>", mtime=0), "gzip", b"<html>"),
        (gzip.compress(b"<html>" + bytes(range(256)) * 9, mtime=0)[:200], " GZIP ", b"<html>"),
        (zlib.compress(b"<html>"), "deflate", b"<html>"),
        (b"", "br", b""),
        (b"<html>", "gzip", None),
        (b"abc", "br", None),
        (b"abc", "gzip, gzip", None),
    ],
)
def test_an_answer_is_read_as_its_content_encoding_says(body: bytes, encoding: str | None, text: bytes | None) -> None:
    """Whole or cut off; what its encoding does not undo is nothing."""
    found = decoded(body, encoding)
    assert found is None if text is None else found is not None and found.startswith(text)


def test_a_bomb_in_an_answer_stays_small() -> None:
    """A few KiB never become many MiB."""
    bomb = gzip.compress(bytes(50_000_000))
    assert len(decoded(bomb[:65_536], "gzip") or b"") <= 16 * 65_536


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (b"run already exists", Verdict.DELIVERED),
        (b"DUPLICATE", Verdict.DELIVERED),
        (b"", Verdict.REFUSED),
        (b"version conflict", Verdict.REFUSED),
        (b"project does not exist", Verdict.REFUSED),
        (b"the run doesn't exist any more", Verdict.REFUSED),
        (b"no such thing exists", Verdict.REFUSED),
        (b'{"error":"not allowed: run already exists"}', Verdict.DELIVERED),
    ],
)
def test_a_409_is_a_delivery_only_if_it_says_so(text: bytes, verdict: Verdict) -> None:
    """409 alone is a refusal, and so is one that says the opposite."""
    assert classify(Answer(409, text=text), NOW).verdict is verdict


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("t"),
        httpx.ReadTimeout("t"),
        httpx.WriteTimeout("t"),
        httpx.PoolTimeout("t"),
        httpx.ReadError("reset"),
        httpx.WriteError("reset"),
        httpx.CloseError("x"),
        httpx.RemoteProtocolError("x"),
        httpx.ProxyError("x"),
        OSError("x"),
        RuntimeError("x"),
    ],
)
def test_no_answer_is_an_outage(error: Exception) -> None:
    """Whatever kept the answer away, the record is tried again."""
    assert classify(Answer(error=error), NOW) == Classified(Verdict.RETRY)


@pytest.mark.parametrize(
    "error", [httpx.UnsupportedProtocol("x"), httpx.LocalProtocolError("x"), httpx.InvalidURL("x")]
)
def test_what_cannot_even_be_asked_needs_an_operator(error: Exception) -> None:
    """A key or a URL that fits in no request won't fit the next time."""
    assert classify(Answer(error=error), NOW).verdict is Verdict.PAUSE


@pytest.mark.parametrize("link", ["__cause__", "__context__"])
def test_a_certificate_that_does_not_verify_is_found_in_the_chain(link: str) -> None:
    """The verification error lies below what httpx raises; other TLS trouble is an outage."""
    for kind, verdict in ((ssl.SSLCertVerificationError, Verdict.PAUSE), (ssl.SSLError, Verdict.RETRY)):
        outer, inner = httpx.ConnectError("x"), OSError("y")
        setattr(outer, link, inner)
        setattr(inner, link, kind(1, "z"))
        assert classify(Answer(error=outer), NOW).verdict is verdict


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("7", 7),
        ("1.5", 1.5),
        ("-5", 0),
        ("3600", 3600),
        ("3601", 3600),
        ("1e400", 3600),
        ("nan", None),
        ("soon", None),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", None),
        (format_datetime(NOW + timedelta(minutes=2), usegmt=True), 120),
        (format_datetime(NOW - timedelta(days=2), usegmt=True), 0),
        (format_datetime(NOW + timedelta(days=2), usegmt=True), 3600),
        ("Sat, 31 Jan 2026 12:00:30", 30),
        ("Sat, 31 Jan 2026 14:00:30 +0200", 30),
    ],
)
@pytest.mark.parametrize("status", [408, 429, 503])
def test_retry_after(status: int, value: str | None, wait: float | None) -> None:
    """Seconds or a date, at most an hour, never negative; nonsense says nothing."""
    assert classify(Answer(status, retry_after=value), NOW) == Classified(Verdict.RETRY, wait)


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,9} [A-Z][a-z]{2} [0-9]{1,12} [0-9:]{0,9} ?[+-]?[0-9]{0,9}"))
def test_no_retry_after_raises(value: str) -> None:
    """A header may hold anything."""
    wait = classify(Answer(503, retry_after=value), NOW).wait
    assert wait is None or 0 <= wait <= 3600
