"""Copies of a segment in which a record has other bytes: what is known of the one must not hide or harm the other."""

import shutil
from pathlib import Path

import orjson
import pytest

from support.faults import FaultServer, Reply, SegmentFile, always
from support.rigging import Rig
from tcc_schemas.endpoints import key_hint
from tcc_uploader.inspect.verify import verify_spools
from tcc_uploader.model.letter import LetterRequest
from tcc_uploader.sources.given import Sources


def altered(folder: Path, *, response: str = "b") -> Path:
    """Write a segment with one run; segments with other responses are copies of it with other bytes."""
    SegmentFile("same").run("r1", response=response).seal().write(folder, "20260131t120000z-0.jsonl")
    return folder


def test_two_dead_records_on_one_line_are_two_letters(rig: Rig, server: FaultServer, tmp_path: Path) -> None:
    """The letter of a conflict does not take the place of the letter of the record that died first."""
    altered(rig.spool, response="a")
    server.behaviour = lambda request: Reply(422) if request.ids == ["r1"] else Reply()
    SegmentFile().run("r2").write(rig.spool)
    rig.once()
    rig.once(spools=(altered(tmp_path / "copy", response="bb"),))
    assert {letter.reason for letter in rig.letters()} == {"refused", "conflict"}
    server.behaviour = always(Reply())
    for letter in rig.letters():
        rig.folder.ask(LetterRequest(action="requeue", letter=letter.id))
    server.clear()
    rig.once()
    assert {request.json["response"] for request in server.requests} == {"a", "bb"}


def test_a_copy_of_the_same_size_is_read_although_its_segment_is_finished(rig: Rig, tmp_path: Path) -> None:
    """Segment, size and place are equal, and yet its bytes may be others: here they are a conflict."""
    altered(rig.spool, response="a")
    rig.once()
    assert rig.once(spools=(altered(tmp_path / "copy"),)).counts.dead == 1
    assert [letter.reason for letter in rig.letters()] == ["conflict"]


def test_a_lost_ledger_does_not_let_one_record_take_the_letter_of_another(
    rig: Rig, server: FaultServer, tmp_path: Path
) -> None:
    """The letter stays, though the copy with other bytes on its line is delivered, and its own file is gone."""
    server.behaviour = lambda request: Reply(422) if request.ids == ["r1"] else Reply()
    SegmentFile().run("r2").write(altered(rig.spool, response="a"))
    rig.once()
    for path in (rig.state / "ledger.sqlite3", *rig.spool.iterdir()):
        path.unlink()
    server.behaviour = always(Reply())
    copy = altered(tmp_path / "copy")
    for _ in range(2):
        assert rig.once(spools=(copy,)).counts.delivered == 1
        (letter,) = rig.letters()
        assert orjson.loads(letter.body_bytes)["response"] == "a"


@pytest.mark.parametrize("sources", [["spool", "copy"], ["copy"]], ids=["both read", "only the copy read"])
def test_the_counts_of_a_segment_may_be_those_of_its_copy(rig: Rig, tmp_path: Path, sources: list[str]) -> None:
    """Only the record with two bodies may be counted otherwise; that is told, and breaks nothing."""
    altered(rig.spool, response="a")
    altered(tmp_path / "copy")
    for source in sources:
        rig.once(spools=(tmp_path / source,))
    for present in (True, False):
        with rig.ledger() as ledger:
            result = verify_spools(Sources([rig.spool]), ledger, whole=True)
        (check,) = result.segments
        assert (check.present, check.broken, len(check.damage)) == (present, [], 1)
        rig.once()
        rig.once(spools=(tmp_path / sources[0],))  # counts the record as delivered, in spite of the letter
        shutil.rmtree(rig.spool, ignore_errors=True)


def test_a_conflict_that_is_read_twice_at_once_is_one_letter(rig: Rig) -> None:
    """The second copy of its bytes is a duplicate, also before the first one's letter is committed."""
    altered(rig.spool, response="a")
    rig.once()
    SegmentFile().run("r1", response="b").run("r1", response="b").seal().write(rig.spool)
    assert (rig.once().counts.dead, len(rig.letters())) == (1, 1)


def test_two_projects_records_on_one_line_are_two_letters(rig: Rig, tmp_path: Path) -> None:
    """A damaged line end moves a record of another key, but with equal bytes, to the line of the first."""
    keys = "tcc_ours", "tcc_theirs"
    SegmentFile().run("r1", key_hint=key_hint(keys[0])).run("r1", key_hint=key_hint(keys[1])).write(rig.spool)
    rig.once(api_keys=keys)
    for key in keys:
        SegmentFile("same").run("r1", response="b", key_hint=key_hint(key)).write(tmp_path / key)
        rig.once(api_keys=keys, spools=(tmp_path / key,))
    assert {letter.key for letter in rig.letters()} == set(map(key_hint, keys))
