"""Is it the record, or the server?  Refusals of which both may be the reason are decided by other records' answers."""

from collections.abc import Callable

import orjson
import pytest

from support.faults import FaultServer, Reply, Request, SegmentFile, always, ids_of, step_item
from support.rigging import Rig
from support.shell import Shell
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.delivery.strikes import REFUSALS, Strikes

HOUR = 3600.0
UNSURE = [403, 404, 405, 406, 409, 410, 421, 431, 451]


def against(*ids: str, status: int) -> Callable[[Request], Reply]:
    """Refuse the requests that hold one of these ids."""
    return lambda request: Reply(status, body=b"go away") if set(ids) & set(request.ids) else Reply()


def runs(rig: Rig, count: int, first: int = 0) -> None:
    """Write a sealed segment of runs r0, r1 and so on."""
    segment = SegmentFile(f"s{first}")
    for number in range(first, first + count):
        segment.run(f"r{number}")
    segment.seal().write(rig.spool)


@pytest.mark.parametrize("status", [403, 404, 431, 451, 500])
def test_one_poisoned_record_holds_up_none_of_three_hundred(rig: Rig, server: FaultServer, status: int) -> None:
    """All others arrive at once, and the record itself stays pending: nobody knows yet whose fault it is."""
    runs(rig, 300)
    server.behaviour = against("r7", status=status)
    began = rig.time.now
    rig.daemon(lambda engine: engine.settlement.total.delivered == 299, in_flight=8)
    assert rig.time.now < began + 10
    assert rig.counts().dead == 0


@pytest.mark.parametrize("status", [*UNSURE, 500])
def test_a_record_that_is_refused_again_and_again_beside_others_is_dead(
    rig: Rig, server: FaultServer, status: int
) -> None:
    """Five times over an hour (5xx: ten times over a day), each time with a success of another record since."""
    server.behaviour = against("r0", status=status)
    least = 24 * HOUR if status == 500 else HOUR
    SegmentFile("poison").run("r0").seal().write(rig.spool)
    began, number = rig.time.now, 0

    def tell(engine: Engine) -> bool:
        nonlocal number
        if rig.time.now > began + 300 * number:
            number += 1
            SegmentFile(f"n{number}").run(f"other{number}").seal().write(rig.spool)
        return engine.settlement.total.dead == 1

    rig.daemon(tell, limit=40 * HOUR)
    assert least <= rig.time.now - began < least + 2 * HOUR
    (letter,) = rig.letters()
    assert (letter.record_id, letter.status, letter.answer) == ("r0", status, "go away")
    assert server.ids.count(["r0"]) >= 5


def test_a_login_page_of_the_network_is_no_fault_of_the_record(rig: Rig, server: FaultServer) -> None:
    """511 at each of its turns for a day, with others accepted between: it stays pending."""
    server.behaviour = against("r0", status=511)
    SegmentFile("unlucky").run("r0").seal().write(rig.spool)
    began, number = rig.time.now, 0

    def tell(_: Engine) -> bool:
        nonlocal number
        if rig.time.now > began + 600 * number:
            number += 1
            SegmentFile(f"n{number}").run(f"other{number}").seal().write(rig.spool)
        return rig.time.now > began + 24 * HOUR

    rig.daemon(tell, limit=26 * HOUR)
    assert server.ids.count(["r0"]) > 10
    assert not rig.letters()
    assert rig.counts().pending == 1


def test_a_lone_record_is_never_dead_however_often_it_is_refused(rig: Rig, server: FaultServer) -> None:
    """Without a success of another record the server may be at fault: a day of 404 loses and pauses nothing."""
    runs(rig, 1)
    server.behaviour = always(Reply(404))
    engine = rig.daemon(lambda _: rig.time.now > 1_000 + 24 * HOUR, limit=48 * HOUR)
    assert rig.counts().pending == 1
    assert not rig.letters()
    assert 200 < len(server.requests) < 600  # each time it waits longer, up to five minutes
    assert all(queue.health.pause is None for queue in engine.backlog.queues.values())
    server.behaviour = always(Reply())
    rig.daemon(lambda _: not list(rig.spool.iterdir()))


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_a_back_end_that_answers_404_for_an_hour_kills_nothing(rig: Rig, server: FaultServer, share: float) -> None:
    """To everybody, or to some: when it is well again, everything has arrived, and nothing is dead."""
    runs(rig, 200)
    asked = 0

    def flapping(_: Request) -> Reply:
        nonlocal asked
        asked += 1
        return Reply(404) if rig.time.now < 1_000 + HOUR - 60 and (asked * 7919 % 100) < share * 100 else Reply()

    server.behaviour = flapping
    rig.daemon(lambda engine: engine.settlement.total.delivered == 200, limit=3 * HOUR, in_flight=4)
    assert not rig.letters()


def test_twenty_refused_records_pause_the_destination_and_twenty_probes_follow_at_once(
    rig: Rig, server: FaultServer
) -> None:
    """They take the newest records, one at a time; later probes come every five minutes; one success ends it all."""
    runs(rig, 60)
    server.behaviour = always(Reply(403))
    moments: list[float] = []

    def tell(_: Engine) -> bool:
        moments.extend([rig.time.now] * (len(server.requests) - len(moments)))
        return len(server.requests) >= 43

    engine = rig.daemon(tell, in_flight=1)
    assert [ids[0] for ids in server.ids[20:40]] == [f"r{number}" for number in range(59, 39, -1)]
    assert moments[39] - moments[0] < 20
    assert moments[42] - moments[41] == pytest.approx(300, abs=2)
    (queue,) = engine.backlog.queues.values()
    assert queue.health.pause is not None
    assert queue.health.pause.needs_operator
    server.behaviour = always(Reply())
    rig.daemon(lambda engine: engine.settlement.total.delivered == 60)
    assert not rig.letters()


def test_an_item_that_may_be_refused_by_mistake_is_tried_again_and_the_others_are_not(
    rig: Rig, server: FaultServer
) -> None:
    """A run that is sent item by item goes on where it was."""
    SegmentFile().run("r1", step_item("r1", "s1"), step_item("r1", "s2")).run("r2").seal().write(rig.spool)
    refusals = 2

    def behaviour(request: Request) -> Reply:
        nonlocal refusals
        if len(request.ids) > 1:
            return Reply(413)
        if request.ids == ["s2"] and refusals:
            refusals -= 1
            return Reply(404)
        return Reply()

    server.behaviour = behaviour
    rig.daemon(lambda engine: engine.settlement.total.delivered == 2)
    assert server.ids.count(["s1"]) == 1
    assert server.ids.count(["s2"]) == 3


@pytest.mark.parametrize(
    ("refused", "status", "code", "counts"),
    [
        (["r1"], 422, 65, (2, 1, 0)),
        (["r1"], 404, 75, (2, 0, 1)),
        (["r0", "r1", "r2"], 422, 77, (0, 0, 3)),
        (["r0", "r1", "r2"], 404, 77, (0, 0, 3)),
    ],
)
def test_a_replay_tries_each_once_and_does_not_wait(
    shell: Shell, server: FaultServer, refused: list[str], status: int, code: int, counts: tuple[int, int, int]
) -> None:
    """It ends with what it knows: dead or pending if the server took others; 77 and pending if it took none."""
    SegmentFile().run("r0").run("r1").run("r2").seal().write(shell.spool)
    server.behaviour = against(*refused, status=status)
    shell.run("replay", code=code)
    assert ("this server refused everything" in shell.printed) == (code == 77)
    assert sorted(server.ids) == [["r0"], ["r1"], ["r2"]]
    found = shell.status()["counts"]
    assert (found["delivered"], found["dead"], found["pending"]) == counts  # type: ignore[index]
    shell.run("verify")


def test_give_up_makes_dead_letters_of_what_is_undecided(shell: Shell, server: FaultServer) -> None:
    """An operator who knows better does not have to wait for an hour."""
    SegmentFile().run("r0").run("r1").seal().write(shell.spool)
    server.behaviour = against("r1", status=404)
    shell.run("replay", code=75)
    shell.run("replay", "--give-up", code=65)
    assert "HTTP 404" in shell.run("dead", "list")
    shell.run("verify")


def test_a_strike_counts_once_between_two_successes() -> None:
    """However often a record is tried meanwhile; five of them over an hour are enough."""
    strikes = Strikes()
    for moment, successes in ((0, 0), (1, 0), (2, 0), (600, 1), (601, 1), (1200, 2), (1800, 5)):
        strikes = strikes.struck(successes, moment)
    assert strikes == Strikes(4, 0, 5)
    assert strikes.struck(5, 9_000) is strikes
    assert not strikes.struck(6, 3_599).are_enough(REFUSALS, 3_599)
    assert strikes.struck(6, 3_600).are_enough(REFUSALS, 3_600)
    assert not strikes.are_enough(REFUSALS, 9_000)


def test_a_divided_run_that_dies_takes_what_was_not_sent_of_it_along(rig: Rig, server: FaultServer) -> None:
    """Its letter holds every item that the server does not have, also those whose turn did not come."""
    SegmentFile().run("r1", step_item("r1", "s1"), step_item("r1", "s2")).run("r2").seal().write(rig.spool)
    server.behaviour = lambda request: Reply(413 if len(request.ids) > 1 else 404 if request.ids == ["s2"] else 200)
    assert rig.once(give_up=True).counts.dead == 1
    (letter,) = rig.letters()
    assert sorted(ids_of(orjson.loads(letter.body_bytes))) == ["r1", "s2"]


def test_a_probe_that_is_a_divided_run_is_one_probe(rig: Rig, server: FaultServer) -> None:
    """While everything is refused, a paused destination is not asked for one item after the other of all runs."""
    segment = SegmentFile()
    for number in range(60):
        segment.run(f"r{number}", step_item(f"r{number}", f"s{number}"))
    segment.seal().write(rig.spool)
    server.behaviour = always(Reply(422))
    rig.daemon(lambda _: rig.time.now > 1_250, in_flight=1)
    assert len(server.requests) <= 3 * 41


def test_an_equal_record_that_was_just_accepted_makes_a_refused_one_a_duplicate(rig: Rig, server: FaultServer) -> None:
    """It is no dead letter: the server has its bytes."""
    SegmentFile("a").run("r1").seal().write(rig.spool, "20260131t000000z-a.jsonl")
    SegmentFile("b").run("r1").seal().write(rig.spool, "20260131t000000z-b.jsonl")
    answers = iter([Reply(422)])
    server.behaviour = lambda _: next(answers, Reply())
    outcome = rig.once(in_flight=1)
    assert (outcome.counts.delivered, outcome.counts.duplicate, outcome.counts.dead) == (1, 1, 0)
    assert not rig.letters()
