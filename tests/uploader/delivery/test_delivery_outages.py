"""An outage never loses data, and nothing blocks the queue."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from support.faults import (
    Behaviour,
    FaultServer,
    Misdeed,
    Reply,
    Request,
    SegmentFile,
    always,
    close,
    drip,
    garbage,
    hold,
    huge,
    ok,
    redirect,
    reset,
    retry_after,
    silent_after_head,
    truncated,
)
from support.rigging import Rig
from tcc_uploader.delivery.engine import Engine, Limits
from tcc_uploader.transport.progress import Patience

OUTAGES = [
    always(Reply(500)),
    always(Reply(502)),
    always(Reply(503)),
    always(Reply(408)),
    always(Reply(425)),
    always(Reply(429)),
    always(Reply(599)),
    always(reset),
    always(close),
    always(garbage),
]


@pytest.mark.parametrize("outage", OUTAGES)
def test_what_an_outage_answers_is_retried_until_it_ends(rig: Rig, server: FaultServer, outage: Behaviour) -> None:
    """Every kind of outage keeps the records pending, kills none, and what it held back arrives when it ends."""
    SegmentFile("s").run("r1").run("r2").feedback("r1").seal().write(rig.spool)
    server.behaviour = outage

    def heal(engine: Engine) -> object:
        if len(server.requests) >= 6:
            server.behaviour = ok
        return engine.settlement.total.delivered == 3

    engine = rig.daemon(heal)
    assert rig.counts().delivered == rig.counts().records == 3
    assert engine.settlement.total.dead == 0
    assert not rig.letters()


def test_a_port_that_refuses_is_an_outage(rig: Rig) -> None:
    """A server that is not there keeps the records pending; a one-shot run gives up and says that it timed out."""
    SegmentFile().run("r1").write(rig.spool)
    rig.server.stop()
    outcome = rig.once(timeout=60)
    assert outcome.timed_out
    assert outcome.counts.pending == 1
    assert not outcome.needs_operator
    with FaultServer(port=rig.server.port) as again:
        assert rig.once().counts.delivered == 1
        assert again.ids == [["r1"]]
        rig.server = FaultServer()  # the fixture stops it
        rig.server.__enter__()


def test_every_attempt_sends_the_same_bytes_under_the_same_idempotency_key(rig: Rig, server: FaultServer) -> None:
    """A record that is tried ten times is ten times the same request."""
    SegmentFile().run("r1", text="U+2028 \u2028 stays").write(rig.spool)
    server.behaviour = always(Reply(500))

    def heal(engine: Engine) -> object:
        if len(server.requests) == 9:
            server.behaviour = ok
        return engine.settlement.total.delivered

    rig.daemon(heal)
    assert len(server.requests) == 10
    assert len({(request.body, request.headers["idempotency-key"]) for request in server.requests}) == 1
    assert len(server.requests[0].headers["idempotency-key"]) == 32


def test_a_record_that_the_server_always_fails_on_does_not_hold_up_the_others(rig: Rig, server: FaultServer) -> None:
    """A 500 for one record is retried for ever; every other record is delivered meanwhile, in order."""
    segment = SegmentFile()
    for number in range(30):
        segment.run(f"r{number}")
    segment.write(rig.spool)
    server.behaviour = lambda request: Reply(500) if request.ids == ["r7"] else Reply()
    rig.daemon(lambda engine: engine.settlement.total.delivered == 29, in_flight=1)
    accepted = [ids[0] for ids in server.ids if ids != ["r7"]]
    assert accepted == [f"r{number}" for number in range(30) if number != 7]
    assert rig.counts().pending == 1


def test_while_a_destination_is_paused_one_request_at_a_time_probes_it(rig: Rig, server: FaultServer) -> None:
    """A paused destination gets single probes whose distance grows, not a crowd."""
    segment = SegmentFile()
    for number in range(50):
        segment.run(f"r{number}")
    segment.write(rig.spool)
    times: list[float] = []

    def down(_: Request) -> Reply:
        times.append(rig.time.now)
        return Reply(503)

    server.behaviour = down
    rig.time.chance = 0.999
    rig.daemon(lambda _: len(times) >= 16, in_flight=4)
    probes = [moment for moment in times if moment > times[0]]
    assert len(times) - len(probes) <= 6, "what was handed out before the first answer came"
    gaps = [later - earlier for earlier, later in pairwise(probes)]
    assert all(gap > 0 for gap in gaps)
    assert gaps[0] < 20
    assert max(gaps) > 200
    assert max(gaps) <= 301


def test_a_destination_that_pauses_gets_nothing_that_no_thread_has_begun(rig: Rig, server: FaultServer) -> None:
    """Of the requests handed out, those that wait for a thread when the destination pauses are taken back."""
    segment = SegmentFile()
    for number in range(50):
        segment.run(f"r{number}")
    segment.write(rig.spool)
    release = threading.Event()

    def busy(request: Request) -> Reply | Misdeed:
        # the thread begins another before anybody has heard the first answer
        return retry_after(420) if request is server.requests[0] else hold(release, Reply())

    def taken_back(engine: Engine) -> bool:
        if 1 <= len(engine.in_flight) == len(server.requests) - 1:
            release.set()
        return release.is_set()

    server.behaviour = busy
    engine = rig.daemon(taken_back, in_flight=32)
    begun = len(server.requests) - 1
    assert begun < 32
    assert (engine.intake.counts.delivered, engine.intake.counts.pending) == (begun, 50 - begun)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_waited_for(rig: Rig, server: FaultServer, form: str) -> None:
    """A ``Retry-After`` of seven minutes, as seconds or as a date, pauses the destination for so long."""
    SegmentFile().run("r1").run("r2").write(rig.spool)
    times: list[float] = []

    def busy(_: Request) -> Reply:
        times.append(rig.time.now)
        now = datetime.fromtimestamp(rig.time.clock.wall(), UTC)
        return retry_after(420 if form == "seconds" else now + timedelta(seconds=420)) if len(times) == 1 else Reply()

    server.behaviour = busy
    rig.daemon(lambda engine: engine.settlement.total.delivered == 2, in_flight=1)
    assert 418 <= times[1] - times[0] <= 422


def test_retry_after_is_believed_for_an_hour_at_most(rig: Rig, server: FaultServer) -> None:
    """A server that asks for a year is asked again after an hour."""
    SegmentFile().run("r1").write(rig.spool)
    times: list[float] = []

    def busy(_: Request) -> Reply:
        times.append(rig.time.now)
        return retry_after(31_536_000) if len(times) == 1 else Reply()

    server.behaviour = busy
    rig.daemon(lambda engine: engine.settlement.total.delivered)
    assert 3599 <= times[1] - times[0] <= 3602


@pytest.mark.parametrize(
    "answer",
    [
        always(truncated(Reply(200))),
        always(drip(Reply(200, body=b"slow"), 0.01)),
        always(drip(Reply(200, body=b"slow"), 0.001, head=True)),
        always(huge(3_000_000)),
        always(Reply(204, body=b"")),
        always(Reply(201)),
        always(Reply(299)),
    ],
)
def test_a_success_is_a_success_whatever_its_body(rig: Rig, server: FaultServer, answer: Behaviour) -> None:
    """A 2xx whose body is cut short, drips, is huge or empty has stored the record: it is not sent again."""
    SegmentFile().run("r1").write(rig.spool)
    server.behaviour = answer
    assert rig.once().counts.delivered == 1
    assert len(server.requests) == 1


def test_an_answer_without_an_end_costs_one_request_a_bounded_time(rig: Rig, server: FaultServer) -> None:
    """The body of an answer, whether it drips or stays away, is heard for a bounded time; then the status decides."""
    SegmentFile().run("r1").run("r2").write(rig.spool)
    body = Reply(200, body=b"x" * 10_000)
    server.behaviour = lambda request: drip(body, 0.02) if request.ids == ["r1"] else silent_after_head
    limits = Limits(patience=Patience(end=0.3))
    rig.daemon(lambda engine: engine.settlement.total.delivered == 2, real=True, limits=limits)
    assert len(server.requests) == 2


def test_a_reset_after_the_commit_costs_one_more_receipt_and_no_more(rig: Rig, server: FaultServer) -> None:
    """Stored, then RST: the record is sent again, byte for byte, and counted once."""
    SegmentFile().run("r1").write(rig.spool)
    server.behaviour = lambda _: reset if len(server.requests) == 1 else Reply()
    assert rig.once().counts.delivered == 1
    first, second = server.requests
    assert first.body == second.body
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


GATEWAY = Reply(200, {"TCC-Gateway": "1"})
PAGE = Reply(200, {"Content-Type": "application/json"}, b"\xef\xbb\xbf\n<!doctype html>log in")
GARBLED = Reply(200, {"Content-Encoding": "br", "Content-Type": "application/json"}, b"\x0b\x02\x80{}\x03")
OPERATOR = [
    *map(Reply, (401, 402, 407, 511, 300, 301, 303, 304, 307, 308)),
    *(GATEWAY, PAGE, GARBLED, redirect("/v1/custom")),
]


@pytest.mark.parametrize("answer", OPERATOR)
def test_what_only_an_operator_can_mend_pauses_and_kills_nothing(rig: Rig, server: FaultServer, answer: Reply) -> None:
    """Wrong key, wrong URL, redirect: a one-shot run ends at once, says so, and leaves every record pending."""
    SegmentFile().run("r1").run("r2").run("r3").seal().write(rig.spool)
    server.behaviour = always(answer)
    outcome = rig.once(in_flight=1)
    assert outcome.needs_operator
    assert outcome.counts.pending == 3
    assert outcome.counts.dead == 0
    assert len(server.requests) == 1
    assert outcome.paused[0].remedy
    assert not outcome.timed_out


def test_a_destination_that_waits_for_an_operator_is_probed_and_heals(rig: Rig, server: FaultServer) -> None:
    """After a 401 there is one probe every five minutes; once the key is known, everything flows."""
    SegmentFile().run("r1").run("r2").run("r3").write(rig.spool)
    times: list[float] = []

    def unknown_key(_: Request) -> Reply:
        times.append(rig.time.now)
        return Reply(401) if len(times) < 4 else Reply()

    server.behaviour = unknown_key
    rig.daemon(lambda engine: engine.settlement.total.delivered == 3, in_flight=1)
    gaps = [later - earlier for earlier, later in pairwise(times[:4])]
    assert all(299 <= gap <= 302 for gap in gaps)


def test_a_redirect_is_never_followed(rig: Rig, server: FaultServer) -> None:
    """The redirect's target gets no request, and with it no key."""
    SegmentFile().run("r1").write(rig.spool)
    with FaultServer() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            server.behaviour = always(redirect(elsewhere.url + "/v1/custom", status))
            assert rig.once().needs_operator
        assert elsewhere.connections == 0
    assert len(server.requests) == 5


def test_a_certificate_that_does_not_verify_pauses_and_never_sees_the_key(rig: Rig) -> None:
    """No request reaches a server whose certificate does not verify; the operator is told what to do."""
    SegmentFile().run("r1").write(rig.spool)
    with FaultServer(tls=True) as impostor:
        outcome = rig.once(base_url=impostor.url)
        assert impostor.connections == 1
        assert impostor.requests == []
    assert outcome.needs_operator
    assert "SSL_CERT_FILE" in outcome.paused[0].remedy
    assert outcome.counts.pending == 1


def test_an_outage_that_answers_in_mid_run_does_not_ask_for_an_operator(rig: Rig, server: FaultServer) -> None:
    """A refusal that comes while a destination is briefly down is a refusal, not a call for an operator."""
    segment = SegmentFile()
    for number in range(6):
        segment.run(f"r{number}")
    segment.write(rig.spool)
    answers = {"r0": [Reply(503), Reply()], "r1": [Reply(422)]}

    def mixed(request: Request) -> Reply:
        waiting = answers.get(request.ids[0])
        return waiting.pop(0) if waiting else Reply()

    server.behaviour = mixed
    outcome = rig.once(in_flight=1)
    assert outcome.counts.delivered == 5
    assert outcome.counts.dead == 1
    assert not outcome.paused
