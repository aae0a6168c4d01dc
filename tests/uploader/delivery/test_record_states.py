"""A pending record's life: one table, which says all that may happen to it."""

from itertools import product

import pytest

from support.faults import FaultServer, Reply, SegmentFile
from support.rigging import Rig
from tcc_uploader.delivery.queue import DestinationQueue
from tcc_uploader.delivery.record import TRANSITIONS, Record, RecordEvent, State


def test_every_state_can_be_reached_and_left_but_for_the_last() -> None:
    """From QUEUED a record can come into every state, and from every state it can be settled."""
    reached = {State.QUEUED}
    settling = {State.SETTLED}
    for _ in State:
        reached |= {after for (before, _), after in TRANSITIONS.items() if before in reached}
        settling |= {before for (before, _), after in TRANSITIONS.items() if after in settling}
    assert reached == settling == set(State)
    assert not any(before is State.SETTLED for before, _ in TRANSITIONS)
    assert {event for _, event in TRANSITIONS} == set(RecordEvent)


def test_records_go_through_the_table_and_through_nothing_else(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Delivered, refused, postponed, sent item by item: each step that a record really makes stands in the table."""
    made: set[tuple[State, RecordEvent, State]] = set()
    on = Record.on

    def watched(record: Record, event: RecordEvent) -> None:
        before = record.state
        on(record, event)
        made.add((before, event, record.state))

    monkeypatch.setattr(Record, "on", watched)
    file = SegmentFile("s").run("good").run("bad").run("again").run("twice").run("twice").feedback("again").seal()
    file.write(rig.spool)
    answers = {"bad": Reply(400), "again": Reply(503)}

    def behaviour(request: object) -> Reply:
        ids = request.ids  # type: ignore[attr-defined]
        if len(server.requests) > 8:
            answers.pop("again", None)
        return answers.get(ids[0], Reply())

    server.behaviour = behaviour
    rig.daemon(lambda engine: engine.settlement.settled == 6, in_flight=2)
    assert {event for _, event, _ in made} >= {
        RecordEvent.SENT,
        RecordEvent.ACCEPTED,
        RecordEvent.FAILED,
        RecordEvent.REFUSED,
        RecordEvent.DEAD,
        RecordEvent.KNOWN,
    }
    assert {(before, event): after for before, event, after in made}.items() <= TRANSITIONS.items()


def test_what_the_table_does_not_say_is_a_bug_of_ours() -> None:
    """An event that can't come in a state raises, instead of losing the record quietly."""
    for state, event in set(product(State, RecordEvent)) - set(TRANSITIONS):
        record = Record(None, None, None, None, None, b"", None, b"")  # type: ignore[arg-type]
        record.state = state
        with pytest.raises(KeyError):
            record.on(event)


def test_a_paused_destination_with_retries_that_are_due_costs_no_turns_of_the_loop(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails again while records wait that were to be tried at once: the engine sleeps until the next probe."""
    file = SegmentFile("s")
    for number in range(5):
        file.run(f"r{number}")
    file.seal().write(rig.spool)
    # each record fails once; then one is delivered, which lets all others go now; then the next one fails
    server.behaviour = lambda _: Reply() if len(server.requests) == 6 else Reply(503)
    hurried: list[float] = []
    retry_now = DestinationQueue.retry_now

    def noted(queue: DestinationQueue) -> None:
        retry_now(queue)
        hurried.extend(retry.due for retry in queue.postponed)

    monkeypatch.setattr(DestinationQueue, "retry_now", noted)
    turns, began = 0, 0.0

    def count(_: object) -> bool:
        nonlocal turns, began
        if len(server.requests) == 7:
            began = began or rig.time.now
            turns += 1
        return len(server.requests) > 7 or turns > 1000

    rig.daemon(count, in_flight=1)
    assert hurried.count(0.0) == 4
    seconds = rig.time.now - began
    assert turns <= 3 * seconds + 10, f"{turns} turns in {seconds:.0f} s"
