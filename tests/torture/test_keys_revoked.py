"""Keys that are revoked and restored, and keys that are not held."""

import random

from support.faults import KEY, FaultServer, Reply, Request, SegmentFile
from support.rigging import Rig
from tcc_schemas.endpoints import key_hint
from tcc_uploader.delivery.engine import Engine


def test_a_key_revoked_in_the_middle_and_restored_loses_nothing(rig: Rig, server: FaultServer) -> None:
    """Revoked five times on the way, sixteen requests at a time: nothing dies, and each run arrives once."""
    chance = random.Random(3)  # noqa: S311 -- moments, no secrets
    revoked = {"since": 0, "until": -1.0}
    taken: list[str] = []

    def answer(request: Request) -> Reply:
        if rig.time.now < revoked["until"]:
            return Reply(chance.choice((401, 403)))
        taken.extend(request.ids)
        if len(taken) // 50 > revoked["since"] and revoked["since"] < 5:
            revoked.update(since=len(taken) // 50, until=rig.time.now + 1_000)
        return Reply()

    server.behaviour = answer
    for start in range(0, 300, 30):
        segment = SegmentFile()
        for number in range(start, start + 30):
            segment.run(f"r{number:03}")
        segment.seal().write(rig.spool)
    reasons: set[str] = set()

    def until(engine: Engine) -> object:
        reasons.update(queue.health.pause.reason for queue in engine.backlog.queues.values() if queue.health.pause)
        return engine.settlement.total.delivered == 300 and not list(rig.spool.iterdir())

    rig.daemon(until, in_flight=16)
    assert revoked["since"] >= 5
    assert any(reason.startswith(("HTTP 401", "HTTP 403")) for reason in reasons)
    assert sorted(taken) == [f"r{number:03}" for number in range(300)]
    assert not rig.letters()


def test_of_two_keys_in_one_spool_each_gets_its_own_records(rig: Rig, server: FaultServer) -> None:
    """One key held: its records go, the others wait. Both held: the rest goes, each with its own."""
    other = "another_key_9876543210"
    segment = SegmentFile()
    for number in range(40):
        segment.run(f"{'ours' if number % 2 else 'theirs'}-{number}", key_hint=key_hint(KEY if number % 2 else other))
    segment.seal().write(rig.spool)
    first = rig.once(in_flight=8)
    assert (first.counts.delivered, first.counts.pending, first.needs_operator) == (20, 20, True)
    assert {request.key for request in server.requests} == {KEY}
    second = rig.once(in_flight=8, api_keys=(KEY, other))
    assert second.counts.pending == 0
    assert len(server.requests) == 40
    for request in server.requests:
        assert request.key == (KEY if request.ids[0].startswith("ours") else other)
