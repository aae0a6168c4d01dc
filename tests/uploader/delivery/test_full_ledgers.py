"""A ledger that can't be written: what the server has taken is not told as delivered before that is noted."""

import pytest

from support.faults import FaultServer, Reply, SegmentFile
from support.rigging import Rig, refused_record
from tcc_uploader.cli import one_shot
from tcc_uploader.cli.exit_codes import Exit, exit_of_replay
from tcc_uploader.cli.text import result_hints
from tcc_uploader.dead.store import LetterFolder
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.model.ledger import Unavailable
from tcc_uploader.model.letter import LetterRequest
from tcc_uploader.model.rows import Changes

_commit = SqliteLedger.commit


def full(self: SqliteLedger, changes: Changes) -> None:
    """Commit what needs no room: nothing that was delivered."""
    if changes.delivered or changes.letters:
        raise Unavailable("database or disk is full")
    _commit(self, changes)


def test_what_could_not_be_noted_is_pending_and_is_sent_again(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts, exit code and words say so; with room again, the same replay delivers it."""
    server.behaviour = lambda request: Reply(422 if "bad" in request.ids else 200)
    SegmentFile().run("r1").run("bad").run("r2").seal().write(rig.spool)
    with monkeypatch.context() as planted:
        planted.setattr(SqliteLedger, "commit", full)
        result = rig.once(timeout=1)
    assert (result.counts.delivered, result.counts.dead, result.counts.pending) == (0, 0, 3)
    assert (result.sent.delivered, result.uncommitted) == (0, 2)
    assert exit_of_replay(result) is exit_of_replay(result, "never") is Exit.PENDING
    told = "\n".join(result_hints(result, rig.settings()))
    assert "2 records reached the server, but could not be noted in the ledger: pending, and sent again" in told
    assert "make room on its disk" in told
    result = rig.once()
    assert (result.counts.delivered, result.counts.dead, result.uncommitted) == (2, 1, 0)
    assert result.sent.delivered == 2


def test_a_letter_that_could_not_be_dropped_is_not_told_as_dropped(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command ends with 75, and what was asked for is done later."""
    ident = refused_record(rig, server)
    folder = LetterFolder(rig.state)
    folder.ask(LetterRequest(action="drop", letter=ident))
    with monkeypatch.context() as planted:
        planted.setattr(SqliteLedger, "commit", full)
        result = rig.once(timeout=1)
    monkeypatch.setattr(one_shot, "deliver_once", lambda *_, **__: result)
    with pytest.raises(SystemExit) as ended:
        one_shot.carry_out_requests(rig.settings(), [])
    assert ended.value.code == Exit.PENDING
    assert rig.letters()
    rig.once()
    assert not rig.letters()
