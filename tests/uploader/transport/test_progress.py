"""When a request has failed, how fast bytes may go, and how many requests are in flight: pure, time is an argument."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcc_uploader.delivery.compact_queue import Location
from tcc_uploader.delivery.queue import DestinationQueue
from tcc_uploader.delivery.record import History
from tcc_uploader.delivery.routing import Destination, Route
from tcc_uploader.transport.answers import Answer
from tcc_uploader.transport.progress import Patience, Progress, Rate, last_moves

URL = "http://x"


def sending(**members: float) -> Progress:
    """Return a request that a thread began at 0."""
    return Progress(URL, 0.0, **members)


@pytest.mark.parametrize(
    ("progress", "destination_moved", "fails_at", "why"),
    [
        (sending(), -inf, 60, "no byte moved"),
        (sending(moved=30.0), 30.0, 90, "no byte moved"),
        (sending(moved=30.0), 100.0, 160, "no byte moved"),
        (sending(moved=30.0, sent=30.0), 100.0, 630, "no whole head"),
        (sending(moved=629.0, sent=30.0), 629.0, 630, "no whole head"),
    ],
    ids=["connects", "stalls", "waits for others of its destination", "unanswered", "dripped head"],
)
def test_a_request_fails_by_what_it_moves(
    progress: Progress, destination_moved: float, fails_at: float, why: str
) -> None:
    """60 s after any byte to its destination while it is sent; 600 s after its last byte, whatever else moves."""
    assert not progress.failure(destination_moved, Patience(), fails_at - 0.001)
    assert why in progress.failure(destination_moved, Patience(), fails_at)


def test_a_request_whose_answer_has_begun_does_not_fail() -> None:
    """The server has decided: the sending thread stops reading after a minute, and the status counts."""
    assert not sending(sent=1.0, head=2.0).failure(-inf, Patience(), 1e9)


def test_requests_to_one_url_share_their_moves_and_answers() -> None:
    """The latest counts; another destination's bytes prove nothing."""
    requests = [sending(moved=3.0), sending(moved=5.0), sending(), Progress("http://y", 9.0)]
    assert last_moves(requests, {URL: 4.0, "http://z": 7.0}) == {URL: 5.0, "http://y": -inf, "http://z": 7.0}
    assert last_moves(requests, {URL: 6.0})[URL] == 6.0


def test_a_request_comes_on_with_each_byte_and_while_it_waits_for_its_answer() -> None:
    """To begin or to connect is no progress: a server that is not there would keep a one-shot run for ever."""
    assert sending().last_progress(99.0) == -inf
    assert sending(moved=5.0).last_progress(99.0) == 5.0
    assert sending(moved=5.0, sent=5.0).last_progress(99.0) == 99.0


@given(
    st.floats(1024, 1e9),
    st.lists(st.tuples(st.integers(1, 20_000), st.floats(0, 0.05)), min_size=100, max_size=400),
)
def test_a_rate_is_kept_within_a_tenth_by_threads_that_are_late(limit: float, pieces: list[tuple[int, float]]) -> None:
    """Each piece is sent after the wait that it was told, and a little later; over ten seconds the rate is right."""
    rate, now, total, limited = Rate(limit), 0.0, 0, 0.0
    for size, late in pieces:
        wait = rate.take(size, now)
        now += wait + (late if wait else 0.0)
        total += size
        limited = max(limited, now)
    assert total - pieces[-1][0] <= limit * (now + 0.5) * 1.000_001, "never more"
    if total / limit >= 10:
        assert now <= 1.1 * total / limit, "nor much less"


def queue_of(records: int) -> DestinationQueue:
    """Return a queue of so many records."""
    queue = DestinationQueue(Route(Destination(URL, None), "key"), 0.0)
    for line in range(records):
        queue.postpone(Location(1, line, 0, 1, 0), History(), 0.0)
    return queue


def test_half_as_many_are_in_flight_after_a_time_out_and_one_more_after_each_answer() -> None:
    """Never less than one; an attempt without an answer adds none; and nobody waits for what may not be sent."""
    queue = queue_of(100)
    queue.in_flight = len(queue.take(1.0, 48, 1000))
    assert queue.in_flight == 48
    queue.timed_out()
    assert queue.window == 24
    queue.in_flight = 24
    assert (queue.take(1.0, 48, 1000), queue.next_due()) == ([], None)
    queue.answered(Answer(200))
    queue.answered(Answer(error=OSError()))
    queue.answered(Answer(503))
    assert len(queue.take(1.0, 48, 1000)) == 2
    for _ in range(9):
        queue.timed_out()
    assert queue.window == 1
    queue.in_flight = 0
    assert len(queue.take(1.0, 48, 1000)) == 1
