"""Time-outs go by progress: real sockets, and a simulated clock that a slow link or a slow server moves on."""

import threading
import time

import pytest

from support.faults import Connection, FaultServer, Misdeed, Reply, Request, SegmentFile
from support.rigging import Rig
from support.slow_link import SlowLink
from support.worlds import wait_until
from tcc_uploader.delivery.engine import Limits
from tcc_uploader.transport.progress import Patience


def large(rig: Rig, records: int, size: int) -> int:
    """Write records of about ``size`` bytes; return how many bytes they are together."""
    file = SegmentFile()
    for number in range(records):
        file.run(f"r{number}", response="x" * size)
    return file.write(rig.spool).stat().st_size


@pytest.mark.parametrize(
    ("rate", "records", "size", "stall"),
    [(20_000, 1, 300_000, 0), (2_000, 1, 300_000, 0), (20_000, 40, 100_000, 0), (20_000, 20, 100_000, 50)],
)
@pytest.mark.parametrize("command", ["daemon", "replay"])
def test_over_a_slow_link_each_record_is_stored_once_in_the_time_that_it_takes(
    rig: Rig, server: FaultServer, command: str, rate: int, records: int, size: int, stall: float
) -> None:
    """Neither a large record, nor many, nor a link that stalls for 50 s of every minute has anything sent again."""
    needed, began = large(rig, records, size), rig.time.now
    with SlowLink(server.port, rig.time, rate, stall=stall) as link:
        if command == "replay":
            assert rig.once(timeout=60, base_url=link.url, in_flight=8).counts.delivered == records
        else:
            rig.daemon(lambda engine: engine.settlement.total.delivered == records, base_url=link.url, in_flight=8)
    assert sorted(server.ids) == sorted([f"r{number}"] for number in range(records))
    assert rig.time.now - began <= 1.3 * needed / (rate * (60 - stall) / 60) + stall


def test_what_the_kernel_still_holds_does_not_count_as_sent(rig: Rig, server: FaultServer) -> None:
    """300 kB take 15 s; the wait for the answer begins when nearly all of them went through, not at once."""
    large(rig, 1, 300_000)
    limits = Limits(patience=Patience(head=8.0))
    with SlowLink(server.port, rig.time, 20_000) as link:
        assert rig.once(base_url=link.url, limits=limits).counts.delivered == 1
    assert server.ids == [["r0"]]


def test_a_one_shot_run_gives_up_when_no_byte_moves(rig: Rig, server: FaultServer) -> None:
    """A link that passes nothing any more costs the time-out, and not more."""
    large(rig, 1, 300_000)
    began = rig.time.now
    with SlowLink(server.port, rig.time, 20_000, stops_after=100_000) as link:
        outcome = rig.once(timeout=60, base_url=link.url)
    assert outcome.timed_out
    assert outcome.counts.pending == 1
    assert 60 <= rig.time.now - began <= 600
    assert not server.requests


def slowly(rig: Rig, seconds: float, head: bytes = b"", after: bytes = b"") -> Misdeed:
    """Let so many seconds pass, and send a byte of ``head`` every ten of them; then send ``after``, and close."""

    def misdeed(connection: Connection) -> None:
        for turn in range(int(seconds / 10)):
            if connection.stopping.wait(0.02):
                break
            rig.time.now += 10.0
            connection.send(head[turn : turn + 1])
        connection.send(after)
        connection.close()

    return misdeed


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nA: " + b"a" * 200])
def test_a_request_without_a_whole_head_is_sent_again_after_ten_minutes(
    rig: Rig, server: FaultServer, head: bytes
) -> None:
    """Whether nothing comes, or a byte of the head every ten seconds: not sooner, and not later."""
    SegmentFile().run("r1").write(rig.spool)
    times: list[float] = []

    def behaviour(_: Request) -> Reply | Misdeed:
        times.append(rig.time.now)
        return slowly(rig, 2000, head) if len(times) == 1 else Reply()

    server.behaviour = behaviour
    rig.daemon(lambda engine: engine.settlement.total.delivered)
    assert server.ids == [["r1"]] * 2
    assert 600 <= times[1] - times[0] <= 1000


@pytest.mark.parametrize("seconds", [300, 2000])
def test_a_one_shot_run_waits_ten_minutes_for_the_answer_to_what_was_sent_whole(
    rig: Rig, server: FaultServer, seconds: float
) -> None:
    """The record may be stored: an answer that takes five minutes is heard, and one that never comes given up."""
    SegmentFile().run("r1").write(rig.spool)
    began = rig.time.now

    server.behaviour = lambda _: slowly(rig, seconds, after=Reply().head() + Reply().body)
    outcome = rig.once(timeout=60)
    assert outcome.timed_out == (seconds > 600)
    assert outcome.counts.pending == (seconds > 600)
    assert rig.time.now - began < 1200
    assert len(server.requests) == 1


def test_one_hung_request_among_good_ones_costs_nobody_else_anything(rig: Rig, server: FaultServer) -> None:
    """The others are stored once, while it hangs; then it is sent again, and its thread has ended."""
    file = SegmentFile()
    for number in range(30):
        file.run(f"r{number}")
    file.write(rig.spool)
    hung = 0

    def behaviour(request: Request) -> Reply | Misdeed:
        nonlocal hung
        if request.ids != ["r3"] or hung:
            return Reply()
        hung += 1

        def misdeed(connection: Connection) -> None:
            while len(server.requests) < 30 and not connection.stopping.wait(0.01):
                rig.time.now += 0.1
            slowly(rig, 2000)(connection)

        return misdeed

    server.behaviour = behaviour
    rig.daemon(lambda engine: engine.settlement.total.delivered == 30, in_flight=4)
    assert sorted(server.ids) == sorted([*([f"r{number}"] for number in range(30)), ["r3"]])
    wait_until(lambda: not any(thread.name.startswith("send-") for thread in threading.enumerate()), "the threads")


def test_a_rate_limit_is_never_exceeded(rig: Rig, server: FaultServer) -> None:
    """However many threads send, they send no more bytes per second together."""
    needed = large(rig, 20, 20_000)
    began = time.monotonic()
    rig.daemon(lambda engine: engine.settlement.total.delivered == 20, real=True, limit_rate=200_000, in_flight=8)
    # the last piece is on its way when it is written, and a tenth of a second may be made up for
    assert time.monotonic() - began >= (needed - 16 * 1024) / 200_000 - 0.1
