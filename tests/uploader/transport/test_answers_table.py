"""The table of answers, row by row; and the backoff."""

import gzip
import ssl
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcc_uploader.boundary import caught
from tcc_uploader.transport.answers import Answer, Classified, Verdict, classify, decoded, without_words
from tcc_uploader.transport.otlp import PartlyRefused

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
        (b"abc", " ", b"abc"),
        (gzip.compress(b"<html>", mtime=0), "x-gzip", b"<html>"),
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
    """A few KiB never become many MiB: each byte becomes sixteen at most, which is enough for what people write."""
    bomb = gzip.compress(bytes(50_000_000))
    assert len(decoded(bomb, "gzip") or b"") == 16 * len(bomb)
    page = b"<html>" + b"".join(b"<p>%d</p>" % number for number in range(1000))
    assert decoded(gzip.compress(page), "gzip") == page


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (b"run already exists", Verdict.DELIVERED),
        (b"DUPLICATE", Verdict.DELIVERED),
        (b"this run exists", Verdict.DELIVERED),
        (b"already stored", Verdict.DELIVERED),
        (b"", Verdict.REFUSED),
        (b"version conflict", Verdict.REFUSED),
        (b"project does not exist", Verdict.REFUSED),
        (b"the run doesn't exist any more", Verdict.REFUSED),
        (b"no such thing exists", Verdict.REFUSED),
        (b"a run that never existed", Verdict.REFUSED),
        (b"Not A Duplicate of anything", Verdict.REFUSED),
        (b"PROJECT DOES NOT EXIST", Verdict.REFUSED),
        (b'{"error":"not allowed: run already exists"}', Verdict.DELIVERED),
    ],
)
def test_a_409_is_a_delivery_only_if_it_says_so(text: bytes, verdict: Verdict) -> None:
    """409 alone is a refusal, and so is one that says the opposite."""
    assert classify(Answer(409, text=text), NOW).verdict is verdict


@pytest.mark.parametrize(("verdict", "status"), [(verdict, status) for verdict in ROWS for status in ROWS[verdict]])
@pytest.mark.parametrize("text", [b"run already exists", b"DUPLICATE", *PAGES.values()])
def test_the_text_of_an_answer_matters_only_with_409_and_of_a_success(
    verdict: Verdict, status: int, text: bytes
) -> None:
    """A 422 that says "already exists" is a refusal, and a proxy's 502 is an outage though it is a web page."""
    if status != 409 and verdict is not Verdict.DELIVERED:
        assert classify(Answer(status, text=text, type="text/html"), NOW) == classify(Answer(status), NOW)
        assert classify(Answer(status), NOW).verdict is verdict


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        (Answer(401), "TCC_API_KEY"),
        (Answer(402), "account"),
        (Answer(403), "this key"),
        (Answer(404), "TCC_BASE_URL"),
        (Answer(405), "TCC_BASE_URL"),
        (Answer(407), "HTTPS_PROXY"),
        (Answer(511), "log in"),
        (Answer(308, location="https://new.example/v1"), "redirects to https://new.example/v1: configure"),
        (Answer(304), "redirects to nowhere: configure"),
        (Answer(200, text=b"<html>"), "a web page answered"),
        (Answer(200, gateway=True), "unset TCC_BASE_URL and TCC_URL"),
        (Answer(error=httpx.InvalidURL("x")), "HTTPS_PROXY"),
        (Answer(error=ssl.SSLCertVerificationError(1, "x")), "SSL_CERT_FILE"),
    ],
)
def test_what_an_operator_can_mend_is_told_to_him(answer: Answer, remedy: str) -> None:
    """Every pause says what to do, and so do the refusals that mostly come of a wrong setting."""
    assert remedy in classify(answer, NOW).remedy


@pytest.mark.parametrize("status", [200, 400, 406, 409, 415, 422, 429, 451, 503])
def test_what_nobody_here_can_mend_has_no_remedy(status: int) -> None:
    """A remedy that is no help would be looked for in vain, and stand in the way of a probe."""
    assert classify(Answer(status), NOW).remedy == ""


def test_only_an_otlp_server_takes_a_part() -> None:
    """Another server's answer that looks like a partial success is only an answer; so is one that can't be read."""
    partly = Answer(200, text=b'{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too long"}}')
    delivered = Classified(Verdict.DELIVERED)
    assert classify(partly, NOW, is_otlp=True) == delivered._replace(partly_refused=PartlyRefused(3, "too long"))
    assert classify(partly, NOW) == delivered
    garbled = partly._replace(garbled=True, type="application/x-protobuf")
    assert classify(garbled, NOW, is_otlp=True) == delivered


@pytest.mark.parametrize(
    ("answer", "reason", "kept"),
    [
        (Answer(422, text=b" a secret\xff "), "HTTP 422: a secret\ufffd", "HTTP 422"),
        (Answer(503), "HTTP 503", "HTTP 503"),
        (Answer(400, text=b"x" * 900), "HTTP 400: " + "x" * 200, "HTTP 400"),
        (Answer(error=httpcore.ConnectError("all refused")), "ConnectError: all refused", "ConnectError: all refused"),
        (
            Answer(error=httpcore.RemoteProtocolError("b'a secret'")),
            "RemoteProtocolError: b'a secret'",
            "RemoteProtocolError",
        ),
        (Answer(error=OSError()), "OSError", "OSError"),
    ],
)
def test_a_reason_without_the_server_s_words(answer: Answer, reason: str, kept: str) -> None:
    """What a server sent may quote a record, and is not for the log; our own words are."""
    assert answer.reason == reason
    assert without_words(reason) == kept


@pytest.mark.unexpected
def test_an_answer_that_nobody_foresaw_is_an_outage() -> None:
    """It loses nothing, and it is told where it was."""
    assert classify(Answer(207, type=5), NOW) == Classified(Verdict.RETRY)  # type: ignore[arg-type]
    assert "an answer with status 207" in str(caught.all())


@pytest.mark.parametrize(
    "error",
    [
        httpcore.ConnectError("refused"),
        httpcore.ConnectTimeout("t"),
        httpcore.ReadTimeout("t"),
        httpcore.WriteTimeout("t"),
        httpcore.PoolTimeout("t"),
        httpcore.ReadError("reset"),
        httpcore.WriteError("reset"),
        httpcore.RemoteProtocolError("x"),
        httpcore.ProxyError("x"),
        OSError("x"),
        RuntimeError("x"),
    ],
)
def test_no_answer_is_an_outage(error: Exception) -> None:
    """Whatever kept the answer away, the record is tried again."""
    assert classify(Answer(error=error), NOW) == Classified(Verdict.RETRY)


@pytest.mark.parametrize(
    "error",
    [
        httpx.UnsupportedProtocol("x"),
        httpcore.UnsupportedProtocol("x"),
        httpcore.LocalProtocolError("x"),
        httpx.InvalidURL("x"),
    ],
)
def test_what_cannot_even_be_asked_needs_an_operator(error: Exception) -> None:
    """A key or a URL that fits in no request won't fit the next time."""
    assert classify(Answer(error=error), NOW).verdict is Verdict.PAUSE


@pytest.mark.parametrize("link", ["__cause__", "__context__"])
def test_a_certificate_that_does_not_verify_is_found_in_the_chain(link: str) -> None:
    """The verification error lies below what httpcore raises; other TLS trouble is an outage."""
    for kind, verdict in ((ssl.SSLCertVerificationError, Verdict.PAUSE), (ssl.SSLError, Verdict.RETRY)):
        outer, inner = httpcore.ConnectError("x"), OSError("y")
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
