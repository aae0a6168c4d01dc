"""The queue of locations does what a deque does."""

from collections import deque
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tcc_uploader.delivery.compact_queue import CompactQueue, Location, run_fingerprint


class QueueModel(RuleBasedStateMachine):
    """The queue does what a deque does."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = CompactQueue()
        self.model: deque[Location] = deque()

    @rule(count=st.integers(1, 6000), start=st.integers(0, 2**40))
    def append(self, count: int, start: int) -> None:
        """Add some."""
        for number in range(start, start + count):
            location = Location(number, number + 1, number + 2, number + 3, number % 7)
            self.queue.append(location)
            self.model.append(location)

    @rule(count=st.integers(1, 9000))
    def popleft(self, count: int) -> None:
        """Take some."""
        for _ in range(min(count, len(self.model))):
            assert self.queue.popleft() == self.model.popleft()

    @rule(run=st.integers(0, 8))
    def look(self, run: int) -> None:
        """Ask for a run."""
        assert self.queue.holds_run(run) == any(location.run == run for location in self.model)

    @invariant()
    def same_length(self) -> None:
        """Both are equally long."""
        assert len(self.queue) == len(self.model)
        assert bool(self.queue) == bool(self.model)


TestQueue = QueueModel.TestCase
TestQueue.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)


def test_an_empty_queue_gives_nothing() -> None:
    """Taking from an empty queue is an IndexError."""
    with pytest.raises(IndexError):
        CompactQueue().popleft()


def test_a_run_has_another_fingerprint_in_each_file() -> None:
    """The same run in two files has two fingerprints, and any id has one."""
    ident = str(uuid4())
    assert run_fingerprint(1, ident) != run_fingerprint(2, ident)
    assert 0 < run_fingerprint(2**31, "\ud800") < 2**64
