"""Bodies come in every way that HTTP allows; slow, endless and many large ones cost bounded time and memory."""

import asyncio
import select
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.posting import RUN, connected, head, received_from, request
from support.worlds import wait_until
from tcc_recorder.gateway import app, connection, server
from tcc_recorder.gateway.options import Options
from tcc_recorder.gateway.receiving import Room
from tcc_recorder.gateway.server import Gateway
from tcc_schemas.lines import Line

Written = Callable[[], list[Line]]


def receiving_bytes(gateway: Gateway) -> int:
    """Return how much room the bodies have that are being received."""
    text = request(gateway.url, "/metrics", method="GET").body.decode()
    return int(text.partition("\ntcc_gateway_receiving_bytes ")[2].split()[0])


def test_a_sender_that_asks_first_is_told_to_go_on(gateway: Gateway, written: Written) -> None:
    """``Expect: 100-continue``, as curl sends it with large bodies."""
    with connected(gateway.url) as raw:
        raw.sendall(head(gateway.url, f"Content-Length: {len(RUN)}", "Expect: 100-continue"))
        assert raw.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        raw.sendall(RUN)
        assert received_from(raw).status == 200
    assert [line.body for line in written()] == [RUN]


def test_a_sender_that_asks_first_is_not_told_to_go_on_in_vain(gateway: Gateway, written: Written) -> None:
    """What is refused by its head is refused at once."""
    with connected(gateway.url) as raw:
        raw.sendall(head(gateway.url, "Content-Length: 9", "Expect: 100-continue", path="/v1/logs"))
        assert received_from(raw).status == 404
        assert raw.recv(1) == b""
    assert written() == []


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_chunks_are_one_body(gateway: Gateway, written: Written, size: int) -> None:
    """However a body is cut: curl and Node's streams send it in chunks."""
    body = b'{"type":"run","x":"%b"}' % (b"x" * size * 3)
    with connected(gateway.url) as raw:
        raw.sendall(head(gateway.url, "Transfer-Encoding: chunked"))
        for start in range(0, len(body), size):
            part = body[start : start + size]
            raw.sendall(b"%x\r\n%b\r\n" % (len(part), part))
        raw.sendall(b"0\r\n\r\n")
        assert received_from(raw).status == 200
    assert [line.body for line in written()] == [body]


def test_bytes_that_come_one_by_one_are_one_request(gateway: Gateway, written: Written) -> None:
    """A slow network cuts heads and bodies anywhere."""
    with connected(gateway.url) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head(gateway.url, f"Content-Length: {len(RUN)}") + RUN:
            raw.sendall(bytes((byte,)))
        assert received_from(raw).status == 200
    assert [line.body for line in written()] == [RUN]


def test_requests_that_follow_each_other_at_once_are_answered_in_order(gateway: Gateway, written: Written) -> None:
    """A connection is used again, also before the answer came."""
    bodies = [b'{"type":"run","run_id":"r-%d"}' % number for number in range(5)]
    with connected(gateway.url) as raw:
        raw.sendall(b"".join(head(gateway.url, f"Content-Length: {len(body)}") + body for body in bodies))
        answers = b""
        while answers.count(b'{"ok":true}') < len(bodies):
            answers += raw.recv(10_000)
    assert [line.body for line in written()] == bodies


@pytest.mark.parametrize(
    "lines",
    [("Content-Length: 5", "Content-Length: 6"), ("Content-Length: 5", "Transfer-Encoding: chunked"), ("a b: c",)],
    ids=str,
)
def test_a_request_that_can_be_read_in_two_ways_is_none(gateway: Gateway, written: Written, lines: list[str]) -> None:
    """400, and the connection ends: nothing can be smuggled behind it."""
    with connected(gateway.url) as raw:
        raw.sendall(head(gateway.url, *lines) + RUN)
        assert received_from(raw).status == 400
        assert raw.recv(1) == b""
    assert written() == []


def test_a_sender_that_dies_leaves_no_record(gateway: Gateway, written: Written) -> None:
    """Half a body is none, whether its end was declared or not."""
    for line in ("Content-Length: 100000", "Transfer-Encoding: chunked"):
        with connected(gateway.url) as raw:
            raw.sendall(head(gateway.url, line) + b"5\r\n12345\r\n")
    assert gateway.wait_quiet(30)
    assert receiving_bytes(gateway) == 0
    assert written() == []


def test_large_bodies_wait_for_room(spool: Path, written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no room is not read until another body ends; small ones need none, and what has begun can end."""
    monkeypatch.setattr(app, "ROOM", 1_000_000)
    body = b'{"x":"%b"}' % (b"x" * 400_000)
    with Gateway(Options(spool_dir=str(spool))) as gateway, ExitStack() as stack:
        first, second, third = (stack.enter_context(connected(gateway.url)) for _ in range(3))
        for raw in (first, second, third):
            raw.sendall(head(gateway.url, f"Content-Length: {len(body)}", "Expect: 100-continue"))
            if raw is not third:
                assert b"100 Continue" in raw.recv(100)
        assert request(gateway.url, "/v1/custom", RUN).status == 200
        assert receiving_bytes(gateway) == 2 * len(body)
        assert select.select([third], [], [], 0)[0] == []
        first.sendall(body)
        assert received_from(first).status == 200
        assert b"100 Continue" in third.recv(100)
        for raw in (second, third):
            raw.sendall(body)
            assert received_from(raw).status == 200
        assert receiving_bytes(gateway) == 0
    assert len(written()) == 4


def test_bodies_of_unknown_size_wait_for_room(spool: Path, written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not small any more takes the most that it may have: two such can't wait for each other for ever."""
    monkeypatch.setattr(app, "ROOM", 1_000_000)
    part = b"%x\r\n%b\r\n" % (100_000, b" " * 100_000)
    with (
        Gateway(Options(spool_dir=str(spool), max_body=600_000)) as gateway,
        connected(gateway.url) as first,
        connected(gateway.url) as second,
    ):
        for raw in (first, second):
            raw.sendall(head(gateway.url, "Transfer-Encoding: chunked") + part)
            wait_until(lambda: receiving_bytes(gateway) == 600_000, "the first has room")
        for raw in (first, second):
            raw.sendall(part * 4 + b"0\r\n\r\n")
        for raw in (first, second):
            assert received_from(raw).status == 200
        assert receiving_bytes(gateway) == 0
    assert [line.body for line in written()] == [b" " * 500_000] * 2


def test_room_that_nobody_waits_for_any_more_is_not_lost() -> None:
    """Who waited, or just got its turn, may be gone: the next in line has the room."""

    async def try_it() -> None:
        room = Room(10)
        await room.take(10)
        waiting = [asyncio.create_task(room.take(size)) for size in (10, 10, 4, 6)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        room.give(10)
        waiting[1].cancel()  # it has its turn, and does not know yet
        await asyncio.gather(*waiting[2:])
        assert room.free == 0
        for size in (4, 6):
            room.give(size)
        assert room.free == room.size

    asyncio.run(try_it())


def test_a_slow_body_is_given_up(spool: Path, written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """408, and the connection ends; its room is free again."""
    monkeypatch.setattr(connection, "_BODY_SECONDS", 0.1)
    monkeypatch.setattr(server, "_LOOK_FOR_LATE", 0.05)
    with Gateway(Options(spool_dir=str(spool))) as gateway:
        with connected(gateway.url) as raw:
            raw.sendall(head(gateway.url, "Content-Length: 100000") + b"{")
            answer = received_from(raw)
            assert raw.recv(1) == b""
        assert (answer.status, answer.headers["retry-after"]) == (408, "1")
        assert receiving_bytes(gateway) == 0
    assert written() == []


def test_what_never_becomes_a_request_is_closed(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No head, half a head, or no end of a body that nobody reads: 408, or nothing more; an idle connection stays."""
    monkeypatch.setattr(connection, "_HEAD_SECONDS", 0.2)
    monkeypatch.setattr(server, "_LOOK_FOR_LATE", 0.05)
    with Gateway(Options(spool_dir=str(spool))) as gateway, ExitStack() as stack:
        idle, silent, half, second_half, rest = (stack.enter_context(connected(gateway.url)) for _ in range(5))
        post = head(gateway.url, f"Content-Length: {len(RUN)}") + RUN
        for raw, data in ((half, post[:20]), (idle, post), (second_half, post + post[:20])):
            raw.sendall(data)
        rest.sendall(head(gateway.url, "Content-Length: 100", path="/v1/logs"))
        for raw, status in ((idle, 200), (second_half, 200), (rest, 404)):
            assert received_from(raw).status == status
        for raw in (silent, half, second_half):
            assert received_from(raw).status == 408
            assert raw.recv(1) == b""
        assert rest.recv(1) == b""
        idle.sendall(post)
        assert received_from(idle).status == 200


def test_an_answer_is_not_held_back(gateway: Gateway) -> None:
    """It is written in two parts: with Nagle's algorithm, the second waits 40 ms for the other side."""
    with connected(gateway.url) as raw:
        raw.sendall(head(gateway.url, f"Content-Length: {len(RUN)}") + RUN)
        assert received_from(raw).status == 200
        [one] = gateway._connections.all()
        assert one.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_idle_connection_stays_for_two_minutes_at_least() -> None:
    """SDKs keep connections, and lose what they post on one that was closed meanwhile."""
    assert connection._KEEP_ALIVE >= 120
