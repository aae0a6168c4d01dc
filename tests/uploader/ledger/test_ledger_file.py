"""The ledger on disk: all or nothing, readable beside its writer, never smaller than it was."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from tcc_uploader.ledger.rows import Changes, LetterRow, SegmentRow
from tcc_uploader.ledger.sqlite import Ledger
from tcc_uploader.ledger.store import LedgerError, TooNew, Unavailable
from tcc_uploader.model.fate import Counts, Known, Place

ROW = SegmentRow(1, "s1", "/spool/a.jsonl", 100, False, Counts(3, 1, 0, 1, 0), 0, 0, 0, None, 2, 1_790_000_000)  # noqa: FBT003 -- a row
LETTER = LetterRow("abc", b"k" * 16, 9, Place(1, 3), "dead", "refused")


def changes(
    delivered: Mapping[bytes, Known] | None = None, segments: Mapping[int, SegmentRow] | None = None
) -> Changes:
    """Return what one commit writes."""
    made = Changes(letters=[LETTER], segments=dict(segments or {1: ROW}))
    for key, known in ({b"d" * 16: Known(7, Place(1, 2))} if delivered is None else delivered).items():
        made.delivered.put(key, known.hint, known)
    return made


def test_what_is_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    """Keys, letters and counts come back as they went in."""
    ledger = Ledger.open(tmp_path)
    ledger.commit(changes())
    ledger.close()
    ledger = Ledger.open(tmp_path)
    assert ledger.delivered([b"d" * 16, b"x" * 16]) == {b"d" * 16: [Known(7, Place(1, 2))]}
    assert ledger.letters(b"k" * 16) == [LETTER]
    assert list(ledger.segments()) == [ROW] == [ledger.segment("s1")]
    assert (ledger.number_of("s1"), ledger.number_of("s2"), ledger.number_of("s3")) == (1, 2, 3)
    ledger.close()


def test_only_what_was_not_delivered_from_where_it_stands_is_left_to_judge(tmp_path: Path) -> None:
    """A record needs no judgement if its key was delivered from its very line and has no letter; all others do."""
    here, hinted = Known(7, Place(1, 2)), Known(7, Place(1, 3), 5)
    keys = there, other_line, other_segment, other_bytes, other_hint, unknown = [
        bytes([byte]) * 16 for byte in range(6)
    ]
    ledger = Ledger.open(tmp_path)
    delivered = dict.fromkeys(keys[:-1], here) | {other_hint: hinted, LETTER.key: here}
    ledger.commit(changes(delivered))
    doubtful = [
        (other_line, here._replace(place=Place(1, 9))),
        (other_segment, here._replace(place=Place(2, 2))),
        (other_bytes, here._replace(digest=8)),
        (other_hint, hinted._replace(hint=6)),
        (LETTER.key, here),
        (unknown, here),
        *((number.to_bytes(16), here) for number in range(1000, 1200)),
    ]
    assert ledger.doubtful([(there, here), *doubtful]) == {key for key, _ in doubtful}
    assert ledger.doubtful([(there, here), (other_hint, hinted)]) == set()
    ledger.close()


def test_a_key_has_a_row_for_each_hint(tmp_path: Path) -> None:
    """Two projects' runs of one name are two deliveries."""
    ledger = Ledger.open(tmp_path)
    mine, theirs = Known(7, Place(1, 2), 5), Known(8, Place(1, 3))
    for known in (mine, theirs):
        ledger.commit(changes({b"d" * 16: known}))
    assert sorted(ledger.delivered([b"d" * 16])[b"d" * 16]) == sorted([mine, theirs])
    ledger.close()


def test_a_segment_s_number_is_not_given_away_while_a_letter_has_it(tmp_path: Path) -> None:
    """A letter of a segment that has no row must not count in another segment."""
    ledger = Ledger.open(tmp_path)
    ledger.commit(Changes(letters=[LETTER._replace(place=Place(41, 1))]))
    ledger.close()
    ledger = Ledger.open(tmp_path)
    assert ledger.number_of("new") == 42
    ledger.close()


def test_thousands_of_keys_are_looked_up_at_once(tmp_path: Path) -> None:
    """A lookup has no limit of its own."""
    ledger = Ledger.open(tmp_path)
    keys = [number.to_bytes(16) for number in range(1234)]
    ledger.commit(changes(dict.fromkeys(keys, Known(1, Place(1, 1)))))
    assert set(ledger.delivered([*keys, b"?" * 16])) == set(keys)
    ledger.close()


def test_a_commit_is_all_or_nothing(tmp_path: Path) -> None:
    """If one row can't be written none is, and the ledger goes on."""
    ledger = Ledger.open(tmp_path)
    broken = changes(segments={1: ROW, 2: ROW._replace(number=2, path=None)})  # type: ignore[arg-type]
    with pytest.raises(LedgerError):
        ledger.commit(broken)
    assert ledger.delivered([b"d" * 16]) == {}
    assert not list(ledger.segments())
    ledger.commit(changes())
    assert len(list(ledger.segments())) == 1
    ledger.close()


def test_a_segment_that_is_read_again_never_shrinks(tmp_path: Path) -> None:
    """On the way through a known segment its smaller counts are not written; its whole counts are."""
    ledger = Ledger.open(tmp_path)
    ledger.commit(changes())
    ledger.commit(Changes(segments={1: ROW._replace(size=50, counts=Counts(1))}))
    assert ledger.segment("s1") == ROW
    grown = ROW._replace(size=150, counts=Counts(4, 3, 0, 1, 0), finished=True)
    ledger.commit(Changes(segments={1: grown}))
    assert ledger.segment("s1") == grown
    ledger.close()


def test_a_reader_sees_commits_beside_the_writer_and_cannot_write(tmp_path: Path) -> None:
    """Other commands read while the daemon writes, and change nothing."""
    writer = Ledger.open(tmp_path)
    with Ledger.reading(tmp_path) as reader:
        assert not list(reader.segments())
        writer.commit(changes())
        assert list(reader.segments()) == [ROW]
        with pytest.raises(Unavailable):
            reader.commit(changes())
    writer.close()


def test_reading_creates_nothing(tmp_path: Path) -> None:
    """A state that does not exist reads as empty, and still does not exist."""
    with Ledger.reading(tmp_path / "state") as reader:
        assert not list(reader.segments())
    assert not (tmp_path / "state").exists()


def test_a_newer_ledger_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    """A later version's ledger is neither opened nor moved aside."""
    Ledger.open(tmp_path).close()
    database = sqlite3.connect(tmp_path / "ledger.sqlite3")
    database.execute("PRAGMA user_version=2000")
    database.close()
    with pytest.raises(TooNew):
        Ledger.open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.sqlite3"]


def test_a_corrupt_file_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    """The ruin is moved aside, and a new ledger works."""
    (tmp_path / "ledger.sqlite3").write_bytes(b"ruin" * 5000)
    ledger = Ledger.open(tmp_path)
    ledger.commit(changes())
    ledger.close()
    (ruin,) = tmp_path.glob("ledger.sqlite3.corrupt-*")
    assert ruin.read_bytes() == b"ruin" * 5000


def test_a_folder_that_cannot_be_written_is_no_corruption(tmp_path: Path) -> None:
    """No room or no permission moves nothing aside."""
    (tmp_path / "ledger.sqlite3").mkdir()
    with pytest.raises(Unavailable):
        Ledger.open(tmp_path)
    assert (tmp_path / "ledger.sqlite3").is_dir()


def test_the_journal_mode_is_delete_and_commits_are_synced(tmp_path: Path) -> None:
    """No WAL, ever, even if the file had one; and EXTRA synchronous: the removal of the journal is synced too."""
    Ledger.open(tmp_path).close()
    database = sqlite3.connect(tmp_path / "ledger.sqlite3")
    database.execute("PRAGMA journal_mode=WAL")
    database.close()
    ledger = Ledger.open(tmp_path)
    assert list(ledger._database.execute("PRAGMA journal_mode").fetchone()) == ["delete"]
    assert list(ledger._database.execute("PRAGMA synchronous").fetchone()) == [3]
    ledger.close()


def test_a_ledger_with_damaged_tables_is_set_aside(tmp_path: Path) -> None:
    """A bit that rots in a table's definition, which SQLite does not notice, costs duplicates and not the delivery."""
    Ledger.open(tmp_path).close()
    file = tmp_path / "ledger.sqlite3"
    file.write_bytes(file.read_bytes().replace(b"refused INTEGER", b"refuseb INTEGER"))
    Ledger.open(tmp_path).close()
    assert len(list(tmp_path.glob("ledger.sqlite3.corrupt-*"))) == 1
