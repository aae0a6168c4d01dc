"""Dead letters and the requests to send or drop them: files that can't be removed, requests that are none."""

import logging
import os
import re
from pathlib import Path
from typing import Any

import pytest

from support.faults import FaultServer, Reply, SegmentFile
from support.rigging import Rig, refused_record
from tcc_uploader.dead.store import REQUESTS, LetterFolder
from tcc_uploader.model.letter import LetterRequest


@pytest.mark.parametrize("folder", ["dead", "requests"])
def test_a_file_that_can_t_be_removed_changes_no_count_twice(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch, folder: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The ledger has what an operator asked for, once; the letter or request that stays is told of, once."""
    ident = refused_record(rig, server)
    LetterFolder(rig.state).ask(LetterRequest(action="drop", letter=ident))
    unlink = Path.unlink

    def refuse(path: Path, **options: bool) -> None:
        if path.parent.name == folder:
            raise PermissionError(13, "denied", str(path))
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", refuse)
    began = rig.time.now
    with caplog.at_level(logging.WARNING):
        rig.daemon(lambda _: rig.time.now > began + 30, removes=False)
    counts = rig.counts()
    assert (counts.records, counts.dead, counts.dropped, counts.pending) == (1, 0, 1, 0)
    assert caplog.text.count("can't be removed") == 1
    assert "can't write" not in caplog.text
    assert "there is no letter" not in caplog.text


def test_a_letter_whose_request_can_t_be_removed_is_sent_again_all_the_same(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked for is done, once, though the request stays."""
    ident = refused_record(rig, server)
    server.clear()
    LetterFolder(rig.state).ask(LetterRequest(action="requeue", letter=ident))
    request = rig.state / REQUESTS / f"{ident}.json"
    unlink = Path.unlink

    def refuse(path: Path, **options: bool) -> None:
        if path == request:
            raise PermissionError(13, "denied", str(path))
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", refuse)
    began = rig.time.now
    rig.daemon(lambda _: rig.time.now > began + 30, removes=False)
    assert server.ids == [["z"]]


def test_a_request_that_can_t_be_removed_keeps_no_later_one_from_being_carried_out(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A letter that is refused again is sent again only if that is asked for once more; then it is dropped."""
    ident = refused_record(rig, server)
    server.clear()
    server.behaviour = lambda request: Reply(422) if request.ids == ["z"] else Reply()
    unlink = Path.unlink

    def refuse(path: Path, **options: bool) -> None:
        if path == rig.state / REQUESTS / f"{ident}.json":
            raise PermissionError(13, "denied", str(path))
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", refuse)
    steps = ["requeue", "a delivery", "requeue", "a delivery", "drop", "end"]
    began = rig.time.now

    def act(_: object) -> bool:
        if rig.time.now >= began + 100 * (6 - len(steps)):
            step = steps.pop(0)
            if step == "a delivery":  # the server accepts other records, so the refused one is dead
                SegmentFile(f"s{len(steps)}").run(f"r{len(steps)}").write(rig.spool)
            elif step != "end":
                (letter,) = rig.letters()
                request = {"action": step, "letter": ident, "letter_json": letter.model_dump_json()}
                LetterFolder(rig.state).ask(LetterRequest.model_validate(request))
        return not steps

    rig.daemon(act, removes=False)
    assert server.ids.count(["z"]) == 2
    assert rig.counts().dropped == 1


def test_a_folder_of_letters_that_can_t_be_read_drops_none(
    rig: Rig, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not to see a letter is not to know that it is gone: the uploader says so, and starts when it may look again."""
    refused_record(rig, server)
    listed = os.listdir

    def refuse(path: Any = ".") -> list[str]:
        if Path(path).name == "dead":
            raise PermissionError(13, "denied", str(path))
        return listed(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", refuse)
        with pytest.raises(PermissionError):
            rig.once()
    rig.once()
    assert len(rig.letters()) == 1
    assert rig.counts().dropped == 0


def test_a_letter_whose_body_is_damaged_ends_nobody(rig: Rig, server: FaultServer) -> None:
    """A flipped bit in a requeued letter is told, and the rest is delivered."""
    ident = refused_record(rig, server)
    LetterFolder(rig.state).ask(LetterRequest(action="requeue", letter=ident))
    rig.once(timeout=0.0, api_keys=())
    file = rig.state / "dead" / f"{ident}.json"
    file.write_text(re.sub('("body": *").', r"\1", file.read_text()))
    SegmentFile("b").run("good").write(rig.spool)
    assert rig.once().counts.delivered >= 1
    assert ["good"] in server.ids


def test_a_letter_that_is_refused_again_tells_of_the_file_it_came_from(rig: Rig, server: FaultServer) -> None:
    """Not of itself."""
    ident = refused_record(rig, server)
    (before,) = rig.letters()
    server.behaviour = lambda _: Reply(422)
    LetterFolder(rig.state).ask(LetterRequest(action="requeue", letter=ident))
    rig.once(give_up=True)
    (after,) = rig.letters()
    assert after.source == before.source
    assert after.died_at > before.died_at


def test_a_request_whose_letter_is_none_is_left_alone(
    rig: Rig, server: FaultServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends no uploader, now or at the next start, and costs no letter."""
    ident = refused_record(rig, server)
    folder = rig.state / REQUESTS
    folder.mkdir()
    (folder / "x.json").write_text(f'{{"action":"requeue","letter":"{ident}","letter_json":"{{}}"}}')
    assert rig.once(give_up=True).counts.dead == 1
    assert "x.json is not a valid request" in caplog.text
    assert [letter.id for letter in rig.letters()] == [ident]


@pytest.mark.parametrize(("member", "value"), [("type", "text/html\\r\\nX: y"), ("encoding", "br")])
def test_a_letter_with_a_header_that_no_line_can_have_is_none(
    rig: Rig, server: FaultServer, member: str, value: str
) -> None:
    """What somebody wrote into a letter becomes no header, and pauses no destination."""
    ident = refused_record(rig, server)
    file = rig.state / "dead" / f"{ident}.json"
    file.write_text(file.read_text().replace(f'"{member}": null', f'"{member}": "{value}"'))
    assert value in file.read_text()
    with pytest.raises(ValueError, match=member):
        rig.folder.read(ident)
