"""A 2xx is on disk, whatever happens next; what can't be written is told at once, and costs the agent no time."""

import asyncio
import errno
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path
from queue import Queue

import pytest

from support.posting import RUN, Answer, connected, head, received_from, request, serving
from support.recorded import read_segment
from support.worlds import wait_until
from tcc_recorder.gateway.options import Options
from tcc_recorder.gateway.server import Gateway
from tcc_recorder.spool import budget
from tcc_recorder.spool.system import SYSTEM
from tcc_schemas.lines import Line, LineReader

Written = Callable[[], list[Line]]


@pytest.mark.parametrize("durability", ["process", "power"])
def test_what_was_answered_survives_sigkill(spool: Path, durability: str) -> None:
    """Eight clients post until the gateway is killed: each post that was answered with 2xx is a whole line."""
    process, url = serving("--port", "0", env={**os.environ, "TCC_DURABILITY": durability})
    answered: list[set[str]] = [set() for _ in range(8)]

    def post(number: int) -> None:
        for count in range(1_000_000):
            run_id = f"{number}-{count}"
            try:
                answer = request(url, "/v1/custom", b'{"type":"run","run_id":"%b"}' % run_id.encode())
            except (OSError, HTTPException):
                return
            assert answer.status == 200
            answered[number].add(run_id)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    wait_until(lambda: all(len(one) > 5 for one in answered), "each client was answered")
    process.send_signal(signal.SIGKILL)
    for thread in threads:
        thread.join()
    [segment] = spool.iterdir()
    lines = [line for line in LineReader().read(segment.read_bytes()) if isinstance(line, Line)]
    assert set().union(*answered) <= {line.run_id for line in lines}


def test_power_durability_syncs_before_it_answers_and_one_sync_serves_many(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Posts that wait while the disk syncs share the next sync; none is answered before its own."""
    began, go_on, syncs = threading.Event(), threading.Event(), []
    real = SYSTEM.fdatasync

    def slow(descriptor: int) -> None:
        began.set()
        assert go_on.wait(30)
        syncs.append(os.fstat(descriptor).st_size)
        real(descriptor)

    monkeypatch.setattr(SYSTEM, "fdatasync", slow)
    answers: list[Answer] = []
    with Gateway(Options(spool_dir=str(spool), durability="power")) as gateway:
        threads = [
            threading.Thread(target=lambda: answers.append(request(gateway.url, "/v1/custom", RUN))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        began.wait(30)
        [segment] = spool.iterdir()
        wait_until(lambda: segment.read_bytes().count(b"\n") == 9, "all are written, and wait")
        assert answers == []
        go_on.set()
        for thread in threads:
            thread.join()
        assert [answer.status for answer in answers] == [200] * 8
        assert len(syncs) <= 3


def test_what_can_t_be_made_durable_is_not_answered_with_2xx(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under ``power``, a disk that takes writes and fails to sync them has recorded nothing."""

    def failing(_: int) -> None:
        raise OSError(errno.EIO, "injected")

    real = SYSTEM.fdatasync
    monkeypatch.setattr(SYSTEM, "fdatasync", failing)
    with Gateway(Options(spool_dir=str(spool), durability="power")) as gateway:
        assert request(gateway.url, "/v1/custom", RUN).status == 507
        monkeypatch.setattr(SYSTEM, "fdatasync", real)
        assert request(gateway.url, "/v1/custom", RUN).status == 200


@pytest.mark.parametrize("call", ["open", "write"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_full_disk_is_told_at_each_step(
    gateway: Gateway, written: Written, monkeypatch: pytest.MonkeyPatch, call: str, at: int
) -> None:
    """Whatever call fails, and whenever: 2xx is in the spool, anything else is 507 and is not; then all goes on."""
    real, count = getattr(SYSTEM, call), 0

    def failing(*arguments: object) -> object:
        nonlocal count
        count += 1
        if count >= at:
            raise OSError(errno.ENOSPC, "injected")
        return real(*arguments)

    monkeypatch.setattr(SYSTEM, call, failing)
    bodies = [b'{"type":"run","run_id":"r-%d"}' % number for number in range(4)]
    statuses = [request(gateway.url, "/v1/custom", body).status for body in bodies]
    monkeypatch.setattr(SYSTEM, call, real)
    assert set(statuses) <= {200, 507}
    if call != "open" or at == 1:  # else the file that is open takes them all
        assert 507 in statuses
    assert request(gateway.url, "/v1/custom", RUN).status == 200
    stored = {line.body for line in written()}
    assert {body for body, status in zip(bodies, statuses, strict=True) if status == 200} | {RUN} == stored


def test_a_short_write_is_taken_back(gateway: Gateway, written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line that fitted on the disk is no record, and harms none."""
    assert request(gateway.url, "/v1/custom", RUN).status == 200
    real = SYSTEM.write
    monkeypatch.setattr(SYSTEM, "write", lambda descriptor, data: real(descriptor, data[:20]))
    assert request(gateway.url, "/v1/pi", RUN).status == 507
    monkeypatch.setattr(SYSTEM, "write", real)
    assert request(gateway.url, "/v1/claude", RUN).status == 200
    assert {line.path for line in written()} == {"/v1/custom", "/v1/claude"}


def test_a_full_spool_is_told_at_once_and_counted(
    spool: Path, written: Written, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """507, said once; readiness tells why; what is refused is counted in the seal; with room all goes on."""
    monkeypatch.setattr(budget, "_RETRY_AFTER", 0)
    with Gateway(Options(spool_dir=str(spool), max_bytes=3000)) as gateway:
        assert request(gateway.url, "/readyz", method="GET").status == 200
        assert request(gateway.url, "/v1/custom", RUN).status == 200
        large = b'{"type":"run","x":"%b"}' % (b"x" * 3000)
        for _ in range(3):
            answer = request(gateway.url, "/v1/custom", large)
            assert (answer.status, "retry-after" in answer.headers) == (507, False)
        (spool / "bystander").write_bytes(b"x" * 3000)
        ready = request(gateway.url, "/readyz", method="GET")
        assert (ready.status, b"TCC_SPOOL_MAX_BYTES" in ready.body) == (503, True)
        (spool / "bystander").unlink()
        assert request(gateway.url, "/v1/custom", RUN).status == 200
    assert len(written()) == 2
    [segment] = [read_segment(path) for path in spool.iterdir()]
    assert segment.seal is not None
    assert segment.seal["refused"] == 3
    assert len([one for one in caplog.records if "maximum" in one.getMessage()]) == 1


def test_a_spool_that_can_t_be_written_is_not_ready(tmp_path: Path) -> None:
    """The reason is told, with the name of the setting; posts get 507."""
    (tmp_path / "file").write_text("")
    with Gateway(Options(spool_dir=str(tmp_path / "file" / "spool"))) as gateway:
        ready = request(gateway.url, "/readyz", method="GET")
        assert (ready.status, b"TCC_SPOOL_DIR" in ready.body) == (503, True)
        assert request(gateway.url, "/healthz", method="GET").status == 200
        assert request(gateway.url, "/v1/custom", RUN).status == 507


def test_what_is_being_received_when_it_stops_is_recorded(spool: Path, written: Written) -> None:
    """A body whose end comes later is recorded and answered; idle connections are closed; the segment is sealed."""
    running: Queue[Gateway] = Queue()
    stop = threading.Event()

    def run() -> None:
        with Gateway(Options(spool_dir=str(spool))) as gateway:
            running.put(gateway)
            stop.wait(30)

    thread = threading.Thread(target=run)
    thread.start()
    url = running.get(timeout=30).url
    with connected(url) as raw, connected(url) as idle:
        raw.sendall(head(url, f"Content-Length: {len(RUN)}") + RUN[:5])
        assert request(url, "/healthz", method="GET").status == 200  # so the head before it was read
        stop.set()
        assert idle.recv(1) == b""
        raw.sendall(RUN[5:])
        answer = received_from(raw)
        thread.join()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
    with pytest.raises(OSError, match="refused"):
        request(url, "/v1/custom", RUN)
    [segment] = [read_segment(path) for path in spool.iterdir()]
    assert segment.seal is not None
    assert [line.body for line in written()] == [RUN]


def test_what_begins_while_it_stops_is_sent_away(spool: Path, written: Written) -> None:
    """503 to a request whose head comes after the end began, on a connection that is still answered."""
    with Gateway(Options(spool_dir=str(spool))) as gateway, connected(gateway.url) as raw:
        post = head(gateway.url, f"Content-Length: {len(RUN)}") + RUN
        raw.sendall(post)
        assert received_from(raw).status == 200
        gateway._app.stopping = True
        raw.sendall(post)
        answer = received_from(raw)
        assert (answer.status, answer.headers["connection"]) == (503, "close")
    assert len(written()) == 1


@contextmanager
def busy(gateway: Gateway) -> Iterator[None]:
    """Keep the gateway's thread busy in the block: what comes meanwhile is with the system, not accepted."""
    began, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        began.set()
        go_on.wait(30)

    gateway._loop.call_soon_threadsafe(hold)
    assert began.wait(30)
    yield
    go_on.set()


def test_quiet_means_that_no_post_is_on_its_way(gateway: Gateway, written: Written) -> None:
    """A program that posts and ends at once is waited for, also if its connection was not accepted before."""
    with busy(gateway):
        with connected(gateway.url) as raw:
            raw.sendall(head(gateway.url, f"Content-Length: {len(RUN)}") + RUN)
        quiet = asyncio.run_coroutine_threadsafe(gateway._quiet(30), gateway._loop)
    assert quiet.result(30) is True
    assert [line.body for line in written()] == [RUN]


def test_what_the_system_accepted_before_the_end_is_answered(gateway: Gateway) -> None:
    """503, not a reset, after which some SDKs try again for seconds."""
    with ExitStack() as stack:
        with busy(gateway):
            late = stack.enter_context(connected(gateway.url))
            late.sendall(head(gateway.url, f"Content-Length: {len(RUN)}") + RUN)
            gateway._loop.call_soon_threadsafe(gateway._stop.set)
        assert received_from(late).status == 503
