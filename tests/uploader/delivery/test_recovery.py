"""A run whose process was killed arrives as far as it had come; one that ended is never recovered."""

import json
import os
import shutil
import signal
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.faults import FaultServer, Reply, run_item
from support.rigging import Rig
from support.worlds import PATIENCE, World, stop, wait_until
from tcc_recorder.config import writer_config
from tcc_recorder.spool.segment import Segment as Writer
from tcc_schemas.lines import Line, LineReader, encode
from tcc_uploader.delivery.engine import Limits
from tcc_uploader.spool.journal import DIED
from tcc_uploader.spool.removal import writer_is_gone
from tcc_uploader.spool.segment import Segment

AT = "2026-01-31T12:00:00.123Z"

# a run with a step, a tool call and a late prompt of another; then the process waits to be killed
AGENT = """
import os, signal, sys
import tcc_recorder as tcc
tcc.configure(journal=True)
ended = tcc.run("ended").prompt("p")
ended.step("s0").prompt("p").response("r").end()
ended.end()
r = tcc.run("open", session_id="session").prompt("the question", system_prompt="be kind")
r.metadata(agent="a")
r.step("s1").prompt("p").response("r").tokens(1, 2, 3).end()
r.tool_call("search", "t1").args({"q": 1}).end()
r.step("unended").prompt("never ends")
unasked = tcc.run("no-prompt").metadata(a="b")
print("ready", flush=True)
signal.pause()
"""


def killed(world: World, program: str = AGENT) -> None:
    """Run an agent until it says that it is ready, and kill it."""
    agent = world.agent(program)
    assert agent.stdout is not None
    assert agent.stdout.readline() == "ready\n"
    stop(agent, signal.SIGKILL)


def bodies(world: World) -> dict[str, dict[str, Any]]:
    """Return what the sandbox has, by id; each came once."""
    assert all(sum(digests.values()) == 1 for digests in world.receipts().values())
    with sqlite3.connect(world.folder / "receipts") as database:
        found = {ident: json.loads(body) for ident, body in database.execute("SELECT id, body FROM receipts")}
    database.close()
    return found


def journal(writer: Writer, run_id: str, *children: str) -> None:
    """Write the journal of a run and some of its steps."""
    items = [{"type": "run", "run_id": run_id, "start_time": AT, "prompt": {"user_prompt": "p"}}]
    items += [
        {"type": "step", "run_id": run_id, "step_id": child, "start_time": AT, "end_time": AT} for child in children
    ]
    for item in items:
        ident = item.get("step_id", run_id)
        body = json.dumps(item, separators=(",", ":")).encode()
        writer.append(encode("journal", str(ident), body, at=AT, run_id=run_id), is_record=False)


def end(writer: Writer, run_id: str) -> None:
    """Write the record of a run."""
    body = json.dumps({"type": "run", "run_id": run_id, "status_code": 0}).encode()
    writer.append(encode("run", run_id, body, at=AT, run_id=run_id, path="/v1/custom"))


@pytest.fixture
def writer(rig: Rig) -> Writer:
    """Give a segment that this process writes; it holds the lock."""
    return Writer(0o600, writer_config({"spool_dir": str(rig.spool)}, {}))


def test_a_killed_run_arrives_with_what_had_ended(world: World) -> None:
    """After SIGKILL the run with a prompt arrives once, as an error, with its ended children; no other is made up."""
    killed(world)
    daemon = world.daemon()
    wait_until(lambda: not list(world.spool.iterdir()), "an empty spool")
    assert stop(daemon) == 0
    found = bodies(world)
    assert set(found) == {"ended", "s0", "open", "s1", "t1"}
    run = found["open"]
    assert (run["status_code"], run["status_message"]) == (2, DIED)
    assert run["prompt"] == {"user_prompt": "the question", "system_prompt": "be kind"}
    assert (run["session_id"], run["metadata"]) == ("session", {"agent": "a"})
    assert run["end_time"] >= run["start_time"]
    report = world.upload("verify")
    assert report.returncode == 0
    assert "2 records = 2 delivered" in report.stdout
    assert "1 of them were recovered" in report.stdout
    assert "1 of them recovered" in world.upload("status").stdout


def test_a_recovered_run_that_is_still_pending_adds_up(world: World, server: FaultServer) -> None:
    """A run that was recovered, and that the server did not take, counts as pending; ``verify`` adds up."""
    killed(world)
    server.behaviour = lambda request: Reply(403 if "open" in request.ids else 200)
    elsewhere = replace(world, url=server.url)
    assert elsewhere.upload("replay").returncode == 75
    report = elsewhere.upload("verify")
    assert report.returncode == 0, report.stdout
    assert "2 records = 1 delivered + 1 pending" in report.stdout
    assert "1 of them were recovered" in report.stdout


def test_a_record_that_is_refused_holds_up_no_recovery_of_its_segment(world: World, server: FaultServer) -> None:
    """Beside a record of which nobody knows yet whether it or the server is at fault, a killed run arrives."""
    killed(world)
    server.behaviour = lambda request: Reply(403 if "ended" in request.ids else 200)
    assert replace(world, url=server.url).upload("replay").returncode == 75
    assert ["open", "s1", "t1"] in server.ids


def test_nothing_is_recovered_that_its_process_recorded(world: World) -> None:
    """A run that its process closes at exit, or drops, is recorded by that process, and by nobody else."""
    program = AGENT.replace(
        'print("ready", flush=True)\nsignal.pause()', 'r = tcc.run("dropped").prompt("p"); r = None'
    )
    agent = world.agent(program)
    agent.communicate(timeout=PATIENCE)
    assert world.upload("replay").returncode == 0
    found = bodies(world)
    assert {ident for ident, item in found.items() if item["type"] == "run"} == {
        "ended",
        "open",
        "no-prompt",
        "dropped",
    }
    assert all(item.get("status_message") != DIED for item in found.values())


def test_without_the_journal_nothing_is_written_before_the_end(world: World) -> None:
    """The journal is kept only by those who want it."""
    killed(world, AGENT.replace("tcc.configure(journal=True)", ""))
    [path] = world.spool.iterdir()
    kinds = [line.kind for line in LineReader().read(path.read_bytes()) if isinstance(line, Line)]
    assert kinds == ["segment", "run"]


def test_copies_make_the_same_bytes_and_only_where_it_is_safe(world: World, rig: Rig) -> None:
    """A copy is recovered when told so, with the bytes and the idempotency key that the original's uploader makes."""
    killed(world)
    original = world.spool.rename(world.folder / "original")
    rig.spool.mkdir()
    [file] = shutil.copytree(original, world.folder / "copy").iterdir()
    keys = {"api_keys": ("key-of-this-world",)}
    rig.once(files=[file], **keys)  # the lock of a copy proves nothing
    assert rig.server.ids == [["ended", "s0"]]
    shutil.rmtree(rig.state)
    rig.server.clear()
    rig.once(files=[file], is_gone=lambda _: True, **keys)
    rig.spool.rmdir()
    original.rename(rig.spool)
    shutil.rmtree(rig.state)
    rig.daemon(lambda _: not list(rig.spool.iterdir()), **keys)
    sent = [(request.headers["idempotency-key"], request.body) for request in rig.server.requests]
    assert len(sent) == 4
    assert set(sent[:2]) == set(sent[2:])


def test_replay_recovers_a_copy_when_told_to(world: World) -> None:
    """`--assume-dead` is the operator's word that no process writes there any more."""
    killed(world)
    copy = str(shutil.copytree(world.spool, world.folder / "copy"))
    told = json.loads(world.upload("replay", copy, "--json").stdout)
    assert (told["records"], told["recovered"]) == (1, 0)
    told = json.loads(world.upload("replay", copy, "--json", "--assume-dead").stdout)
    assert (told["records"], told["recovered"], told["delivered"]) == (2, 1, 2)
    told = json.loads(world.upload("replay", copy, "--json", "--assume-dead").stdout)
    assert (told["recovered"], told["delivered_now"]) == (1, 0)


def test_nothing_is_recovered_while_the_process_lives(rig: Rig, writer: Writer, server: FaultServer) -> None:
    """However often the uploader looks, a segment whose lock is held is left alone; then it is recovered."""
    journal(writer, "open", "s1")
    rig.daemon(lambda _: rig.time.now > 1_000 + 10 * 30)
    assert server.ids == []
    writer.close()
    rig.daemon(lambda _: not list(rig.spool.iterdir()))
    assert server.ids == [["open", "s1"]]


def test_a_run_that_ended_in_a_later_segment_is_not_recovered(rig: Rig, writer: Writer, server: FaultServer) -> None:
    """An abandoned segment's open runs are a later segment's matter, also if that is read after it or has gone."""
    journal(writer, "over", "s1")
    later = Writer(0o600, writer_config({"spool_dir": str(rig.spool)}, {}))
    journal(later, "over")
    end(later, "over")
    for segment in (writer, later):
        segment.close()
    rig.daemon(lambda _: not list(rig.spool.iterdir()))
    assert server.ids == [["over"]]
    assert rig.counts().recovered == 0
    again = Writer(0o600, writer_config({"spool_dir": str(rig.spool)}, {}))
    journal(again, "over")
    again.close()
    rig.daemon(lambda _: not list(rig.spool.iterdir()))
    assert server.ids == [["over"]]


def test_segments_of_one_millisecond_are_in_their_order(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a sealed segment knows of a run never hides it in the one that took it over, whatever their ids."""
    ids = iter(["ffffffff-0000-7000-8000-000000000000", "00000000-0000-7000-8000-000000000000"])
    monkeypatch.setattr("tcc_recorder.spool.segment.new_id", lambda: next(ids, "eeeeeeee-0000-7000-8000-000000000000"))
    first, second = (Writer(0o600, writer_config({"spool_dir": str(rig.spool)}, {})) for _ in range(2))
    for writer in (first, second):
        journal(writer, "open", "s1")
    end(first, "pending")
    first.seal(0)
    for writer in (first, second):
        writer.close()
    server.behaviour = lambda request: Reply(503 if request.ids == ["pending"] else 200)
    rig.daemon(lambda _: ["open", "s1"] in server.ids)


def test_a_process_killed_while_it_took_a_run_over_loses_no_child(
    rig: Rig, server: FaultServer, writer: Writer
) -> None:
    """If the next segment has only a part of the journal yet, the one before tells the run whole, and once."""
    journal(writer, "open", "s1", "s2")
    later = Writer(0o600, writer_config({"spool_dir": str(rig.spool)}, {}))
    journal(later, "open", "s1")
    for segment in (writer, later):
        segment.close()
    rig.daemon(lambda _: not list(rig.spool.iterdir()))
    assert server.ids == [["open", "s1", "s2"]]


def test_a_process_that_went_on_to_another_segment_while_we_looked_is_recovered_once(
    rig: Rig, server: FaultServer, writer: Writer
) -> None:
    """A segment that its writer made between our scan and its death is read before what it may tell is decided."""
    journal(writer, "open", "s1")

    def goes_on_and_dies(segment: Segment) -> bool:
        if len(list(rig.spool.iterdir())) == 1:
            later = Writer(0o600, writer_config({"spool_dir": str(rig.spool)}, {}))
            journal(later, "open", "s1", "s2")
            for one in (writer, later):
                one.close()
        return writer_is_gone(segment)

    rig.once(is_gone=goes_on_and_dies)
    assert server.ids == [["open", "s1", "s2"]]
    assert (rig.counts().recovered, rig.counts().dead) == (1, 0)


def test_nothing_is_recovered_while_files_are_unread(rig: Rig, server: FaultServer, writer: Writer) -> None:
    """However often the daemon scans meanwhile: a file that is read later may tell more of the same run."""
    journal(writer, "open", "s1")
    later = Writer(0o600, writer_config({"spool_dir": str(rig.spool)}, {}))
    journal(later, "open", "s1", "s2")
    for name, one in (("a.jsonl", writer), ("c.jsonl", later)):
        Path(one.path).rename(rig.spool / name)
        one.close()
    (rig.spool / "b.jsonl").write_text("\n".join(json.dumps(run_item(f"r{number}")) for number in range(5)))
    limits = Limits(rescan=0.0, read_ahead=1)
    rig.daemon(lambda _: [file.name for file in rig.spool.iterdir()] == ["b.jsonl"], limits=limits)
    assert [ids for ids in server.ids if "open" in ids] == [["open", "s1", "s2"]]
    assert not rig.letters()


def test_a_crash_between_recovery_and_commit_sends_the_same_bytes(
    rig: Rig, writer: Writer, server: FaultServer
) -> None:
    """If the uploader dies after it sent a recovered run, the next one sends the same request: the named window."""
    journal(writer, "open", "s1")
    writer.close()
    with rig.ledger():
        pass
    before = shutil.copytree(rig.state, rig.state.parent / "before")
    rig.once(is_gone=writer_is_gone)
    shutil.rmtree(rig.state)
    before.rename(rig.state)
    rig.once(is_gone=writer_is_gone)
    first, second = server.requests
    assert (first.body, first.headers["idempotency-key"]) == (second.body, second.headers["idempotency-key"])
    assert rig.once(is_gone=writer_is_gone).sent.delivered == 0


def test_a_journal_torn_anywhere_gives_what_is_whole(rig: Rig, writer: Writer, server: FaultServer) -> None:
    """Cut at every byte, the journal gives the run with the children whose lines are whole, or no run."""
    journal(writer, "open", "s1", "s2")
    writer.close()
    whole = Path(writer.path).read_bytes()
    Path(writer.path).unlink()
    for cut in range(0, len(whole) + 1, 7):
        file = rig.state.parent / f"{cut}.jsonl"
        file.write_bytes(whole[:cut])
        shutil.rmtree(rig.state, ignore_errors=True)
        server.clear()
        rig.once(files=[file], is_gone=lambda _: True)
        lines = whole[:cut].count(b"\n")
        expected = [["open", "s1", "s2"][: lines - 1]] if lines > 1 else []
        assert server.ids == expected, cut


LONG_AGENT = """
import os, signal
import tcc_recorder as tcc
from tcc_recorder.spool import writer
writer.SEGMENT_BYTES = 20_000
tcc.configure(journal=True)
r = tcc.run("long").prompt("p")
for number in range(60):
    r.step(f"s{number:02}").prompt("x" * 1000).response("r").end()
    tcc.run(f"short-{number:02}").prompt("y" * 500).end()
if os.fork() == 0:
    child = tcc.run("of the child").prompt("p")
    os.write(1, b"ready\\n")
    signal.pause()
signal.pause()
"""


def test_a_run_longer_than_a_segment_is_recovered_whole_also_beside_a_fork(world: World) -> None:
    """Segments that follow take the journal of open runs over; a forked child has a journal of its own."""
    agent = world.agent(LONG_AGENT)
    assert agent.stdout is not None
    assert agent.stdout.readline() == "ready\n"
    assert len(list(world.spool.iterdir())) > 3
    daemon = world.daemon()
    wait_until(lambda: world.received({f"short-{number:02}" for number in range(60)}), "the short runs")
    assert not world.received({"long"})
    assert stop(daemon) == 0
    os.killpg(agent.pid, signal.SIGKILL)
    agent.communicate()
    daemon = world.daemon()
    wait_until(lambda: not list(world.spool.iterdir()), "an empty spool")
    assert stop(daemon) == 0
    found = bodies(world)
    assert sorted(ident for ident, item in found.items() if item["type"] == "step") == [f"s{n:02}" for n in range(60)]
    assert found["long"]["status_message"] == DIED
    assert found["of the child"]["status_message"] == DIED
    assert world.upload("verify").returncode == 0
