"""Records that are tried again go out in the order in which they were put back."""

from tcc_uploader.delivery.compact_queue import Location
from tcc_uploader.delivery.queue import DestinationQueue
from tcc_uploader.delivery.record import History
from tcc_uploader.delivery.routing import Destination, Route


def queue_of(*due: tuple[int, float]) -> DestinationQueue:
    """Return a queue to which lines were put back, each due at a time."""
    queue = DestinationQueue(Route(Destination("http://localhost:1/x", None), "key"), 0.0)
    for line, when in due:
        queue.postpone(Location(1, line, 0, 1, 0), History(failures=1), when)
    return queue


def taken(queue: DestinationQueue, now: float) -> list[int]:
    """Return the lines that are taken now."""
    return [location.line for location, _ in queue.take(now, 64, 64)]


def test_of_equal_retries_the_first_one_put_back_is_sent_first() -> None:
    """Whatever their places in the file: a run that was put back before its feedback is sent before it."""
    queue = queue_of((3, 5.0), (1, 5.0), (2, 5.0), (9, 4.0))
    assert taken(queue, 4.5) == [9]
    assert taken(queue, 5.0) == [3, 1, 2]


def test_retries_that_are_hurried_keep_their_order() -> None:
    """A success makes all due now: they are equal then, and the first one put back goes first."""
    queue = queue_of((3, 90.0), (1, 80.0), (2, 70.0))
    queue.retry_now()
    assert taken(queue, 1.0) == [3, 1, 2]
