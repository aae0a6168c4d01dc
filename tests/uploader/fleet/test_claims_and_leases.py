"""A claim is its worker's while this is alive by the server's clock; facts are anybody's, counts are the holder's."""

import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pytest

from support.postgres import Postgres
from support.worlds import wait_until
from tcc_uploader.clock import Clock
from tcc_uploader.ledger.postgres import connection
from tcc_uploader.ledger.postgres.connection import Connection
from tcc_uploader.ledger.postgres.store import PostgresLedger
from tcc_uploader.ledger.postgres.worker import LEASE
from tcc_uploader.model.fate import Counts, Known, Place
from tcc_uploader.model.ledger import Lost, Unavailable, Unusable
from tcc_uploader.model.rows import Adjustment, Changes, LetterRow, SegmentRow

KEY, OTHER = b"a" * 16, b"b" * 16
HERE = Known(7, Place(1, 2))
ROW = SegmentRow(1, "s1", "/spool/a", 100, False, Counts(3, 1), 0, 0, 0, None)  # noqa: FBT003 -- a row

Open = Callable[..., PostgresLedger]


@pytest.fixture
def worker(postgres: Postgres, database: str) -> Iterator[Open]:
    """Give what opens the ledger for one more worker."""
    opened = []

    def open_one(clock: Clock | None = None) -> PostgresLedger:
        opened.append(PostgresLedger.open(postgres.url(database), "here", clock))
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


def _delivered(key: bytes = KEY) -> Changes:
    changes = Changes()
    changes.delivered.put(key, HERE.hint, HERE)
    return changes


def _end_leases(postgres: Postgres, database: str) -> None:
    postgres.run("UPDATE tcc.worker SET until = statement_timestamp()", database)


def test_of_two_workers_one_gets_a_claim_and_the_other_learns_what_became_of_it(worker: Open) -> None:
    """It waits; then it is told of the delivery with its own claim."""
    one, other = worker(), worker()
    assert one.claim([(KEY, HERE)]).elsewhere == set()
    assert other.claim([(KEY, HERE), (OTHER, HERE)]).elsewhere == {KEY}
    one.commit(_delivered())
    assert other.claim([(KEY, HERE)]) == ({KEY: [HERE]}, frozenset())


def test_a_claim_that_is_given_back_is_free(worker: Open) -> None:
    """It ends with the next statement."""
    one, other = worker(), worker()
    one.claim([(KEY, HERE)])
    one.release([KEY])
    one.keep()
    assert not other.claim([(KEY, HERE)]).elsewhere


def test_the_claims_of_a_worker_that_is_not_alive_are_free_and_it_gets_none(
    worker: Open, postgres: Postgres, database: str
) -> None:
    """It learns from its next claim that its time is over, whatever its own clock says."""
    one = worker()
    one.claim([(KEY, HERE)])
    _end_leases(postgres, database)
    other = worker()
    assert not other.claim([(KEY, HERE)]).elsewhere
    with pytest.raises(Lost):
        one.claim([(OTHER, HERE)])
    assert other.claim([(KEY, HERE)]).elsewhere == set()


def test_a_worker_stops_by_its_own_clock_before_others_may_take_its_claims(worker: Open) -> None:
    """It asks nobody: the server may be out of reach."""
    now = [0.0]
    ledger = worker(Clock(monotonic=lambda: now[0]))
    now[0] = LEASE * 0.79
    ledger.claim([(KEY, HERE)])
    now[0] = LEASE * 0.81
    with pytest.raises(Lost):
        ledger.claim([(OTHER, HERE)])


def test_a_renewal_that_comes_too_late_is_refused_by_the_server(
    worker: Open, postgres: Postgres, database: str
) -> None:
    """A machine that slept may have a clock that slept, too."""
    now = [0.0]
    ledger = worker(Clock(monotonic=lambda: now[0]))
    now[0] = LEASE / 2
    ledger.keep()
    _end_leases(postgres, database)
    now[0] = LEASE
    with pytest.raises(Lost):
        ledger.keep()


def test_facts_are_written_by_whoever_knows_them_and_counts_by_the_holder_alone(
    worker: Open, postgres: Postgres, database: str
) -> None:
    """A worker that was frozen past its lease still tells what it delivered; it does not un-finish a segment."""
    one = worker()
    assert one.begin("s1") == (1, True)
    one.commit(Changes(segments={1: ROW}))
    _end_leases(postgres, database)
    other = worker()
    assert other.begin("s1") == (1, True)
    finished = ROW._replace(finished=True, counts=Counts(3, 3))
    other.commit(Changes(segments={1: finished}))
    late = _delivered()
    late.segments[1] = ROW._replace(size=120)
    one.commit(late)
    assert one.refused == {1}
    assert other.segment("s1") == finished
    assert other.delivered([KEY]) == {KEY: [HERE]}


def test_a_segment_that_another_live_worker_counts_has_the_same_number(worker: Open) -> None:
    """Its records can be sent from here; what the two count is written once."""
    one, other = worker(), worker()
    assert one.begin("s1") == (1, True)
    assert other.begin("s1") == (1, False)
    one.commit(Changes(segments={1: ROW._replace(finished=True)}))
    assert other.begin("s1") == (1, True)  # nobody counts it any more


def test_who_counts_a_segment_learns_that_a_letter_of_it_was_settled_elsewhere(worker: Open) -> None:
    """The addition stands, and the counts in memory, which do not know of it, are not written."""
    one, other = worker(), worker()
    one.begin("s1")
    letter = LetterRow("l", KEY, 7, Place(1, 2), "dead", "refused")
    one.commit(Changes(segments={1: ROW._replace(counts=Counts(3, 1, 0, 1))}, letters=[letter]))
    dropped = Changes(letters=[letter._replace(fate="dropped")])
    dropped.adjustments.append(Adjustment("l", "dropped", 1, Counts(dead=-1, dropped=1)))
    other.commit(dropped)
    one.commit(Changes(segments={1: ROW._replace(size=120, counts=Counts(4, 2, 0, 1))}))
    row = one.segment("s1")
    assert row is not None
    assert (one.refused, row.counts) == ({1}, Counts(3, 1, 0, 0, 1))


def test_a_settled_letter_stays_settled(worker: Open) -> None:
    """Another worker that saw it dead a moment ago can't take that back."""
    ledger = worker()
    letter = LetterRow("l", KEY, 7, Place(1, 2), "dead", "refused")
    for fate in ("dead", "delivered", "requeued"):
        ledger.commit(Changes(letters=[letter._replace(fate=fate)]))  # type: ignore[arg-type]
    assert ledger.letter("l") == letter._replace(fate="delivered")


def test_a_claim_that_had_to_wait_sees_what_was_committed_meanwhile(
    worker: Open, postgres: Postgres, database: str
) -> None:
    """The holder commits while the other's statement waits for it: that must not send the record again."""
    ledger = worker()
    with psycopg.connect(postgres.url(database)) as holder:
        holder.execute("INSERT INTO tcc.claim SELECT %s, 7, 1, 2, max(fence) + 1 FROM tcc.worker", ("61" * 16,))
        claimed: list[object] = []
        waiting = threading.Thread(target=lambda: claimed.append(ledger.claim([(KEY, HERE)])))
        waiting.start()
        wait_until(
            lambda: postgres.run("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'", database),
            "the claim to wait",
        )
        holder.execute("INSERT INTO tcc.delivered (key, digest, segment, line) VALUES (%s, 7, 1, 2)", ("61" * 16,))
        holder.execute("DELETE FROM tcc.claim")
        holder.commit()
        waiting.join()
    assert claimed == [({KEY: [HERE]}, frozenset())]


def test_a_server_that_has_lost_commits_is_noticed(worker: Open, postgres: Postgres, database: str) -> None:
    """After a fail-over without the last transactions, a worker begins anew: what it counted may not be there."""
    ledger = worker()
    ledger.commit(_delivered())
    postgres.run("UPDATE tcc.worker SET committed = 0", database)
    _cut(postgres, database)
    with pytest.raises(Lost):
        ledger.commit(_delivered(OTHER))


def test_a_connection_that_was_killed_is_made_again(worker: Open, postgres: Postgres, database: str) -> None:
    """Nothing that was held is lost by it."""
    one, other = worker(), worker()
    one.claim([(KEY, HERE)])
    _cut(postgres, database)
    assert other.claim([(KEY, HERE)]).elsewhere == {KEY}
    _cut(postgres, database)
    one.commit(_delivered())
    assert other.claim([(KEY, HERE)]).known == {KEY: [HERE]}


def test_a_delivered_record_takes_some_120_bytes(worker: Open, postgres: Postgres, database: str) -> None:
    """With its index, in the order of time, as keys of new runs come."""
    changes = Changes()
    for number in range(20_000):
        changes.delivered.put(number.to_bytes(6) + bytes(10), -1, HERE)
    worker().commit(changes)
    ((size,),) = postgres.run("SELECT pg_total_relation_size('tcc.delivered')", database)
    assert size / 20_000 < 130


def test_what_is_open_for_reading_writes_nothing_but_requests(postgres: Postgres, database: str) -> None:
    """A command that looks is no worker."""
    with PostgresLedger.reading(postgres.url(database), "here") as ledger:
        with pytest.raises(Unavailable):
            ledger.commit(_delivered())
        assert not ledger.letter_store.requests()
    assert postgres.run("SELECT count(*) FROM tcc.worker", database) == [(0,)]


def _cut(postgres: Postgres, database: str) -> None:
    postgres.run(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND datname = current_database()",
        database,
    )


def test_a_wrong_statement_is_a_bug_and_a_missing_table_or_right_is_not(postgres: Postgres, database: str) -> None:
    """Waiting mends no statement, so the process ends; and what is said of it quotes no value."""
    with closing(Connection(postgres.url(database))) as opened_here:
        for wrong in ("SELECT 1::int8 + true AS prompt", "SELECT 'prompt'::int8"):
            with pytest.raises(RuntimeError) as caught:
                opened_here.run(lambda opened, wrong=wrong: opened.execute(wrong))
            assert "prompt" not in "".join(traceback.format_exception(caught.value))
        with pytest.raises(Unusable):
            opened_here.run(lambda opened: opened.execute("SELECT FROM tcc.nothing"))
        postgres.run("CREATE ROLE nobody_in_particular LOGIN", database)
    with closing(Connection(postgres.url(database, "nobody_in_particular"))) as opened_here, pytest.raises(Unavailable):
        opened_here.run(lambda opened: opened.execute("SELECT FROM tcc.meta"))


def test_a_lock_that_another_session_keeps_is_not_waited_for_without_end(
    worker: Open, postgres: Postgres, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by a statement alone nor by several: the ledger is unavailable then, and goes on when the lock ends."""
    ledger = worker()
    monkeypatch.setattr(connection, "_LOCK_PATIENCE", 0.1)
    with psycopg.connect(postgres.url(database)) as holder:
        holder.execute("LOCK TABLE tcc.segment")
        with pytest.raises(Unavailable, match="lock timeout"):
            ledger.begin("s1")
        with pytest.raises(Unavailable, match="lock timeout"):
            ledger.segment("s1")
    assert ledger.begin("s1") == (1, True)
