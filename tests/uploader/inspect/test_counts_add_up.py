"""``verify``: what is damage, what does not add up, and what explains it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from support.faults import FaultServer, Reply, SegmentFile, always, ok, run_item
from support.rigging import Rig
from support.shell import Shell
from support.worlds import wait_until
from tcc_uploader.inspect.status import status_report
from tcc_uploader.inspect.verify import SegmentCheck, verify_spools
from tcc_uploader.sources.given import Sources


def test_verify_adds_up_before_and_after_a_delivery(shell: Shell) -> None:
    """What is pending, delivered and duplicate is counted from files and keys, also once the files are gone."""
    SegmentFile().run("r1").run("r2").seal().write(shell.spool)
    SegmentFile().run("r1").seal(refused=3).write(shell.spool)
    assert "3 records = 0 delivered + 2 pending + 0 dead + 1 duplicate + 0 dropped" in shell.run("verify")
    with shell.daemon():
        wait_until(lambda: not list(shell.spool.iterdir()), "an empty spool")
    report = shell.run("verify")
    assert "3 records = 2 delivered + 0 pending + 0 dead + 1 duplicate + 0 dropped" in report
    assert "3 more were refused by recorders" in report
    assert "2 segments, 2 of them sealed: it adds up" in report


def test_verify_counts_lines_of_unknown_kinds(shell: Shell) -> None:
    """A later recorder's lines that ask for no delivery are told of: nothing is passed over in silence."""
    SegmentFile().run("r1").record("note", "n1", {"a": 1}, path=None).seal().write(shell.spool)
    assert "1 line of a kind that only a newer version knows" in shell.run("verify")


def test_verify_names_damage(shell: Shell) -> None:
    """A corrupt line, a torn tail and their places are told, and the exit code is 65."""
    whole = SegmentFile().run("r1").run("r2").run("r3").data
    broken = bytearray(whole)
    broken[whole.index(b'"r2"') + 1] ^= 1
    (shell.spool / "a.jsonl").parent.mkdir(exist_ok=True)
    (shell.spool / "a.jsonl").write_bytes(bytes(broken) + b'{"v":1,"crc"')
    report = shell.run("verify", code=65)
    assert "line 3: corrupt" in report
    assert "torn tail of 12 bytes" in report
    assert "2 records = 0 delivered + 2 pending" in report


def test_verify_breaks_when_a_line_was_taken_out(shell: Shell) -> None:
    """The seal is a witness: a record that is missing without a trace does not add up."""
    segment = SegmentFile().run("r1").run("r2").seal()
    del segment.lines[1]
    segment.write(shell.spool)
    assert "the seal counts 2 records, 1 are here" in shell.run("verify", code=70)


def test_verify_breaks_when_a_segment_is_cut_short_or_missing(shell: Shell, server: FaultServer) -> None:
    """Records that the ledger has counted, and that can't be found any more, do not add up."""
    segment = SegmentFile().run("r1").run("r2")
    path = segment.write(shell.spool)
    server.behaviour = always(Reply(503))
    shell.run("replay", "--timeout", "0", code=75)
    path.write_bytes(b"".join(segment.lines[:2]))
    assert "cut short: 2 records were read here before" in shell.run("verify", code=70)
    path.unlink()
    assert "missing: it has gone with 2 pending records" in shell.run("verify", code=70)


def test_verify_breaks_when_the_ledger_was_tampered_with(shell: Shell) -> None:
    """A key that is not in the ledger any more contradicts the row of its segment."""
    SegmentFile().run("r1").run("r2").seal().write(shell.spool)
    with shell.daemon():
        wait_until(lambda: not list(shell.spool.iterdir()), "an empty spool")
    with sqlite3.connect(shell.state / "ledger.sqlite3") as database:
        database.execute("DELETE FROM delivered WHERE line = 2")
    database.close()
    assert "does NOT add up" in shell.run("verify", code=70)


def test_verify_of_paths_looks_at_nothing_else(shell: Shell, tmp_path: Path) -> None:
    """Given a file, only that file is checked."""
    SegmentFile().run("r1").seal().write(shell.spool)
    other = SegmentFile().run("r2").run("r3").seal().write(tmp_path / "else")
    assert shell.json("verify", other)["totals"]["records"] == 2  # type: ignore[index]


def test_verify_names_a_file_that_holds_no_json(shell: Shell) -> None:
    """As replay and status do: what can't be read is never passed over in silence."""
    path = SegmentFile().run("r1").seal().write(shell.spool).with_name("secret.jsonl")
    path.write_bytes(b"\0\1 encrypted")
    assert f"damage   {path} can't be read: no JSON in any of its lines" in shell.run("verify", code=65)


def checked(rig: Rig) -> SegmentCheck:
    """Check the spool, and return what was found in its one segment."""
    with rig.ledger() as ledger:
        [check] = verify_spools(Sources([rig.spool]), ledger, whole=True).segments
    return check


def change(rig: Rig, statement: str) -> None:
    """Change the ledger behind the uploader's back."""
    with closing(sqlite3.connect(rig.state / "ledger.sqlite3")) as database, database:
        assert database.execute(statement).rowcount == 1


def test_a_copy_that_was_cut_short_is_damage(rig: Rig) -> None:
    """Only the file that was read before must still hold all its records; a copy may have been made halfway."""
    segment = SegmentFile().run("r1").run("r2")
    path = segment.write(rig.spool)
    rig.once()
    path.rename(rig.spool / "copy.jsonl").write_bytes(b"".join(segment.lines[:2]))
    check = checked(rig)
    assert check.damage == ["cut short: it should have 2 records"]
    assert check.broken == []


def test_a_file_that_stays_contradicts_keys_that_are_gone(rig: Rig) -> None:
    """A delivered file that was kept as it is must count what its row counts."""
    SegmentFile().run("r1").run("r2").seal().write(rig.spool)
    rig.once()
    assert checked(rig).broken == []
    change(rig, "DELETE FROM delivered WHERE line = 2")
    assert "the ledger's keys say" in checked(rig).broken[0]


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE segments SET delivered = 1", "finished with 1 pending record"),
        ("UPDATE segments SET sealed = 1", "the seal counts 1 record, 2 were read"),
    ],
)
def test_the_row_of_a_segment_that_is_gone_must_add_up(rig: Rig, statement: str, finding: str) -> None:
    """Without the file, its row is held against its seal's count and the keys, and each contradiction is named."""
    path = SegmentFile().run("r1").run("r2").seal().write(rig.spool)
    rig.daemon(lambda _: not path.exists())
    assert checked(rig).broken == []
    change(rig, statement)
    check = checked(rig)
    assert any(finding in text for text in check.broken)
    assert check.damage == []


@pytest.mark.parametrize(
    ("changed", "broken"),
    [
        ("UPDATE segments SET delivered = 1, duplicate = 1", False),
        ("UPDATE segments SET delivered = 1, records = 1, sealed = NULL", True),
    ],
)
def test_a_duplicate_of_which_an_item_was_sent_before_adds_up(rig: Rig, changed: str, broken: bool) -> None:
    """A run was sent in part, then a copy of it whole: the item has a key of the first one's place."""
    path = SegmentFile().run("r1").run("r2").seal().write(rig.spool)
    rig.daemon(lambda _: not path.exists())
    change(rig, changed)
    assert bool(checked(rig).broken) is broken


def test_what_is_explained_by_a_damaged_line_is_damage(rig: Rig) -> None:
    """A record that the seal counts, and that lies in a damaged line, is not missing without a reason."""
    path = SegmentFile().run("r1").run("r2").seal().write(rig.spool)
    path.write_bytes(path.read_bytes().replace(b'"r2"', b'"r3"', 1))
    check = checked(rig)
    assert "the seal counts 2 records, 1 are here" in check.damage
    assert check.broken == []


def test_a_plain_file_that_grew_during_an_outage_is_not_missing(rig: Rig, server: FaultServer) -> None:
    """The next uploader takes it for another file, which has the old records, too: each is counted once."""
    lines = [json.dumps(run_item(ident)).encode() + b"\n" for ident in ("r1", "r2")]
    path = rig.spool / "mine.jsonl"
    path.write_bytes(lines[0])
    server.behaviour = always(Reply(503))
    start = rig.time.now
    rig.daemon(lambda _: rig.time.now > start + 20)
    path.write_bytes(b"".join(lines))
    server.behaviour = ok
    rig.once()
    assert (checked(rig).records, checked(rig).broken) == (2, [])
    with rig.ledger() as ledger:
        report = status_report(rig.settings(), ledger, own=True)
    assert (report.counts["records"], report.not_in_sight) == (2, 0)
    path.write_bytes(lines[1])
    with rig.ledger() as ledger:
        checks = verify_spools(Sources([rig.spool]), ledger, whole=True).segments
    assert ["missing: it has gone with 1 pending record"] in [check.broken for check in checks]
