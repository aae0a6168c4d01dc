"""``replay`` of some runs: they are sent whole; what is left out stays pending, and so does its file."""

import subprocess
from pathlib import Path

import pytest

from support.faults import FaultServer, Reply, SegmentFile, always
from support.rigging import Rig, refused_record
from support.shell import COMMAND, Shell
from tcc_schemas.lines import encode
from tcc_uploader.model.letter import LetterRequest
from tcc_uploader.model.selection import Selection

S = Selection(sessions=["s"])


def sent(server: FaultServer) -> list[str]:
    """Return the ids of everything that the server got, sorted."""
    return sorted(ident for ids in server.ids for ident in ids)


def test_a_session_is_sent_whole_and_the_rest_later(shell: Shell, server: FaultServer) -> None:
    """Late records follow their run from other files; leaving out on purpose is no failure; nothing is sent twice."""
    SegmentFile().run("a", session_id="s").run("b").feedback("b").seal().write(shell.spool)
    SegmentFile().step("a", "late").step("b", "later").seal().write(shell.spool)
    assert "5 records: 2 delivered, 0 duplicate, 0 dead, 3 pending\n" in shell.run("replay", "--session", "s")
    assert "3 records of 1 run left out by --session: they stay pending; run it again without that" in shell.printed
    assert sent(server) == ["a", "late"]
    told = shell.json("replay", "--session", "s")
    assert (told["left_out"], told["runs_left_out"], told["pending"], told["delivered"]) == (3, 1, 3, 2)
    assert shell.status()["counts"]["pending"] == 3
    shell.run("verify")
    shell.run("replay")
    assert sent(server) == ["a", "b", "b", "late", "later"]
    shell.run("verify")


def test_a_file_with_something_left_out_is_never_removed(shell: Shell, server: FaultServer) -> None:
    """``--remove`` takes the files of which every record is settled, as always."""
    whole = SegmentFile().run("a", session_id="s").seal().write(shell.spool)
    both = SegmentFile().run("b", session_id="s").run("c").seal().write(shell.spool)
    shell.run("replay", "--remove", "--session", "s")
    assert (whole.exists(), both.exists()) == (False, True)
    shell.run("replay", "--remove")
    assert not both.exists()
    assert sent(server) == ["a", "b", "c"]


def test_the_newest_runs_are_those_that_began_last_wherever_they_lie(
    shell: Shell, server: FaultServer, tmp_path: Path
) -> None:
    """``-n`` counts over all that the command was given, archives included; time and status narrow it first."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    SegmentFile().run("old", start_time="2026-01-01T00:00:00Z").run("new", start_time="2026-01-09T00:00:00Z").write(
        inside
    )
    outside.mkdir()
    shell.run("bundle", inside, "-o", outside / "some.zip")
    middle = SegmentFile().step("middle", "child").run("middle", start_time="2026-01-05T00:00:00Z", status_code=2)
    middle.write(outside)
    shell.run("replay", outside, "-n", "1")
    assert sent(server) == ["new"]
    shell.run("replay", outside, "--limit", "1", "--until", "2026-01-08")
    assert sent(server) == ["child", "middle", "new"]
    shell.run("replay", outside, "--since", "2026-01-08", "--status", "success")
    assert "1 record of 1 run left out by --status, --since: they stay pending" in shell.printed
    shell.run("replay", outside)
    assert sent(server) == ["child", "middle", "new", "old"]


def test_a_choice_that_finds_nothing_says_so(shell: Shell, server: FaultServer) -> None:
    """A mistyped session ends with 66, in a dry run, too, unless pending records are no failure at all."""
    SegmentFile().run("a", session_id="s").write(shell.spool)
    shell.run("replay", "--session", "S", code=66)
    assert "nothing here is chosen by --session" in shell.printed
    shell.run("replay", "--session", "S", "--dry-run", code=66)
    shell.run("replay", "--session", "S", "--fail-on", "dead")
    assert not server.requests


def test_what_is_chosen_and_pending_is_still_a_failure(shell: Shell, server: FaultServer) -> None:
    """What was left out hides no outage."""
    SegmentFile().run("a", session_id="s").run("b").write(shell.spool)
    server.behaviour = always(Reply(503))
    shell.run("replay", "--session", "s", "--timeout", "0.3", code=75)


def test_a_dry_run_counts_what_is_chosen(shell: Shell) -> None:
    """It says what the same command would send."""
    SegmentFile().run("a", session_id="s").run("b").write(shell.spool)
    told = shell.run("replay", "--dry-run", "--session", "s")
    assert "2 records: 0 delivered before, 0 duplicate, 0 dead, 1 would be sent\n" in told
    assert "1 record of 1 run left out by --session" in shell.printed
    assert shell.json("replay", "--dry-run", "--session", "s")["left_out"] == 1


@pytest.mark.parametrize("options", [("--session", "s"), ("-n", "1"), ("--since", "1h")])
def test_standard_input_can_be_looked_at_only_once(options: tuple[str, ...], shell: Shell, server: FaultServer) -> None:
    """To choose runs takes two looks: the command says what to do, and has sent nothing."""
    command = [COMMAND, "replay", "-", *options]
    done = subprocess.run(
        command, env=shell.environment, input=SegmentFile().run("a").data, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert b"save it to a file" in done.stderr
    assert not server.requests


def test_no_letter_is_made_of_what_is_left_out(rig: Rig, server: FaultServer) -> None:
    """Neither of a path that can be no endpoint, nor of a line that is no record."""
    SegmentFile().record("run", "c", b"{}", path="/nowhere").write(rig.spool)
    (rig.spool / "plain.jsonl").write_bytes(b'{"runId":"r1","score":"thumbs_up"}\nno record\n')
    result = rig.once(selection=S)
    assert (rig.letters(), result.counts.dead, result.counts.pending, result.left_out) == ([], 0, 3, 3)
    rig.once()
    assert sorted(letter.reason for letter in rig.letters()) == ["invalid", "refused_path"]


def test_a_conflict_that_is_left_out_stays_pending(rig: Rig, server: FaultServer) -> None:
    """Its letter is made when it is chosen, or when everything is."""
    SegmentFile().run("a").write(rig.spool)
    rig.once()
    SegmentFile().run("a", response="other").write(rig.spool)
    result = rig.once(selection=S)
    assert (rig.letters(), result.counts.pending, result.left_out) == ([], 1, 1)
    assert rig.once().counts.dead == 1


def test_a_run_that_is_recovered_is_chosen_like_any_other(rig: Rig, server: FaultServer) -> None:
    """Left out, it keeps its file; its process has died, so it failed."""
    body = b'{"type":"run","run_id":"%b","start_time":"2026-01-31T12:30:00Z","session_id":"%b"}'
    segment = SegmentFile().run("ended", session_id="s")
    for run_id, session in ((b"open", b"s"), (b"other", b"t")):
        ident = run_id.decode()
        segment.raw(encode("journal", ident, body % (run_id, session), at="2026-01-31T12:00:00.000Z", run_id=ident))
    path = segment.write(rig.spool)
    result = rig.once(selection=S, removes=True)
    assert sent(server) == ["ended", "open"]
    assert (result.left_out, result.counts.recovered, path.exists()) == (1, 2, True)
    rig.once(selection=Selection(limit=1, statuses=["error"]), removes=True)
    assert sent(server) == ["ended", "open", "other"]
    assert not path.exists()


def test_a_letter_of_another_run_stays_requeued(rig: Rig, server: FaultServer) -> None:
    """An operator wanted it sent, but not by this command."""
    rig.folder.ask(LetterRequest(action="requeue", letter=refused_record(rig, server)))
    before = len(server.requests)
    rig.once(selection=S)
    assert len(server.requests) == before
    rig.once()
    assert len(server.requests) == before + 1
    assert not rig.letters()
