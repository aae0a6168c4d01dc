"""How many threads send: as many as are of use, and never fewer because some of them hang."""

import threading
import time

import pytest

from support.faults import FaultServer, Reply, Request, hold
from support.worlds import wait_until
from tcc_uploader.transport import pool as module
from tcc_uploader.transport.answers import Answer
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


def test_a_request_that_hangs_keeps_no_other_from_being_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one thread at work, and that one at a server that never answers, another takes the next request."""
    monkeypatch.setattr(module, "_HANGS_AFTER", 0.05)
    answered: list[str] = []
    release = threading.Event()

    def behaviour(request: Request) -> object:
        return hold(release) if request.body == b"1" else Reply(200)

    def done(tag: list[str], answer: Answer) -> None:
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
        pool = Pool[list[int]](16, lambda _, answer: answered.append(answer.status))
        tags = [[number] for number in range(100)]
        for tag in tags:
            pool.submit(tag, Attempt(server.url, "key", b"{}", bytes(16)))
        wait_until(lambda: len(answered) == len(tags), "every answer")
        pool.close()
    assert set(answered) == {200}
    assert most == 16
