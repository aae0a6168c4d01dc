"""Letters and ledger agree again after a kill, a lost ledger, or a file that somebody took away."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.faults import FaultServer, Reply, Request, SegmentFile, always, step_item
from support.rigging import Rig
from support.shell import Shell
from tcc_schemas.endpoints import key_hint
from tcc_uploader.dead.store import LetterFolder
from tcc_uploader.inspect.verify import verify_spools
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.model.letter import LetterRequest
from tcc_uploader.sources.given import Sources

KILLED = """
import os, signal
from tcc_uploader.ledger.sqlite import SqliteLedger
commit = SqliteLedger.commit
def killed(self, changes):
    if changes.letters:
        os.kill(os.getpid(), signal.SIGKILL)
    commit(self, changes)
SqliteLedger.commit = killed
from tcc_uploader.cli.main import run
run()
"""


def killed_before_its_commit(shell: Shell) -> None:
    """Let a replay die after it has written a letter, before the ledger knows."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, "replay", "--give-up"], env=shell.environment, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL


def ledger_lost(shell: Shell) -> None:
    """Make a letter, and lose the ledger."""
    shell.run("replay", "--give-up", code=65)
    (shell.state / "ledger.sqlite3").unlink()


@pytest.mark.parametrize("lose", [killed_before_its_commit, ledger_lost])
@pytest.mark.parametrize("status", [200, 451])
def test_a_letter_that_the_ledger_does_not_know_is_judged_anew_from_its_segment(
    shell: Shell, server: FaultServer, lose: object, status: int
) -> None:
    """Accepted now, its letter goes; refused again, there is one letter.  The counts add up, and nothing goes twice."""
    SegmentFile().run("r1").run("r2").seal().write(shell.spool)
    server.behaviour = lambda request: Reply(451) if request.ids == ["r1"] else Reply()
    lose(shell)  # type: ignore[operator]
    assert len(list((shell.state / "dead").iterdir())) == 1
    server.behaviour = always(Reply(status))
    shell.run("replay", "--give-up", code=0 if status == 200 else 65)
    listed = shell.run("dead", "list").splitlines()
    assert (listed == ["no dead letters"]) == (status == 200)
    expected = {(451, killed_before_its_commit): 1, (451, ledger_lost): 2}  # the ledger had r2 in it
    assert len(list((shell.state / "dead").iterdir())) == expected.get((status, lose), 0)
    shell.run("verify")


def test_a_letter_whose_segment_is_gone_is_kept_and_can_be_sent(shell: Shell, server: FaultServer) -> None:
    """After the loss of the ledger it is the only copy of its record: listed, requeued, delivered, counted."""
    path = SegmentFile().run("r1").seal().write(shell.spool)
    server.behaviour = always(Reply(451))
    ledger_lost(shell)
    path.unlink()
    server.behaviour = always(Reply())
    shell.run("replay")
    assert not server.requests[1:]
    assert "451" in shell.run("dead", "list")
    shell.run("verify")
    shell.run("dead", "requeue", "--all")
    assert server.ids == [["r1"], ["r1"]]
    assert shell.run("dead", "list") == "no dead letters\n"
    shell.run("verify")


def test_a_letter_without_its_file_counts_as_dropped(shell: Shell, server: FaultServer) -> None:
    """Somebody took it away: its record can't be sent any more, and the counts still add up."""
    SegmentFile().run("r1").seal().write(shell.spool)
    server.behaviour = always(Reply(451))
    shell.run("replay", "--give-up", code=65)
    (letter,) = (shell.state / "dead").iterdir()
    letter.unlink()
    shell.run("replay")
    assert "counts as dropped" in shell.printed
    assert shell.json("verify")["totals"]["dropped"] == 1  # type: ignore[index]


@pytest.mark.parametrize(("status", "dead"), [(422, 1), (200, 0)])
def test_a_requeued_part_of_a_run_keeps_the_digest_of_its_record(
    rig: Rig, server: FaultServer, status: int, dead: int
) -> None:
    """Refused again or taken: the byte-identical copy of its record is a duplicate, and no conflict."""
    segment = SegmentFile().run("r1", step_item("r1", "s1"), step_item("r1", "s2"))

    def against_steps(request: Request) -> Reply:
        return Reply(422) if "s1" in request.ids or "s2" in request.ids else Reply()

    server.behaviour = against_steps
    segment.write(rig.spool)
    rig.once(give_up=True)
    (letter,) = rig.letters()
    LetterFolder(rig.state).ask(LetterRequest(action="requeue", letter=letter.id))
    SegmentFile().raw(segment.lines[1]).write(rig.spool)
    server.behaviour = against_steps if status == 422 else always(Reply())
    outcome = rig.once(give_up=True)
    assert (outcome.counts.duplicate, outcome.counts.dead) == (1, dead)
    assert [letter.reason for letter in rig.letters()] == ["refused"] * dead


def test_another_project_s_run_of_the_same_name_is_sent_too(rig: Rig, server: FaultServer, tmp_path: Path) -> None:
    """Two key hints are two records; without a hint, the bytes are compared with both."""
    ours, theirs = "tcc_ours", "tcc_theirs"
    segment = SegmentFile().run("r1", key_hint=key_hint(ours)).run("r1", key_hint=key_hint(theirs), response="other")
    segment.run("r1", response="third").run("r1").seal().write(rig.spool)
    outcome = rig.once(api_keys=(ours, theirs))
    assert (outcome.counts.delivered, outcome.counts.duplicate, outcome.counts.dead) == (2, 1, 1)
    assert [request.key for request in server.requests] == [ours, theirs]
    assert [letter.reason for letter in rig.letters()] == ["conflict"]


def test_a_divided_run_of_another_project_is_sent_with_all_its_items(rig: Rig, server: FaultServer) -> None:
    """The items that one key has delivered are not those of the other key."""
    keys = "tcc_ours", "tcc_theirs"
    server.behaviour = lambda request: Reply(413) if len(request.ids) > 1 else Reply()
    for key in keys:
        SegmentFile().run("r1", step_item("r1", "s1"), key_hint=key_hint(key)).seal().write(rig.spool)
        rig.once(api_keys=keys)
        assert [request.ids for request in server.requests if request.key == key] == [["r1", "s1"], ["s1"], ["r1"]]


def test_a_letter_of_a_line_that_is_damaged_since_settles_no_other_record_of_the_file(
    rig: Rig, server: FaultServer
) -> None:
    """Its record is delivered from the letter; the record beside it in the file stays pending until it is delivered."""
    segment = SegmentFile().run("bad")
    path = segment.write(rig.spool)
    server.behaviour = always(Reply(422))
    rig.once(give_up=True)
    (letter,) = rig.letters()
    damaged = segment.data.replace(b'"bad"', b'"bax"', 1)
    path.write_bytes(damaged + segment.run("r2").lines[-1])
    LetterFolder(rig.state).ask(LetterRequest(action="requeue", letter=letter.id))
    server.behaviour = lambda request: Reply() if request.ids == ["bad"] else Reply(503)
    rig.once(timeout=5.0)
    assert rig.counts().pending == 1
    server.behaviour = always(Reply())
    rig.once()
    assert ["r2"] in server.ids


def test_a_requeued_copy_with_other_bytes_makes_nobody_forget_the_first_ones(
    rig: Rig, server: FaultServer, tmp_path: Path
) -> None:
    """Both were delivered: whichever file is read again, nothing is sent once more, and the counts add up."""
    SegmentFile("s").run("r1", response="one").seal().write(rig.spool)
    copy = SegmentFile("s").run("r1", response="two").write(tmp_path / "copy")
    rig.once()
    rig.once(files=[copy], spools=())
    (letter,) = rig.letters()
    assert letter.reason == "conflict"
    LetterFolder(rig.state).ask(LetterRequest(action="requeue", letter=letter.id))
    for _ in range(2):
        rig.once(files=[copy], spools=())
        rig.once()
    assert server.ids == [["r1"], ["r1"]]
    assert not rig.letters()
    with SqliteLedger.reading(rig.state) as ledger:
        assert not verify_spools(Sources([rig.spool]), ledger, whole=True).broken
