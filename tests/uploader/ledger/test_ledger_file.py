"""The ledger on disk: all or nothing, readable beside its writer, never smaller than it was."""

import sqlite3
from pathlib import Path

import pytest

from tcc_uploader.ledger import schema
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.model.fate import Counts
from tcc_uploader.model.ledger import TooNew, Unavailable
from tcc_uploader.model.rows import Changes, SegmentRow

ROW = SegmentRow(1, "s1", "/spool/a.jsonl", 100, False, Counts(3, 1, 0, 1, 0), 0, 0, 0, None, 2, 1_790_000_000)  # noqa: FBT003 -- a row
CHANGES = Changes(segments={1: ROW})


def test_a_reader_sees_commits_beside_the_writer_and_cannot_write(tmp_path: Path) -> None:
    """Other commands read while the daemon writes, and change nothing."""
    writer = SqliteLedger.open(tmp_path)
    with SqliteLedger.reading(tmp_path) as reader:
        assert not list(reader.segments())
        writer.commit(CHANGES)
        assert list(reader.segments()) == [ROW]
        with pytest.raises(Unavailable):
            reader.commit(CHANGES)
    writer.close()


def test_reading_creates_nothing(tmp_path: Path) -> None:
    """A state that does not exist reads as empty, and still does not exist."""
    with SqliteLedger.reading(tmp_path / "state") as reader:
        assert not list(reader.segments())
    assert not (tmp_path / "state").exists()


def test_a_newer_ledger_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    """A later version's ledger is neither opened nor moved aside."""
    SqliteLedger.open(tmp_path).close()
    database = sqlite3.connect(tmp_path / "ledger.sqlite3")
    database.execute("PRAGMA user_version=2000")
    database.close()
    with pytest.raises(TooNew):
        SqliteLedger.open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.sqlite3"]


@pytest.mark.parametrize("reads_first", [False, True])
def test_an_earlier_ledger_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, reads_first: bool
) -> None:
    """What it holds stays, whether a reader or an uploader opens it first."""
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        ledger = SqliteLedger.open(tmp_path)
        ledger.commit(CHANGES)
        ledger.close()
    if reads_first:
        with SqliteLedger.reading(tmp_path) as reader:
            assert list(reader.segments()) == [ROW]
    ledger = SqliteLedger.open(tmp_path)
    assert list(ledger.segments()) == [ROW]
    ledger.close()
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.sqlite3"]


def test_a_corrupt_file_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    """The ruin is moved aside, and a new ledger works."""
    (tmp_path / "ledger.sqlite3").write_bytes(b"ruin" * 5000)
    ledger = SqliteLedger.open(tmp_path)
    ledger.commit(CHANGES)
    ledger.close()
    (ruin,) = tmp_path.glob("ledger.sqlite3.corrupt-*")
    assert ruin.read_bytes() == b"ruin" * 5000


def test_a_folder_that_cannot_be_written_is_no_corruption(tmp_path: Path) -> None:
    """No room or no permission moves nothing aside."""
    (tmp_path / "ledger.sqlite3").mkdir()
    with pytest.raises(Unavailable):
        SqliteLedger.open(tmp_path)
    assert (tmp_path / "ledger.sqlite3").is_dir()


def test_the_journal_mode_is_delete_and_commits_are_synced(tmp_path: Path) -> None:
    """No WAL, ever, even if the file had one; and EXTRA synchronous: the removal of the journal is synced too."""
    SqliteLedger.open(tmp_path).close()
    database = sqlite3.connect(tmp_path / "ledger.sqlite3")
    database.execute("PRAGMA journal_mode=WAL")
    database.close()
    ledger = SqliteLedger.open(tmp_path)
    assert list(ledger._database.execute("PRAGMA journal_mode").fetchone()) == ["delete"]
    assert list(ledger._database.execute("PRAGMA synchronous").fetchone()) == [3]
    ledger.close()


def test_a_ledger_with_damaged_tables_is_set_aside(tmp_path: Path) -> None:
    """A bit that rots in a table's definition, which SQLite does not notice, costs duplicates and not the delivery."""
    SqliteLedger.open(tmp_path).close()
    file = tmp_path / "ledger.sqlite3"
    file.write_bytes(file.read_bytes().replace(b"refused INTEGER", b"refuseb INTEGER"))
    SqliteLedger.open(tmp_path).close()
    assert len(list(tmp_path.glob("ledger.sqlite3.corrupt-*"))) == 1
