"""How many threads send: as many as are of use, and never fewer because some of them hang."""

import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from support.faults import Connection, FaultServer, Reply, Request, always, hold
from support.worlds import PATIENCE, wait_until
from tcc_uploader.transport import pool as module
from tcc_uploader.transport.answers import Answer
from tcc_uploader.transport.client import Client
from tcc_uploader.transport.client import Request as Attempt
from tcc_uploader.transport.pool import Pace, Pool


@pytest.mark.parametrize(("wall", "processor", "threads"), [(0.05, 0.0005, 100), (0.0007, 0.0005, 1), (0.0, 0.0, 1)])
def test_threads_are_as_many_as_fit_into_a_requests_waiting(wall: float, processor: float, threads: int) -> None:
    """A server that takes 100 times what the processor needs keeps 100 threads busy; one that is as fast, one."""
    pace = Pace()
    for _ in range(200):
        pace.note(wall, processor)
    assert pace.threads == threads


def test_one_slow_request_among_fast_ones_wakes_no_more_threads() -> None:
    """It is the fastest that tells what the server takes: the others waited for something else."""
    pace = Pace()
    for number in range(100):
        pace.note(0.5 if number % 2 else 0.0006, 0.0005)
    assert pace.threads == 1


def test_with_each_answer_one_more_request_may_be_under_way() -> None:
    """It begins with few: thirty connections at once would fill a slow link with packets that are sent again."""
    pace = Pace()
    first = pace.most
    assert first <= 4
    for _ in range(30):
        pace.note(0.05, 0.0005, 8)
    assert pace.most == first + 30


def test_fewer_requests_are_under_way_where_more_make_each_slower() -> None:
    """Each takes as long as there are others on a slow link: few stay; on a faster one, as many as before come back."""
    pace = Pace()
    for _ in range(30):
        pace.note(0.5, 0.0005, 8)
    for _ in range(200):
        pace.note(0.5 * pace.most, 0.0005, int(pace.most))
    assert pace.most <= 8
    for _ in range(30):
        pace.note(0.5, 0.0005, 8)
    assert pace.most >= 30


def test_a_server_that_always_takes_seconds_gets_as_many_requests_as_a_fast_one() -> None:
    """More at once make none of them slower."""
    pace = Pace()
    for number in range(30):
        pace.note(5.0 + number % 3, 0.0005, 8)
    assert pace.most >= 30


def test_a_request_that_hangs_keeps_no_other_from_being_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one thread at work, and that one at a server that never answers, another takes the next request."""
    monkeypatch.setattr(module, "_HANGS_AFTER", 0.05)
    answered: list[str] = []
    release = threading.Event()

    def behaviour(request: Request) -> object:
        return hold(release) if request.body == b"1" else Reply(200)

    def done(tag: list[str], answer: Answer, seconds: float) -> None:
        answered.append(f"{tag[0]} {answer.status}")

    with FaultServer(behaviour) as server:  # type: ignore[arg-type]
        pool = Pool[list[str]](8, done)
        for tag in ("0", "1", "2"):
            pool.submit([tag], Attempt(server.url, "key", tag.encode(), bytes(16)))

        def told() -> bool:
            pool.give_up_failed()
            return "2 200" in answered

        wait_until(told, "the third answer")
        assert answered == ["0 200", "2 200"]
        release.set()
        pool.close()


def test_a_server_that_takes_its_time_gets_as_many_requests_at_once_as_allowed() -> None:
    """After the first answer, 16 are under way together at a server that holds each back a while."""
    together = 0
    most = 0
    lock = threading.Lock()
    answered: list[int | None] = []

    def behaviour(_: Request) -> Reply:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        time.sleep(0.05)  # what the server is slow with
        with lock:
            together -= 1
        return Reply(200)

    with FaultServer(behaviour) as server:
        pool = Pool[list[int]](16, lambda _, answer, __: answered.append(answer.status))
        tags = [[number] for number in range(100)]
        for tag in tags:
            pool.submit(tag, Attempt(server.url, "key", b"{}", bytes(16)))
        wait_until(lambda: len(answered) == len(tags), "every answer")
        pool.close()
    assert set(answered) == {200}
    assert most == 16


def test_a_connection_that_the_server_closed_while_it_was_idle_costs_no_failure() -> None:
    """It is seen before the next request, which goes out on a new connection, and arrives once."""
    closed = threading.Event()

    def answer_and_close(connection: Connection) -> None:
        connection.send(Reply().head() + Reply().body)
        connection.close()
        closed.set()

    with FaultServer(always(answer_and_close)) as server, closing(Client()) as client:
        for number in range(5):
            answer = client.post(Attempt(server.url, "key", b"{}", bytes([number] * 16)))
            assert answer.status == 200
            assert closed.wait(PATIENCE)
            closed.clear()
        assert len(server.requests) == server.connections == 5


def test_a_connection_is_used_again() -> None:
    """While the server keeps it."""
    with FaultServer() as server, closing(Client()) as client:
        for _ in range(5):
            assert client.post(Attempt(server.url, "key", b"{}", bytes(16))).status == 200
        assert (len(server.requests), server.connections) == (5, 1)


def sending_threads() -> list[str]:
    """Return the names of the threads that send."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("send-")]


@pytest.mark.parametrize("tls", [False, True])
def test_a_request_that_failed_is_ignored_and_its_thread_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, tls: bool
) -> None:
    """What waits behind it is not given up, is sent by another thread, and only its answer is told."""
    now = 0.0
    answers: list[list[str]] = []
    with FaultServer(lambda request: hold() if request.body == b"hangs" else Reply(), tls=tls) as server:  # type: ignore[arg-type, return-value]
        if server.authority is not None:
            server.authority.cert_pem.write_to_path(tmp_path / "authority.pem")
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        pool = Pool[list[str]](1, lambda tag, *_: answers.append(tag), clock=lambda: now)
        tags = [["hangs"], ["waits"]]
        for tag in tags:
            pool.submit(tag, Attempt(server.url.replace("127.0.0.1", "localhost"), "key", tag[0].encode(), bytes(16)))
        server.wait_for(lambda: server.requests)

        def waits_for_its_answer() -> bool:
            """Whether time alone is progress: so it is when the request was sent whole, and not before."""
            nonlocal now
            now += 1.0
            return pool.last_progress() == now

        wait_until(lambda: waits_for_its_answer() and waits_for_its_answer(), "the wait for the answer")
        assert pool.give_up_failed() == []
        now += 600.0
        ((failed, why),) = pool.give_up_failed()
        assert failed is tags[0]
        assert "sent whole" in why
        wait_until(lambda: answers == [["waits"]], "the other")
        wait_until(lambda: len(sending_threads()) == 1, "the end of its thread")
        pool.close()
    assert not sending_threads()
    assert answers == [["waits"]]


def test_closing_a_pool_ends_the_requests_that_are_under_way() -> None:
    """No thread stays behind that would send or wait for something."""
    with FaultServer(always(hold())) as server:
        pool = Pool[list[str]](4, lambda *_: None)
        pool.submit(["hangs"], Attempt(server.url, "key", b"{}", bytes(16)))
        server.wait_for(lambda: server.requests)
        pool.close()
        wait_until(lambda: not sending_threads(), "the end of its thread")
