"""``tcc-upload drop``: what was recorded by mistake is never sent."""

import subprocess
import sys
import threading

import pytest

from support import children
from support.faults import Behaviour, FaultServer, Reply, SegmentFile, always, hold
from support.rigging import Rig
from support.shell import Shell
from support.worlds import wait_until
from tcc_uploader.delivery.engine import Engine
from tcc_uploader.inspect.pending import find_pending
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.model.letter import LetterRequest, letter_id

SECRET = "sk-live-0123456789"  # noqa: S105 -- a made-up one


def test_a_pending_run_is_not_sent_and_counts_as_dropped(shell: Shell, server: FaultServer) -> None:
    """Before anything was read or after an outage: the rest is sent, the books add up, and the file goes."""
    path = SegmentFile().run("r1", response=SECRET).run("r2").seal().write(shell.spool)
    for attempt in range(2):
        said = shell.run("drop", "r1", "--yes", code=66 if attempt else 0)
        assert attempt or f"{path}: when its other pending records (1) are settled" in said
    shell.run("verify")
    server.behaviour = always(Reply(503))
    shell.run("replay", "--timeout", "0", code=75)
    shell.run("verify")
    server.behaviour = always(Reply())
    shell.run("replay", "--remove")
    assert server.ids[-1] == ["r2"]
    assert not any(SECRET.encode() in request.body for request in server.requests)
    assert not path.exists()
    assert shell.json("verify")["totals"]["dropped"] == 1  # type: ignore[index]
    assert not [file for file in shell.state.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()]


def test_a_run_that_waited_is_dropped_too(shell: Shell, server: FaultServer) -> None:
    """What an earlier uploader has read and could not send is pending, and its segment's row counts it."""
    SegmentFile().run("r1").seal().write(shell.spool)
    server.behaviour = always(Reply(503))
    shell.run("replay", "--timeout", "0", code=75)
    sent = len(server.ids)
    shell.run("drop", "r1", "--yes")
    assert shell.status()["counts"]["dropped"] == 1
    shell.run("replay", "--remove")
    assert len(server.ids) == sent
    assert not list(shell.spool.iterdir())
    shell.run("verify")


def test_a_running_daemon_drops_what_waits_and_does_not_keep_the_file(shell: Shell, server: FaultServer) -> None:
    """Its destination is paused, and the file would be kept for a day: it goes at once when its rest is delivered."""
    server.behaviour = always(Reply(401))
    path = SegmentFile().run("r1", response=SECRET).run("r2").seal().write(shell.spool)
    with shell.daemon("--after", "keep 24h"):
        wait_until(lambda: bool(server.requests), "a request")
        said = shell.run("drop", "r1", "--yes")
        assert "handed to the running uploader" in said
        wait_until(lambda: shell.status()["counts"]["dropped"] == 1, "the drop")
        assert path.exists()
    server.behaviour = always(Reply())
    sent = len(server.ids)
    with shell.daemon("--after", "keep 24h"):
        wait_until(lambda: not path.exists(), "the removal")
    assert server.ids[sent:] == [["r2"]]
    shell.run("verify")


def test_a_session_goes_with_all_that_belongs_to_its_runs(shell: Shell, server: FaultServer) -> None:
    """Late steps and feedback, also those in other segments; runs of other sessions stay."""
    SegmentFile("a").run("r1", session_id="s").run("r2", session_id="t").seal().write(shell.spool)
    SegmentFile("b").feedback("r1").step("r1", "late").feedback("r2").seal().write(shell.spool)
    shell.run("drop", "--session", "s", "--yes")
    shell.run("replay")
    assert sorted(server.ids) == [["r2"], ["r2"]]
    assert shell.status()["counts"]["dropped"] == 3
    shell.run("verify")


def test_what_is_delivered_or_unknown_is_told(shell: Shell, server: FaultServer) -> None:
    """Too late, or a wrong id: the command says so, changes nothing, and ends with 66."""
    SegmentFile().run("r1").seal().write(shell.spool)
    shell.run("replay")
    for ident in ("r1", "never"):
        shell.run("drop", ident, "--yes", code=66)
    assert "nothing of this is pending" in shell.printed
    shell.run("drop", code=2)
    shell.run("verify")


AGENT = """
import sys, tcc_recorder
run = tcc_recorder.run(run_id="r1").prompt("p")
run.step("s1").prompt("p").response("x").end()
print(flush=True)
sys.stdin.read()
"""


def test_the_run_of_a_killed_agent_is_dropped_but_not_one_that_is_being_recorded(
    shell: Shell, server: FaultServer
) -> None:
    """While it runs nobody knows what its records will be: 75.  After the kill it is not recovered, but dropped."""
    environment = shell.environment | {"TCC_JOURNAL": "1"}
    agent = children.start(
        [sys.executable, "-c", AGENT], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert agent.stdout is not None
    agent.stdout.readline()
    shell.run("drop", "r1", "--yes", code=75)
    assert "still being recorded: r1" in shell.printed
    children.kill(agent)
    shell.run("drop", "r1", "--yes")
    shell.run("replay", "--remove")
    assert not server.requests
    assert shell.status()["counts"]["dropped"] == 1
    assert not list(shell.spool.iterdir())
    shell.run("verify")


def test_a_run_that_is_not_recovered_yet_is_dropped_beside_a_record_that_waits(rig: Rig, server: FaultServer) -> None:
    """The file stays until its other record is delivered, and both are counted."""
    segment = SegmentFile()
    segment.record("journal", "j1", {"type": "run", "run_id": "j1"}, run_id="j1", path=None)
    segment.run("r1").write(rig.spool)
    server.behaviour = always(Reply(503))
    asked = False

    def tell(_: Engine) -> bool:
        nonlocal asked
        if not asked:
            asked = True
            drop(rig, "j1")
        if rig.time.now > 1_400:
            assert list(rig.spool.iterdir()) or not asked or server.behaviour is not behaviour
            server.behaviour = always(Reply())
        return not list(rig.spool.iterdir())

    behaviour = server.behaviour
    rig.daemon(tell)
    assert ["j1"] not in server.ids
    assert server.ids[-1] == ["r1"]
    assert (rig.counts().records, rig.counts().delivered, rig.counts().dropped) == (2, 1, 1)


def drop(rig: Rig, run_id: str) -> None:
    """Ask the engine to drop the pending records of a run."""
    with SqliteLedger.reading(rig.state) as ledger:
        for line, record in find_pending([rig.spool], ledger, {run_id}).records:
            ident = letter_id(record.segment, record.line, record.digest, line.key)
            rig.folder.ask(LetterRequest(action="drop", letter=ident, pending=record))


def against_one(status: int) -> Behaviour:
    """Refuse r1."""
    return lambda request: Reply(status) if request.ids == ["r1"] else Reply()


@pytest.mark.parametrize(
    "behaviour",
    [always(Reply(401)), always(Reply(503)), against_one(451), against_one(422)],
    ids=["paused", "postponed", "undecided", "refused for its content"],
)
def test_wherever_a_record_waits_it_is_taken_out(rig: Rig, server: FaultServer, behaviour: object) -> None:
    """Nothing of it is sent after the request, no destination waits for it, and its file goes."""
    server.behaviour = behaviour  # type: ignore[assignment]
    segment = SegmentFile().run("r1")
    segment.write(rig.spool)
    asked, sent = False, 0

    def tell(engine: Engine) -> bool:
        nonlocal asked, sent
        if rig.time.now > 1_050 and not asked:
            drop(rig, "r1")
            asked = True
        if asked and rig.counts().dropped and server.behaviour is behaviour:
            sent = len(server.ids)
            server.behaviour = always(Reply())
            SegmentFile("later").run("r2").seal().write(rig.spool)
        return asked and server.behaviour is not behaviour and rig.time.now > 3_000

    engine = rig.daemon(tell)
    assert server.ids[sent:] == [["r2"]]
    assert engine.backlog.waiting == 0
    assert rig.counts().dropped == 1
    assert not list(rig.spool.iterdir())


def test_what_waits_behind_others_or_for_its_run_is_taken_out(rig: Rig, server: FaultServer) -> None:
    """A run that had no turn yet, and its feedback, which waits for it; what stands before them is sent."""
    server.behaviour = always(Reply(401))
    SegmentFile().run("r0").seal().write(rig.spool)
    asked, sent, later = False, 0, rig.spool / "later.jsonl"

    def tell(engine: Engine) -> bool:
        nonlocal asked, sent
        if server.requests and not (asked or later.exists()):  # the destination is paused now
            SegmentFile().run("r1").feedback("r1").seal().write(rig.spool, later.name)
        if not asked and any(engine.backlog.waiting_for_run.values()):
            drop(rig, "r1")
            asked = True
        if asked and rig.counts().dropped == 2 and not sent:
            assert rig.time.now < 1_100, "it is dropped now, not when the destination is tried again"
            sent = len(server.ids)
            server.behaviour = always(Reply())
        return not list(rig.spool.iterdir())

    engine = rig.daemon(tell)
    assert server.ids[sent:] == [["r0"]]
    assert not any(engine.backlog.waiting_for_run.values())
    assert (rig.counts().delivered, rig.counts().dropped) == (1, 2)


def test_what_the_server_was_asked_to_take_is_not_dropped(rig: Rig, server: FaultServer) -> None:
    """A request in flight is not undone: its answer decides, and what the operator asked for is answered by the log."""
    path = SegmentFile().run("r1").seal().write(rig.spool)
    answered = threading.Event()
    server.behaviour = always(hold(answered, Reply()))
    asked = False

    def tell(engine: Engine) -> bool:
        nonlocal asked
        if engine.in_flight and not asked:
            asked = True
            drop(rig, "r1")
            rig.time.now += 5.0  # the next turn takes the request
        elif asked:
            answered.set()
        return not path.exists() and not rig.folder.requests()

    rig.daemon(tell)
    assert server.ids == [["r1"]]
    assert (rig.counts().delivered, rig.counts().dropped) == (1, 0)


@pytest.mark.parametrize("by", [["r1"], ["--session", "s"]])
def test_a_letter_that_waits_to_be_sent_again_is_dropped_too(shell: Shell, server: FaultServer, by: list[str]) -> None:
    """It is a pending record like others, also if a daemon waits with it at a server that is down."""
    server.behaviour = against_one(451)
    SegmentFile().run("r1", session_id="s").run("r2").seal().write(shell.spool)
    shell.run("replay", "--give-up", code=65)
    server.behaviour = always(Reply(503))
    with shell.daemon():
        shell.run("dead", "requeue", "--all")
        sent = len(server.ids)
        wait_until(lambda: len(server.ids) > sent, "a request")
        shell.run("drop", *by, "--yes")
        wait_until(lambda: shell.status()["counts"]["dropped"] == 1, "the drop")
        wait_until(lambda: shell.status()["destinations"][0]["waiting"] == 0, "that nothing waits")
    server.behaviour, sent = always(Reply()), len(server.ids)
    shell.run("drop", *by, "--yes", code=66)
    shell.run("replay", "--remove")
    assert len(server.ids) == sent
    assert not list((shell.state / "dead").iterdir())
    shell.run("verify")
