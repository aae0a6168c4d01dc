"""How often the engine's loop turns, and how often it commits: both cost processor time and wear disks."""

import pytest

from support.faults import FaultServer, Reply, Request, SegmentFile, retry_after
from support.rigging import Rig
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.model.ledger import Unavailable
from tcc_uploader.model.rows import Changes

_ANSWERS: dict[str, Reply] = {
    "up": Reply(),
    "later": retry_after(600),
    "failing": Reply(503),
    "operator": Reply(401),
    "undecided": Reply(422),
    "forbidden": Reply(403),
}
"""What the server answers, by the first folder of a destination's path."""


def answer_by_path(request: Request) -> Reply:
    """Answer as the destination's name says."""
    return _ANSWERS[request.path.split("/")[1]]


def test_a_commit_waits_for_more_answers(rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that come within 50 ms share a commit, also when others have come while the last one was written."""
    file = SegmentFile()
    for number in range(400):
        file.run(f"r{number}")
    file.seal().write(rig.spool)
    commits: list[int] = []
    commit = SqliteLedger.commit

    def counted(self: SqliteLedger, changes: Changes) -> None:
        commits.append(len(changes.delivered))
        commit(self, changes)

    def answer(_: Request) -> Reply:
        rig.time.now += 0.001
        return Reply()

    server.behaviour = answer
    monkeypatch.setattr(SqliteLedger, "commit", counted)
    assert rig.once().counts.delivered == 400
    assert sum(commits) == 400
    assert len(commits) <= 400 * 0.001 / 0.05 + 3  # and the first, the last, and one for what was read


@pytest.mark.parametrize("command", ["daemon", "replay"])
def test_a_ledger_that_cannot_be_written_is_tried_a_few_times_a_second(
    command: str, rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried at each tick, whatever waits: records that were answered, a scan, a segment without a seal."""
    file = SegmentFile()
    for number in range(50):
        file.run(f"r{number}")
    file.write(rig.spool)
    tries = 0
    commit = SqliteLedger.commit

    def failing(self: SqliteLedger, changes: Changes) -> None:
        nonlocal tries
        if not server.requests:
            commit(self, changes)
            return
        tries += 1
        assert tries < 1000, "the loop spins"
        raise Unavailable("database or disk is full")

    monkeypatch.setattr(SqliteLedger, "commit", failing)
    began = rig.time.now
    if command == "daemon":
        rig.daemon(lambda _: rig.time.now > began + 60, in_flight=8)
    else:
        assert rig.once(timeout=60, in_flight=8).trouble
    seconds = rig.time.now - began
    assert seconds >= 60
    assert tries <= 3 * seconds + 8, f"{tries} tries in {seconds:.0f} s"


@pytest.mark.parametrize("kinds", [*((kind,) for kind in _ANSWERS), tuple(_ANSWERS)], ids=[*_ANSWERS, "all"])
def test_paused_destinations_cost_no_turns(rig: Rig, server: FaultServer, kinds: tuple[str, ...]) -> None:
    """Whatever the mix: an operator's pause, Retry-After, outages, undecided records, a key that is not held."""
    for kind in kinds:
        file = SegmentFile()
        for number in range(30):
            file.run(f"{kind} {number}", url=f"{server.url}/{kind}/v1/custom")
            file.run(f"no key {kind} {number}", key_hint="deadbeef")
        file.seal().write(rig.spool)
    server.behaviour = answer_by_path
    began, turns = rig.time.now, 0

    def count(_: Engine) -> bool:
        nonlocal turns
        turns += 1
        return rig.time.now > began + 3600 or turns > 30_000

    rig.daemon(count, in_flight=4)
    answers = len(server.requests)
    seconds = rig.time.now - began
    assert turns <= 3 * seconds + 2 * answers, f"{turns} turns in {seconds:.0f} s, with {answers} answers"
