"""What is not recorded, and what its sender hears: every row of the gateway's answers, over real sockets."""

import gzip
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from support.posting import JSON, PROTOBUF, RUN, connected, head, received_from, request
from tcc_recorder.gateway import app, connection, posts
from tcc_recorder.gateway.options import MOST_MAX_BODY, Options
from tcc_recorder.gateway.server import Gateway
from tcc_schemas.endpoints import OFFLINE_KEY, key_hint
from tcc_schemas.lines import Line

Written = Callable[[], list[Line]]

TOKEN = "token-of-this-test-only"  # noqa: S105 -- it is


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/logs"),
        ("POST", "/v1/metrics"),
        ("POST", "/v1/custom?x=1"),
        ("POST", "/v1/custom/"),
        ("POST", "/v1/Custom"),
        ("POST", "/v1/cust%6Fm"),
        ("POST", "/v2/custom"),
        ("POST", "/v1/" + "x" * 65),
        ("POST", "/prefix/v1/custom"),
        ("POST", "/healthz"),
        ("POST", "/"),
        ("GET", "/v1/custom"),
        ("GET", "/"),
        ("PUT", "/v1/custom"),
        ("DELETE", "/v1/custom"),
    ],
)
def test_anything_else_is_not_found(gateway: Gateway, written: Written, method: str, path: str) -> None:
    """404, and nothing is written."""
    answer = request(gateway.url, path, RUN, method=method)
    assert (answer.status, answer.headers["tcc-gateway"], written()) == (404, "1", [])


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json; boundary=x"},
        {},
        JSON | {"Content-Encoding": "br"},
        JSON | {"Content-Encoding": "gzip, gzip"},
    ],
    ids=str,
)
def test_content_that_no_line_can_hold_is_not_taken(
    gateway: Gateway, written: Written, headers: dict[str, str]
) -> None:
    """415: the types of SDKs, with charset=utf-8 at most, plain or with gzip or deflate; no web page's form."""
    assert (request(gateway.url, "/v1/custom", RUN, headers).status, written()) == (415, [])


def test_a_body_that_is_too_large_is_told_before_it_is_sent(gateway: Gateway, written: Written) -> None:
    """413 to a head that declares too much; a sender that waits to be told to go on sends nothing."""
    with connected(gateway.url) as raw:
        raw.sendall(head(gateway.url, f"Content-Length: {33 << 20}", "Expect: 100-continue"))
        answer = received_from(raw)
        assert raw.recv(1) == b"", "the connection ends: what follows could be the body or not"
    assert (answer.status, written()) == (413, [])


@pytest.mark.parametrize("declares", [True, False])
def test_a_body_that_is_too_large_is_refused(spool: Path, written: Written, *, declares: bool) -> None:
    """413 also to who sends all at once, and to who does not say how much comes; the connection can be used again."""
    with Gateway(Options(spool_dir=str(spool), max_body=100_000)) as gateway, connected(gateway.url) as raw:
        if declares:
            raw.sendall(head(gateway.url, "Content-Length: 100001") + b" " * 100_001)
        else:
            raw.sendall(
                head(gateway.url, "Transfer-Encoding: chunked") + b"186a1\r\n" + b" " * 100_001 + b"\r\n0\r\n\r\n"
            )
        assert received_from(raw).status == 413
        raw.sendall(head(gateway.url, f"Content-Length: {len(RUN)}") + RUN)
        assert received_from(raw).status == 200
    assert [line.body for line in written()] == [RUN]


def test_a_bomb_is_refused(gateway: Gateway, written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """413 to a body that unpacks to more than a line may have, of which only that much is unpacked."""
    monkeypatch.setattr(posts, "MAX_LINE", 1_000_000)
    for size, status in ((1_000_000, 200), (1_000_001, 413), (20_000_000, 413)):
        packed = gzip.compress(b'"%b"' % (b"x" * (size - 2)), compresslevel=1)
        assert request(gateway.url, "/v1/custom", packed, JSON | {"Content-Encoding": "gzip"}).status == status
    assert len(written()) == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_is_not_encoded_as_it_says_is_recorded(gateway: Gateway, written: Written, encoding: str) -> None:
    """The server judges it."""
    assert request(gateway.url, "/v1/custom", RUN, JSON | {"Content-Encoding": encoding}).status == 200
    assert [(line.body, line.encoding, line.run_id) for line in written()] == [(RUN, encoding, None)]


@pytest.mark.parametrize(
    "authorization", [None, "Basic bnU6bnA=", "Bearer", "Bearer ", "Bearer two words", "Bearer k\u00e9y", "Digest x"]
)
def test_a_post_without_a_key_is_recorded_without_a_hint(
    gateway: Gateway, written: Written, authorization: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A ``~/.netrc`` turns the SDK's key into Basic, and most SDKs repeat nothing: said once, it costs no run."""
    headers = JSON if authorization is None else JSON | {"Authorization": authorization.encode().decode("latin-1")}
    for path in ("/v1/custom", "/v1/pi"):
        assert request(gateway.url, path, RUN, headers).status == 200
    assert [line.key for line in written()] == [None, None]
    assert len(caplog.records) == 1
    assert "key" in caplog.text


def test_the_key_that_stands_for_none_leaves_no_hint(
    gateway: Gateway, written: Written, caplog: pytest.LogCaptureFixture
) -> None:
    """``tcc-offline`` is set because SDKs insist on a key."""
    assert request(gateway.url, "/v1/custom", RUN, JSON | {"Authorization": f"Bearer {OFFLINE_KEY}"}).status == 200
    assert [line.key for line in written()] == [None]
    assert caplog.text == ""


def test_an_uploader_that_posts_here_is_told_so(gateway: Gateway, written: Written) -> None:
    """508 to ``tcc-upload``, which would take a 2xx for a delivery and remove the record."""
    answer = request(gateway.url, "/v1/custom", RUN, JSON | {"User-Agent": "tcc-upload/0.1.0"})
    assert (answer.status, answer.headers["tcc-gateway"], written()) == (508, "1", [])
    assert b"TCC_BASE_URL" in answer.body


def test_every_answer_says_that_it_is_a_gateway_s(gateway: Gateway) -> None:
    """Whatever an uploader asks, it can tell: recorded, refused, a probe, or no HTTP at all."""
    answers = [
        request(gateway.url, "/v1/custom", RUN),
        request(gateway.url, "/v1/traces", b"", PROTOBUF),
        request(gateway.url, "/nothing"),
        request(gateway.url, "/healthz", method="GET"),
    ]
    with connected(gateway.url) as raw:
        raw.sendall(b"no HTTP\r\n\r\n")
        answers.append(received_from(raw))
    assert [answer.status for answer in answers] == [200, 200, 404, 200, 400]
    assert {answer.headers.get("tcc-gateway") for answer in answers} == {"1"}


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000"])
def test_a_web_page_is_refused(gateway: Gateway, written: Written, origin: str) -> None:
    """403 to whatever has an ``Origin``: SDKs send none."""
    assert (request(gateway.url, "/v1/custom", RUN, JSON | {"Origin": origin}).status, written()) == (403, [])


def test_node_s_own_headers_are_no_web_page_s(gateway: Gateway, written: Written) -> None:
    """Node's fetch sends ``Sec-Fetch-Mode: cors`` on every call."""
    assert request(gateway.url, "/v1/custom", RUN, JSON | {"Sec-Fetch-Mode": "cors"}).status == 200
    assert len(written()) == 1


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "localhost:1", "localhost.evil.example:{port}", "", "[::1"]
)
def test_a_name_that_was_led_here_is_misdirected(gateway: Gateway, written: Written, host: str) -> None:
    """421 unless ``Host`` is a loopback name and our port: a page whose name leads to loopback is same-origin here."""
    host = host.format(port=gateway.url.rpartition(":")[2])
    assert (request(gateway.url, "/v1/custom", RUN, JSON | {"Host": host}).status, written()) == (421, [])


@pytest.mark.parametrize(
    ("before", "also", "status"),
    [(b"Host: ", b"Host: evil.example\r\n", 421), (b"Content-Type: ", b"Content-Type: text/plain\r\n", 415)],
)
def test_a_header_that_is_there_twice_says_nothing(
    gateway: Gateway, written: Written, before: bytes, also: bytes, status: int
) -> None:
    """Who reads the other one of the two must not be led elsewhere."""
    with connected(gateway.url) as raw:
        raw.sendall(head(gateway.url, f"Content-Length: {len(RUN)}").replace(before, also + before) + RUN)
        assert received_from(raw).status == status
    assert written() == []


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "127.0.0.1", "[::1]"])
def test_every_loopback_name_is_ours(gateway: Gateway, written: Written, name: str) -> None:
    """However the agent names this machine."""
    host = f"{name}:{gateway.url.rpartition(':')[2]}"
    assert request(gateway.url, "/v1/custom", RUN, JSON | {"Host": host}).status == 200
    assert len(written()) == 1


def test_with_tokens_only_who_has_one_may_post(spool: Path, written: Written, caplog: pytest.LogCaptureFixture) -> None:
    """401 without a token in the URL, or with a wrong one; the token is neither recorded nor logged."""
    with Gateway(Options(spool_dir=str(spool), tokens=frozenset({TOKEN, "another-token-here"}))) as gateway:
        for path in ("/v1/custom", "/t//v1/custom", f"/t/{TOKEN}x/v1/custom", f"/x/t/{TOKEN}/v1/custom"):
            assert request(gateway.url, path, RUN).status == 401, path
        assert request(gateway.url, f"/t/{TOKEN}/v1/nothing/here", RUN).status == 404
        assert request(gateway.url, f"/t/{TOKEN}", RUN).status == 404
        assert request(gateway.url, "/healthz", method="GET").status == 200
        assert request(gateway.url, f"/t/{TOKEN}/v1/custom", RUN, JSON | {"Authorization": "Bearer k"}).status == 200
    assert [(line.path, line.key) for line in written()] == [("/v1/custom", key_hint("k"))]
    assert all(TOKEN not in text for text in (caplog.text, *(path.read_text() for path in spool.iterdir())))


def test_too_many_connections_are_sent_away(
    gateway: Gateway, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503, and when to come again; those that are there go on."""
    monkeypatch.setattr(app, "_MOST_CONNECTIONS", 1)
    post = head(gateway.url, f"Content-Length: {len(RUN)}") + RUN
    with connected(gateway.url) as first:
        first.sendall(post)
        assert received_from(first).status == 200
        answer = request(gateway.url, "/v1/custom", RUN)
        assert gateway.wait_quiet(0) is False
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert gateway.wait_quiet(30)
    assert request(gateway.url, "/v1/custom", RUN).status == 200
    assert len(written()) == 2


def test_a_flood_of_connections_leaves_descriptors_for_the_spool(
    gateway: Gateway, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Far beyond the limit they are closed at once; those that are there go on."""
    monkeypatch.setattr(connection, "_MOST", 1)
    with connected(gateway.url) as first:
        first.sendall(head(gateway.url, "Content-Length: 5"))
        with connected(gateway.url) as second, suppress(ConnectionResetError):
            assert second.recv(1) == b""
        first.sendall(b"12345")
        assert received_from(first).status == 200
    assert len(written()) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_body": 0}, "--max-body"),
        ({"max_body": MOST_MAX_BODY + 1}, "--max-body"),
        ({"tls_cert": Path("cert.pem")}, "--tls-key"),
        ({"durability": "hope"}, "durability"),
        ({"redact": ("[",)}, "pattern"),
    ],
    ids=str,
)
def test_options_that_can_t_be_are_refused(options: dict[str, object], says: str) -> None:
    """Before anything listens."""
    with pytest.raises(ValueError, match=says):
        Gateway(Options(**options))  # type: ignore[arg-type]  # that is what is tried


def test_leaving_texts_out_can_t_be_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which parts of another SDK's post are texts is not known: the gateway does not start, and says why."""
    monkeypatch.setenv("TCC_CONTENT", "0")
    with pytest.raises(ValueError, match="TCC_CONTENT=0 can't be honoured"):
        Gateway(Options())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "--tokens"),
        ({"tokens": frozenset({TOKEN})}, "--plain-http"),
        ({"plain_http": True}, "--tokens"),
    ],
    ids=str,
)
def test_an_address_that_others_reach_needs_tokens_and_tls(options: dict[str, object], says: str) -> None:
    """Without both, or the word that plain HTTP is meant, the gateway does not start there."""
    with pytest.raises(ValueError, match=says):
        Gateway(Options(**options), host="0.0.0.0")  # type: ignore[arg-type]  # noqa: S104 -- what is refused


def test_an_address_that_others_reach_takes_any_name(spool: Path, written: Written) -> None:
    """It is known by a name that the gateway can't know; a token proves who posts."""
    options = Options(spool_dir=str(spool), tokens=frozenset({TOKEN}), plain_http=True)
    with Gateway(options, host="0.0.0.0") as gateway:  # noqa: S104 -- with a token
        url = f"http://127.0.0.1:{gateway.url.rpartition(':')[2]}/t/{TOKEN}"
        assert request(url, "/v1/custom", RUN, JSON | {"Host": "gateway.internal:4319"}).status == 200
        assert request(url, "/v1/custom", RUN, JSON | {"Origin": "http://gateway.internal"}).status == 403
    assert len(written()) == 1


def test_no_key_is_written_or_logged(gateway: Gateway, spool: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever becomes of a request, its bearer key, and every other header, is in neither spool, log nor answer."""
    caplog.set_level(logging.DEBUG)
    key = "tcc_secret_key_0123456789"
    headers = JSON | {"Authorization": f"Bearer {key}", "X-Extra": f"extra {key}", "Cookie": key}
    answers = [
        request(gateway.url, path, body, headers | more)
        for path, body, more in (
            ("/v1/custom", RUN, {}),
            ("/v1/custom", b"no JSON", {}),
            ("/v1/traces", b"no OTLP", PROTOBUF),
            ("/v1/other", RUN, {}),
            ("/v1/logs", RUN, {}),
            ("/v1/custom", RUN, {"Content-Type": "text/plain"}),
            ("/v1/custom", RUN, {"Origin": "null"}),
            ("/v1/custom", RUN, {"Host": "evil.example"}),
            ("/v1/custom", RUN, {"User-Agent": "tcc-upload/1"}),
            ("/v1/custom", RUN, {"Authorization": f"Bearer {key} {key}"}),
            ("/v1/custom", RUN, {"Authorization": f"Basic {key}"}),
        )
    ]
    assert {answer.status for answer in answers} == {200, 403, 404, 415, 421, 508}
    assert key not in caplog.text
    assert all(key not in str(answer) for answer in answers)
    [segment] = spool.iterdir()
    assert key.encode() not in segment.read_bytes()
    assert key_hint(key).encode() in segment.read_bytes()  # type: ignore[union-attr]  # it is a key
