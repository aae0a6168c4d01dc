import signal
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tcc_recorder as tcc
from tcc_recorder import sink
from tcc_recorder.items import RunChildren
from tcc_recorder.spool.system import SYSTEM
from tcc_recorder.testing import capture
from tcc_schemas.lines import Line

Items = Callable[[Path], list[dict[str, Any]]]


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run ``work(0…count-1)`` in threads that begin together; raise what one of them raised."""
    barrier = threading.Barrier(count)
    errors: list[BaseException] = []

    def run(number: int) -> None:
        barrier.wait()
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 -- raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_no_child_is_lost_or_doubled_when_run_and_children_end_together(spool: Path, items: Items) -> None:
    """Children that end while their run ends are each in exactly one record."""
    for _ in range(30):
        run = tcc.run().prompt("p")
        steps = [run.step().prompt("p").response("r") for _ in range(35)]

        def work(number: int, run: tcc.Run = run, steps: list[tcc.Step] = steps) -> None:
            if number == 7:
                run.end()
            else:
                for step in steps[number * 5 : number * 5 + 5]:
                    step.end()

        in_threads(8, work)
    found = Counter(item["step_id"] for item in items(spool) if item["type"] == "step")
    assert len(found) == 30 * 35
    assert set(found.values()) == {1}


def test_a_child_that_ends_in_the_midst_of_its_runs_end_is_in_one_place() -> None:
    """Whichever side of the run's taking a child arrives on, exactly one of the two writes it."""
    early, between, late = ({"n": number} for number in range(3))
    children = RunChildren()
    assert not children.add((early, False))
    children.closed = True  # the run has begun to end, and has taken nothing yet
    assert children.add((between, False))
    assert [wire for wire, _ in children.take()] == [early]
    assert children.add((late, False))
    assert [wire for wire, _ in children.take()] == [early]


def test_of_many_ends_exactly_one_counts() -> None:
    """end() from many threads records once, and raises RuntimeError in all other threads."""
    with capture() as captured:
        for _ in range(50):
            run = tcc.run().prompt("p")
            refused: list[int] = []

            def work(number: int, run: tcc.Run = run, refused: list[int] = refused) -> None:
                try:
                    run.end()
                except RuntimeError:
                    refused.append(number)

            in_threads(6, work)
            assert len(refused) == 5
    assert len(captured.runs) == 50


def test_threads_share_one_segment(spool: Path, read: Callable[[Path], list[Any]], reset: Callable[[], None]) -> None:
    """Records of many threads are whole lines of one sealed segment, none missing."""

    def work(number: int) -> None:
        for count in range(100):
            tcc.run(f"{number}-{count}").prompt("x" * 1000).end()

    in_threads(8, work)
    reset()
    (only,) = read(spool)
    assert {line.id for line in only.records} == {f"{n}-{c}" for n in range(8) for c in range(100)}
    assert only.seal["records"] == 800


def test_a_signal_handler_may_record_in_the_midst_of_a_write(
    spool: Path, read: Callable[[Path], list[Any]], monkeypatch: pytest.MonkeyPatch, reset: Callable[[], None]
) -> None:
    """A handler that ends a run while its own thread writes one neither waits for itself nor breaks the segment."""
    tcc.run("first").prompt("p").end()
    inner = tcc.run("inner").prompt("p")

    def interrupted(descriptor: int, line: bytes, real: Callable[..., int] = SYSTEM.write) -> int:
        monkeypatch.setattr(SYSTEM, "write", real)
        signal.raise_signal(signal.SIGUSR1)
        return real(descriptor, line)

    def handler(*_: object) -> None:
        inner.end()
        assert sink.flush() is False

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        monkeypatch.setattr(SYSTEM, "write", interrupted)
        tcc.run("outer").prompt("p").end()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert tcc.flush()
    reset()
    found = sorted([line.id for line in one.records] for one in read(spool))
    assert found == [["first", "outer"], ["inner"]]
    assert all(one.seal for one in read(spool))


def test_a_handler_that_raises_leaves_a_spool_that_works(
    spool: Path, records: Callable[[Path], list[Line]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the midst of a write costs at most that record; the next one, and other threads, go on."""

    def interrupted(descriptor: int, line: bytes, real: Callable[..., int] = SYSTEM.write) -> int:
        monkeypatch.setattr(SYSTEM, "write", real)
        real(descriptor, line)
        raise KeyboardInterrupt

    tcc.run("a").prompt("p").end()
    monkeypatch.setattr(SYSTEM, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tcc.run("b").prompt("p").end()
    in_threads(2, lambda number: tcc.run(f"c{number}").prompt("p").end())
    tcc.configure()
    assert {line.id for line in records(spool)} == {"a", "b", "c0", "c1"}
