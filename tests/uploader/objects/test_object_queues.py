"""What every queue of objects promises; and, of the one that workers share, what becomes of a worker that vanishes."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

import psycopg
import pytest

from support.postgres import Postgres
from tcc_uploader.clock import Clock
from tcc_uploader.ledger.postgres.objects import SharedQueue
from tcc_uploader.ledger.postgres.store import PostgresLedger
from tcc_uploader.model.fate import Counts, Known, Place
from tcc_uploader.model.keys import dedupe_key
from tcc_uploader.model.ledger import Lost
from tcc_uploader.model.object_queue import ObjectQueue
from tcc_uploader.model.objects import ObjectRef
from tcc_uploader.model.rows import Changes, SegmentRow
from tcc_uploader.sources.object_queue import SoleWorker

FIRST, SECOND = ObjectRef("s3://b/1", "x", 1), ObjectRef("s3://b/2", "x", 1)


class Time:
    """The time of one worker."""

    now = 0.0

    def __init__(self) -> None:
        self.clock = Clock(monotonic=lambda: self.now)


class Worker(NamedTuple):
    """A worker that shares a ledger."""

    time: Time
    ledger: PostgresLedger
    queue: SharedQueue

    def commit(self, number: int, path: str, *, delivers: bool = True) -> None:
        """Commit what is known of a segment, with a record of it that was delivered, or none."""
        changes = Changes(segments={number: SegmentRow(number, path, path, 1, False, Counts(2, 1), 0, 0, 0, None)})  # noqa: FBT003 -- a row
        if delivers:
            changes.delivered.put(dedupe_key("run", path), 0, Known(1, Place(number, 2)))
        self.ledger.commit(changes)


Start = Callable[..., Worker]


@pytest.fixture
def start(postgres: Postgres, database: str) -> Iterator[Start]:
    """Give what starts one more worker; it reads a place."""
    opened = []

    def one_more(place: str = "s3://b") -> Worker:
        time = Time()
        ledger = PostgresLedger.open(postgres.url(database), "here", time.clock)
        opened.append(ledger)
        return Worker(time, ledger, ledger.object_queue(place))

    yield one_more
    for ledger in opened:
        ledger.close()


@pytest.fixture(params=["sole", "shared"])
def form(request: pytest.FixtureRequest) -> tuple[ObjectQueue, Time, Callable[[], object]]:
    """Give a queue, its time, and what a worker does every second."""
    if request.param == "shared":
        worker: Worker = request.getfixturevalue("start")()
        return worker.queue, worker.time, worker.ledger.keep
    time = Time()
    return SoleWorker(time.clock), time, lambda: None


def test_what_was_taken_is_not_taken_again_but_what_was_given_back_is(
    form: tuple[ObjectQueue, Time, Callable[[], object]],
) -> None:
    """Later each time; another etag is another object; what is gone is not asked for."""
    queue, time, each_second = form

    def taken(*listed: ObjectRef) -> list[ObjectRef]:
        each_second()
        queue.note(listed)
        found = list(queue.take())
        queue.all_listed()
        return found

    assert taken(FIRST, SECOND) == [FIRST, SECOND]
    queue.finished(FIRST)
    queue.give_back(SECOND)
    assert taken(FIRST, SECOND) == []
    time.now = 30.0
    assert taken(FIRST, SECOND, FIRST._replace(etag="y")) == [SECOND, FIRST._replace(etag="y")]
    queue.give_back(SECOND)
    time.now = 60.0
    assert taken(FIRST, SECOND) == []
    time.now = 90.0
    assert taken(FIRST, SECOND) == [SECOND]
    assert taken() == []


def many(number: int) -> list[ObjectRef]:
    """Return objects in the order of a listing, whose names no database takes as they are."""
    return [ObjectRef(f"s3://b/{each:02}-\0\\", "x", 1) for each in range(number)]


def _vanish(postgres: Postgres, database: str) -> None:
    """Let all workers vanish, as the database sees it."""
    postgres.run("UPDATE tcc.worker SET until = statement_timestamp()", database)


def _fresh_numbers(postgres: Postgres, database: str) -> int:
    ((number,),) = postgres.run("SELECT last_value FROM tcc.object_number_seq", database)
    return int(number)


def test_of_two_workers_one_gets_an_object(start: Start, postgres: Postgres, database: str) -> None:
    """A few at a time; to list what is known costs nothing; what one gives back the other may have at once."""
    one, other = start(), start()
    objects = many(20)
    one.queue.note(objects)
    other.queue.note(objects)
    assert _fresh_numbers(postgres, database) == 20
    shares = [list(worker.queue.take()) for worker in (one, other, one, other)]
    assert list(map(len, shares)) == [8, 8, 4, 0]
    assert sorted(chain.from_iterable(shares)) == objects
    one.queue.give_back(objects[0])
    one.queue.finished(objects[1])
    one.ledger.keep()
    assert other.queue.take() == [objects[0]]
    assert one.queue.take() == ()
    one.ledger.close()  # in order: what it held is free at once, and nobody suspects it
    assert len(other.queue.take()) == 8
    assert postgres.run("SELECT max(attempt) FROM tcc.object", database) == [(1,)]


def test_a_worker_reads_its_place_alone(start: Start) -> None:
    """A folder, or one object, whatever else the ledger knows."""
    everything = [ObjectRef(f"s3://b/{name}", "x", 1) for name in ("a", "a/1", "ab", "c")]
    start("s3://b").queue.note(everything)
    assert [ref.uri for ref in start("s3://b/a").queue.take()] == ["s3://b/a", "s3://b/a/1"]
    assert [ref.uri for ref in start("s3://b/").queue.take()] == ["s3://b/ab", "s3://b/c"]


def test_what_too_many_vanish_with_is_set_aside_and_nothing_else(
    start: Start, postgres: Postgres, database: str
) -> None:
    """After the first time it is read alone; a commit from an object clears it."""
    objects = [ObjectRef(f"s3://b/{each}.tar", "x", 1) for each in range(4)]
    poison = objects[1]
    started = 0
    for _ in range(20):
        worker = start()
        started += 1
        worker.queue.note(objects)
        while taken := worker.queue.take():
            if poison in taken:
                assert started == 1 or taken == [poison]
                _vanish(postgres, database)
                break
            worker.queue.finished(taken[0])
        else:
            break
    assert started == 7
    assert worker.ledger.set_aside() == {poison.uri: 6}
    assert postgres.run("SELECT uri FROM tcc.object WHERE NOT finished", database) == [(poison.uri,)]


def test_a_suspect_waits_for_what_is_in_hand_but_not_for_long(start: Start, postgres: Postgres, database: str) -> None:
    """What is in hand may wait for hours for a server; and no other object is taken beside a suspect."""
    first = start()
    first.queue.note([FIRST])
    assert first.queue.take() == [FIRST]
    _vanish(postgres, database)
    worker = start()
    worker.queue.note([SECOND])
    assert worker.queue.take() == [SECOND]
    assert worker.queue.take() == ()
    assert worker.queue.waits
    worker.time.now = 5.0
    assert not worker.queue.waits
    assert worker.queue.take() == [FIRST]
    worker.queue.note(many(1))
    assert worker.queue.take() == ()
    worker.queue.finished(FIRST)
    worker.queue.finished(SECOND)
    assert not worker.queue.waits
    assert worker.queue.take() == many(1)


def test_a_record_that_is_settled_clears_its_object_and_no_other(
    start: Start, postgres: Postgres, database: str
) -> None:
    """So an object that takes many workers' lives to deliver is not set aside; one that was only begun may be."""
    worker = start()
    worker.queue.note([ObjectRef(f"s3://b/{name}", "x", 1) for name in ("a", "a.tar", "c.jsonl")])
    worker.queue.take()
    number, _ = worker.ledger.begin("segment")
    worker.commit(number, "s3://b/a/x.jsonl", delivers=False)
    worker.commit(number, "s3://b/a.tar/x.jsonl")
    worker.commit(number, "s3://b/c.jsonl~1")
    rows = postgres.run("SELECT uri, attempt FROM tcc.object ORDER BY uri", database)
    assert rows == [("s3://b/a", 1), ("s3://b/a.tar", 0), ("s3://b/c.jsonl", 0)]


def test_what_was_taken_with_an_answer_that_got_lost_is_taken_again(
    start: Start, postgres: Postgres, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is cut after the statement; what is in hand is not given out twice by that."""
    worker = start()
    worker.queue.note([FIRST])
    worker.queue.take()
    worker.queue.note([SECOND])
    run, cuts = worker.queue._connection.run, []

    def cut(work: Callable[[psycopg.Connection], object]) -> object:
        def work_and_cut(opened: psycopg.Connection) -> object:
            done = work(opened)
            if not cuts:
                cuts.append(1)
                opened.close()
                raise psycopg.OperationalError
            return done

        return run(work_and_cut)

    monkeypatch.setattr(worker.queue._connection, "run", cut)
    found = [*worker.queue.take()]
    worker.time.now = 5.0
    assert [*found, *worker.queue.take()] == [SECOND]


def test_a_worker_whose_lease_may_have_ended_takes_nothing(start: Start) -> None:
    """It asks nobody: others may hold by now what it would take."""
    worker = start()
    worker.queue.note([FIRST])
    worker.time.now = 50.0
    with pytest.raises(Lost):
        worker.queue.take()
