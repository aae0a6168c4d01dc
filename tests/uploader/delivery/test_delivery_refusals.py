"""What is refused is set aside; what is suspected to be an outage is not."""

import gzip
from collections.abc import Callable

import orjson
import pytest

from support.faults import (
    FaultServer,
    Reply,
    Request,
    SegmentFile,
    always,
    batch_of,
    ids_of,
    ok,
    run_item,
    step_item,
    tool_call_item,
)
from support.rigging import Rig
from tcc_uploader.delivery.engine import Engine


def refusing(*ids: str, status: int = 422) -> Callable[[Request], Reply]:
    """Refuse every request that holds one of these ids."""
    return lambda request: Reply(status, body=b"no such thing") if set(ids) & set(request.ids) else Reply()


def runs(count: int, first: int = 0) -> SegmentFile:
    """Return a segment of runs r0, r1 and so on."""
    segment = SegmentFile()
    for number in range(first, first + count):
        segment.run(f"r{number}")
    return segment


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_refused_record_is_a_dead_letter_and_the_rest_is_delivered(
    rig: Rig, server: FaultServer, status: int
) -> None:
    """One refused record costs itself: it is kept with its bytes, the reason and the server's answer."""
    runs(5).seal().write(rig.spool)
    server.behaviour = refusing("r2", status=status)
    outcome = rig.once()
    assert (outcome.counts.delivered, outcome.counts.dead, outcome.counts.pending) == (4, 1, 0)
    (letter,) = rig.letters()
    assert (letter.reason, letter.status, letter.answer) == ("refused", status, "no such thing")
    assert (letter.kind, letter.record_id, letter.line, letter.path) == ("run", "r2", 4, "/v1/custom")
    assert letter.body_bytes == orjson.dumps(run_item("r2"))
    assert letter.url == server.url + "/v1/custom"


@pytest.mark.parametrize("text", [b"run already exists", b'{"error":"Duplicate run_id"}', b"EXISTS"])
def test_a_conflict_that_says_it_exists_is_a_delivery(rig: Rig, server: FaultServer, text: bytes) -> None:
    """409 with a body that says so: the record is there."""
    runs(1).write(rig.spool)
    server.behaviour = always(Reply(409, body=text))
    assert rig.once().counts.delivered == 1


def test_a_409_is_understood_behind_a_proxy_that_compresses(rig: Rig, server: FaultServer) -> None:
    """A server that compresses wherever it may is understood all the same."""
    runs(1).write(rig.spool)

    def behaviour(request: Request) -> Reply:
        text = b"run already exists"
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Reply(409, {"Content-Encoding": "gzip"}, gzip.compress(text))
        return Reply(409, body=text)

    server.behaviour = behaviour
    assert rig.once().counts.delivered == 1


def test_nineteen_refusals_and_a_success_make_nineteen_dead_letters(rig: Rig, server: FaultServer) -> None:
    """A server that takes the twentieth record meant the nineteen refusals."""
    runs(20).write(rig.spool)
    server.behaviour = lambda request: Reply() if request.ids == ["r19"] else Reply(400)
    rig.daemon(lambda engine: engine.settlement.total.dead == 19, in_flight=1)
    assert rig.counts().delivered == 1
    assert len(server.requests) == 20
    assert {letter.record_id for letter in rig.letters()} == {f"r{number}" for number in range(19)}


def test_twenty_five_refusals_in_a_row_pause_the_destination_and_kill_nothing(rig: Rig, server: FaultServer) -> None:
    """After twenty refusals without a success the server is suspected; the others are tried, and all stay pending."""
    runs(25).write(rig.spool)
    server.behaviour = always(Reply(400))
    outcome = rig.once(in_flight=1)
    assert (outcome.counts.pending, outcome.counts.dead) == (25, 0)
    assert outcome.needs_operator
    assert len(server.requests) == 25
    assert not rig.letters()


def test_undecided_records_that_are_refused_again_after_a_success_are_dead(rig: Rig, server: FaultServer) -> None:
    """When the server takes other records again, what it still refuses is dead, and nothing is lost."""
    runs(30).write(rig.spool)
    server.behaviour = lambda request: Reply() if int(request.ids[0][1:]) >= 25 else Reply(400)
    rig.daemon(lambda engine: engine.settlement.settled == 30, in_flight=1)
    counts = rig.counts()
    assert (counts.delivered, counts.dead, counts.pending) == (5, 25, 0)


def test_an_outage_that_answers_400_to_everything_loses_and_kills_nothing(rig: Rig, server: FaultServer) -> None:
    """A server that refuses everything for a day, then heals: every record is delivered, none is dead."""
    runs(60).write(rig.spool)
    server.behaviour = always(Reply(400))

    def heal(engine: Engine) -> bool:
        if rig.time.now > 87_400:
            server.behaviour = ok
        return engine.settlement.total.delivered == 60

    rig.daemon(heal, limit=100_000, in_flight=8)
    assert (rig.counts().delivered, rig.counts().dead) == (60, 0)


def test_each_probe_takes_the_next_record(rig: Rig, server: FaultServer) -> None:
    """A suspected destination is probed with one record after the other: an outage must not hang on one of them."""
    runs(24).write(rig.spool)
    server.behaviour = always(Reply(400))
    rig.daemon(lambda _: len(server.requests) == 32, in_flight=1)
    probes = [ids[0] for ids in server.ids[20:]]
    assert probes[:4] == ["r23", "r22", "r21", "r20"]
    assert len(set(probes)) == 12


def test_a_refused_run_goes_item_by_item_children_first(rig: Rig, server: FaultServer) -> None:
    """A run whose batch is refused is sent in the official order; only the item refused alone is a dead letter."""
    children = step_item("r1", "s1"), step_item("r1", "s2", response="é\u2028"), tool_call_item("r1", "t1")
    SegmentFile().run("r0").run("r1", *children).run("r2").seal().write(rig.spool)
    whole = orjson.dumps(batch_of(run_item("r1"), *children))
    server.behaviour = lambda request: Reply(413) if request.ids == ["s2"] or len(request.ids) > 1 else Reply()
    outcome = rig.once(in_flight=1)
    assert server.ids == [["r0"], ["r1", "s1", "s2", "t1"], ["s1"], ["s2"], ["t1"], ["r1"], ["r2"]]
    assert all(request.body in whole for request in server.requests[2:6])
    assert (outcome.counts.records, outcome.counts.delivered, outcome.counts.dead) == (3, 2, 1)
    (letter,) = rig.letters()
    assert ids_of(orjson.loads(letter.body_bytes)) == ["s2"]
    assert letter.record_id == "r1"


def test_a_run_whose_items_are_all_taken_alone_is_delivered(rig: Rig, server: FaultServer) -> None:
    """A batch that is too large as a whole, and no item is: the run is delivered, nothing is dead."""
    SegmentFile().run("r1", step_item("r1", "s1"), step_item("r1", "s2")).seal().write(rig.spool)
    server.behaviour = lambda request: Reply(413) if len(request.ids) > 1 else Reply()
    outcome = rig.once()
    assert (outcome.counts.delivered, outcome.counts.dead) == (1, 0)
    assert len({request.headers["idempotency-key"] for request in server.requests}) == 4


def test_a_run_whose_items_are_all_refused_is_a_suspect_as_a_whole(rig: Rig, server: FaultServer) -> None:
    """If no item is taken either, the record is one refusal, and its letter holds everything."""
    SegmentFile().run("r1", step_item("r1", "s1")).run("r2").write(rig.spool)
    server.behaviour = refusing("r1", "s1", status=400)
    outcome = rig.once(in_flight=1)
    assert (outcome.counts.delivered, outcome.counts.dead) == (1, 1)
    (letter,) = rig.letters()
    assert sorted(ids_of(orjson.loads(letter.body_bytes))) == ["r1", "s1"]


def test_an_outage_in_the_middle_of_a_divided_run_resends_only_what_is_left(rig: Rig, server: FaultServer) -> None:
    """Items of a run that were taken one by one are not sent again when a later one meets an outage."""
    SegmentFile().run("r1", step_item("r1", "s1"), step_item("r1", "s2")).write(rig.spool)
    failing = {"s2": 2}

    def behaviour(request: Request) -> Reply:
        if len(request.ids) > 1:
            return Reply(413)
        if failing.get(request.ids[0], 0):
            failing[request.ids[0]] -= 1
            return Reply(500)
        return Reply()

    server.behaviour = behaviour
    assert rig.once().counts.delivered == 1
    assert server.ids == [["r1", "s1", "s2"], ["s1"], ["s2"], ["s2"], ["s2"], ["r1"]]


def test_a_restart_in_the_middle_of_a_divided_run_resends_no_delivered_item(rig: Rig, server: FaultServer) -> None:
    """The ledger knows the items that were taken before the process ended."""
    SegmentFile().run("r1", step_item("r1", "s1"), step_item("r1", "s2"), step_item("r1", "s3")).write(rig.spool)
    server.behaviour = lambda request: (
        Reply() if request.ids in (["s1"], ["s2"]) else Reply(413 + 90 * (len(request.ids) == 1))
    )
    rig.daemon(lambda _: ["s3"] in server.ids)
    server.clear()
    server.behaviour = lambda request: Reply(413) if len(request.ids) > 1 else Reply()
    assert rig.once().counts.delivered == 1
    assert server.ids == [["r1", "s1", "s2", "s3"], ["s3"], ["r1"]]


def test_feedback_waits_for_its_run(rig: Rig, server: FaultServer) -> None:
    """Feedback is sent after the run it speaks of, even if that run has to be tried again."""
    SegmentFile().run("r1").feedback("r1").run("r2").write(rig.spool)
    failures = iter([Reply(500), Reply(500)])
    server.behaviour = lambda request: (
        next(failures, Reply()) if "r1" in request.ids and "custom" in request.path else Reply()
    )
    assert rig.once().counts.delivered == 3
    accepted = [request.path for request in server.requests if "r1" in request.ids]
    assert accepted == ["/v1/custom", "/v1/custom", "/v1/custom", "/v1/feedback"]


def test_feedback_whose_run_is_dead_is_sent_in_the_same_run(rig: Rig, server: FaultServer) -> None:
    """A refused run does not keep its feedback waiting: the server decides what to make of it."""
    SegmentFile().run("r1").feedback("r1").run("r2").write(rig.spool)
    server.behaviour = lambda request: Reply(422) if "custom" in request.path and "r1" in request.ids else Reply()
    started = rig.time.now
    outcome = rig.once()
    assert (outcome.counts.delivered, outcome.counts.dead, outcome.counts.pending) == (2, 1, 0)
    assert rig.time.now < started + 5


def test_feedback_of_a_run_that_is_elsewhere_does_not_wait(rig: Rig, server: FaultServer) -> None:
    """Feedback whose run is in no pending record of its file goes at once."""
    SegmentFile().feedback("elsewhere").write(rig.spool)
    assert rig.once().counts.delivered == 1


def test_records_of_a_segment_are_sent_in_reading_order(rig: Rig, server: FaultServer) -> None:
    """With one request at a time the server sees the file's order; segments go oldest name first."""
    runs(300, 300).write(rig.spool, "20260201t000000z-b.jsonl")
    runs(300).write(rig.spool, "20260131t000000z-a.jsonl")
    rig.once(in_flight=1)
    assert [ids[0] for ids in server.ids] == [f"r{number}" for number in range(600)]


def test_other_bytes_under_a_delivered_key_are_a_conflict(rig: Rig, server: FaultServer) -> None:
    """The same id with other bytes is not sent, and kept as a dead letter that says why."""
    SegmentFile().run("r1", response="one").write(rig.spool)
    SegmentFile().run("r1", response="two").write(rig.spool, "29990101t000000z-0.jsonl")
    outcome = rig.once()
    assert (outcome.counts.delivered, outcome.counts.dead) == (1, 1)
    assert len(server.requests) == 1
    assert rig.letters()[0].reason == "conflict"
    assert rig.letters()[0].body_bytes == orjson.dumps(run_item("r1", response="two"))


def test_the_same_record_in_another_segment_is_a_duplicate(rig: Rig, server: FaultServer) -> None:
    """The same bytes under the same id are sent once, whether the copies are read together or after a restart."""
    SegmentFile().run("r1").run("r2").write(rig.spool)
    SegmentFile().run("r1").write(rig.spool)
    outcome = rig.once()
    assert (outcome.counts.delivered, outcome.counts.duplicate) == (2, 1)
    SegmentFile().run("r2").write(rig.spool)
    assert rig.once().counts.duplicate == 2
    assert len(server.requests) == 2


def test_ids_of_different_kinds_do_not_collide(rig: Rig, server: FaultServer) -> None:
    """A run and a step may have the same id: both are sent."""
    SegmentFile().run("same").step("same", "same").tool_call("same", "same").write(rig.spool)
    assert rig.once().counts.delivered == 3
    assert len(server.requests) == 3


def test_a_path_that_no_endpoint_has_is_refused_here(rig: Rig, server: FaultServer) -> None:
    """A record that asks for another path is never sent: it is a dead letter ``refused_path``."""
    SegmentFile().record("run", "r1", run_item("r1"), path="/admin").run("r2").write(rig.spool)
    outcome = rig.once()
    assert (outcome.counts.delivered, outcome.counts.dead) == (1, 1)
    assert server.ids == [["r2"]]
    assert rig.letters()[0].reason == "refused_path"


def test_an_unknown_kind_with_a_path_is_shipped_and_one_without_is_skipped(rig: Rig, server: FaultServer) -> None:
    """A later recorder's records are delivered by this uploader; its notes are left alone."""
    segment = SegmentFile().record("span", "x1", {"type": "span", "span_id": "x1"})
    segment.record("journal", "j1", {"a": 1}, path=None).run("r1").seal().write(rig.spool)
    outcome = rig.once()
    assert (outcome.counts.records, outcome.counts.delivered, outcome.damage) == (2, 2, 0)
    assert [request.json["type"] for request in server.requests] == ["span", "run"]


def test_a_dead_letter_is_not_tried_again_by_the_next_run(rig: Rig, server: FaultServer) -> None:
    """What was refused stays refused until an operator decides: a second run sends nothing."""
    runs(3).write(rig.spool)
    server.behaviour = refusing("r1")
    rig.once()
    server.clear()
    outcome = rig.once()
    assert (outcome.counts.delivered, outcome.counts.dead) == (2, 1)
    assert not server.requests


def test_two_refused_copies_of_one_record_are_one_letter(rig: Rig, server: FaultServer) -> None:
    """Both were sent, because the first refusal decided nothing yet; the second to die is a duplicate."""
    runs(1).run("r0").run("r1").seal().write(rig.spool)
    server.behaviour = refusing("r0")
    outcome = rig.once()
    assert (outcome.counts.delivered, outcome.counts.dead, outcome.counts.duplicate) == (1, 1, 1)
    assert len(rig.letters()) == 1
