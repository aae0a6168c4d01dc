"""What every ledger promises, whichever database stores it.  A new form is one line more in ``FORMS``."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tcc_uploader.ledger.postgres.store import PostgresLedger
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.model.fate import Counts, Known, Place
from tcc_uploader.model.ledger import Ledger, LedgerError
from tcc_uploader.model.rows import Adjustment, Changes, LetterRow, SegmentRow

ROW = SegmentRow(1, "s1", "/spool/a.jsonl", 100, False, Counts(3, 1, 0, 1, 0), 0, 0, 0, None, 2, 1_790_000_000)  # noqa: FBT003 -- a row
LETTER = LetterRow("abc", b"k" * 16, 9, Place(1, 3), "dead", "refused")
KEY = b"d" * 16
HERE = Known(7, Place(1, 2))

Reopen = Callable[[], Ledger]


def _file(_request: pytest.FixtureRequest, folder: Path) -> Reopen:
    return lambda: SqliteLedger.open(folder)


def _shared(request: pytest.FixtureRequest, _folder: Path) -> Reopen:
    server = request.getfixturevalue("postgres")
    url = server.url(server.new_database())
    return lambda: PostgresLedger.open(url, "here")


FORMS = {"sqlite": _file, "postgres": _shared}


@pytest.fixture(params=FORMS)
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopen]:
    """Yield what closes the ledger, if it is open, and opens it again with two segments, ``s1`` and ``s2``, begun."""
    opened: list[Ledger] = []
    form = FORMS[request.param](request, tmp_path)

    def open_again() -> Ledger:
        for ledger in opened:
            ledger.close()
        opened[:] = [form()]
        for ident in ("s1", "s2"):
            opened[0].begin(ident)
        return opened[0]

    yield open_again
    for ledger in opened:
        ledger.close()


def changes(
    delivered: Mapping[bytes, Known] | None = None, segments: Mapping[int, SegmentRow] | None = None
) -> Changes:
    """Return what one commit writes."""
    made = Changes(letters=[LETTER], segments=dict(segments or {1: ROW}))
    for key, known in ({KEY: HERE} if delivered is None else delivered).items():
        made.delivered.put(key, known.hint, known)
    return made


def test_what_is_committed_is_there_after_a_restart(reopen: Reopen) -> None:
    """Keys, letters and counts come back as they went in."""
    reopen().commit(changes())
    ledger = reopen()
    assert ledger.delivered([KEY, b"x" * 16]) == {KEY: [HERE]}
    assert ledger.letters(LETTER.key) == [LETTER] == ledger.letters_with("dead")
    assert ledger.letter("abc") == LETTER
    assert ledger.letter("abd") is None
    assert list(ledger.segments()) == [ROW] == [ledger.segment("s1")]
    assert ledger.segment("s2") is None


def test_a_record_is_judged_by_few_letters_of_very_many(reopen: Reopen) -> None:
    """These are the ones of its bytes, and one of other bytes that may be the same record's: it decides the same."""
    ledger = reopen()
    made = changes()
    made.letters = [LETTER._replace(id=f"l{number}", digest=number, hint=number % 2) for number in range(100)]
    ledger.commit(made)
    equal, other = ledger.letters_about(LETTER.key, Known(7, HERE.place, 1))
    assert (equal.id, other.hint) == ("l7", 1)
    assert other.digest != 7
    assert len(ledger.letters_about(LETTER.key, Known(7, HERE.place))) == 2
    assert [row.id for row in ledger.letters_about(LETTER.key, Known(7, HERE.place, 5))] == ["l7"]
    assert ledger.letters_about(b"x" * 16, Known(7, HERE.place)) == []


def test_a_segment_keeps_its_number_and_no_other_gets_it(reopen: Reopen) -> None:
    """Known or new, before a commit or after; also if only a letter has the number."""
    ledger = reopen()
    ledger.commit(changes())
    ledger.commit(Changes(letters=[LETTER._replace(id="other", place=Place(41, 1))]))
    ledger = reopen()
    numbers = [ledger.begin(ident)[0] for ident in ("s1", "new", "s1", "newer", "new")]
    assert numbers[0] == numbers[2] == 1
    assert numbers[1] == numbers[4]
    assert len({*numbers, 41}) == 4


def test_of_an_uploader_alone_every_count_is_its_own_and_every_claim_is_granted(reopen: Reopen) -> None:
    """It claims, gives back and claims again; what was delivered under the keys is told with the claim."""
    ledger = reopen()
    ledger.commit(changes())
    assert ledger.begin("s1") == (1, True)
    for _ in range(2):
        claimed = ledger.claim([(KEY, HERE), (b"n" * 16, HERE)])
        assert (claimed.known, claimed.elsewhere) == ({KEY: [HERE]}, frozenset())
        ledger.release([KEY, b"n" * 16])
    ledger.keep()


def test_only_what_was_not_delivered_from_where_it_stands_is_left_to_judge(reopen: Reopen) -> None:
    """A record needs no judgement if its key was delivered from its very line and has no letter; all others do."""
    hinted = Known(7, Place(1, 3), 5)
    keys = there, other_line, other_segment, other_bytes, other_hint, unknown = [
        bytes([byte]) * 16 for byte in range(6)
    ]
    ledger = reopen()
    delivered = dict.fromkeys(keys[:-1], HERE) | {other_hint: hinted, LETTER.key: HERE}
    ledger.commit(changes(delivered))
    doubtful = [
        (other_line, HERE._replace(place=Place(1, 9))),
        (other_segment, HERE._replace(place=Place(2, 2))),
        (other_bytes, HERE._replace(digest=8)),
        (other_hint, hinted._replace(hint=6)),
        (LETTER.key, HERE),
        (unknown, HERE),
        *((number.to_bytes(16), HERE) for number in range(1000, 1200)),
    ]
    assert ledger.doubtful([(there, HERE), *doubtful]) == {key for key, _ in doubtful}
    assert ledger.doubtful([(there, HERE), (other_hint, hinted)]) == set()


def test_a_key_has_a_row_for_each_hint(reopen: Reopen) -> None:
    """Two projects' runs of one name are two deliveries; 8 hex digits are a hint, however large."""
    ledger = reopen()
    mine, theirs, largest = (
        HERE._replace(hint=5),
        Known(8, Place(1, 3)),
        Known(9, Place((1 << 53) - 1, 4), 0xFFFFFFFF),
    )
    for known in (mine, theirs, largest):
        ledger.commit(changes({KEY: known}))
    assert sorted(ledger.delivered([KEY])[KEY]) == sorted([mine, theirs, largest])


def test_a_key_keeps_what_was_delivered_first(reopen: Reopen) -> None:
    """Other bytes, from elsewhere or from a copy of the place, change nothing: else the first would be sent again."""
    ledger = reopen()
    for known in (HERE, Known(8, Place(2, 2)), Known(9, HERE.place)):
        ledger.commit(changes({KEY: known}))
    assert ledger.delivered([KEY]) == {KEY: [HERE]}


def test_a_letter_has_one_row_and_the_latest_fate(reopen: Reopen) -> None:
    """Requeued, dead again, dropped: each replaces what was there."""
    ledger = reopen()
    ledger.commit(changes())
    ledger.commit(Changes(letters=[LETTER._replace(fate="requeued")]))
    assert ledger.letters_with("dead") == []
    ledger.commit(Changes(letters=[LETTER._replace(fate="dropped", hint=3)]))
    assert ledger.letters(LETTER.key) == [LETTER._replace(fate="dropped", hint=3)]


def test_thousands_of_keys_are_looked_up_at_once(reopen: Reopen) -> None:
    """A lookup has no limit of its own."""
    ledger = reopen()
    keys = [number.to_bytes(16) for number in range(1234)]
    ledger.commit(changes(dict.fromkeys(keys, Known(1, Place(1, 1)))))
    assert set(ledger.delivered([*keys, b"?" * 16])) == set(keys)


def test_a_commit_is_all_or_nothing_and_can_be_made_again(reopen: Reopen) -> None:
    """If one row can't be written none is; the same changes, mended, are written by the next commit, and only once."""
    ledger = reopen()
    broken = changes(segments={1: ROW, 2: ROW._replace(number=2, id="s2", finished=None)})  # type: ignore[arg-type]
    broken.adjustments.append(Adjustment(LETTER.id, "dropped", 1, Counts(dropped=1)))
    with pytest.raises(LedgerError):
        ledger.commit(broken)
    assert ledger.delivered([KEY]) == {}
    assert ledger.letters(LETTER.key) == []
    assert not list(ledger.segments())
    del broken.segments[2]
    ledger.commit(broken)
    assert ledger.segment("s1") == ROW


def test_an_adjustment_counts_unless_the_whole_row_is_written(reopen: Reopen) -> None:
    """It is added to a row that is there; a row in the same commit has it already."""
    ledger = reopen()
    ledger.commit(changes())
    dropped, requeued = (
        Adjustment("a", "dropped", 1, Counts(dropped=1)),
        Adjustment("b", "requeued", 1, Counts(dead=-1)),
    )
    ledger.commit(Changes(adjustments=[dropped, requeued]))
    row = ledger.segment("s1")
    assert row is not None
    assert row.counts == Counts(3, 1, 0, 0, 1)
    ledger.commit(Changes(segments={1: row._replace(size=120)}, adjustments=[dropped]))
    assert ledger.segment("s1") == row._replace(size=120)


def test_what_was_committed_though_an_error_was_reported_is_not_added_again(reopen: Reopen) -> None:
    """The uploader makes such a commit again, with what came since; the counts are those of one commit."""
    ledger = reopen()
    ledger.commit(changes())
    repeated = Changes()
    for fate, by in (
        ("requeued", Counts(dead=-1)),
        ("dead", Counts(dead=1)),
        ("requeued", Counts(dead=-1)),
        ("delivered", Counts(delivered=1)),
    ):
        repeated.letters.append(LETTER._replace(fate=fate))  # type: ignore[arg-type]
        repeated.adjustments.append(Adjustment(LETTER.id, fate, 1, by))  # type: ignore[arg-type]
        ledger.commit(repeated)
        ledger.commit(repeated)
    row = ledger.segment("s1")
    assert row is not None
    assert row.counts == ROW.counts + Counts(dead=-1, delivered=1)


def test_a_segment_that_is_read_again_never_shrinks(reopen: Reopen) -> None:
    """On the way through a known segment its smaller counts are not written; its whole counts are."""
    ledger = reopen()
    ledger.commit(changes())
    ledger.commit(Changes(segments={1: ROW._replace(size=50, counts=Counts(1))}))
    assert ledger.segment("s1") == ROW
    grown = ROW._replace(size=150, counts=Counts(4, 3, 0, 1, 0), finished=True)
    ledger.commit(Changes(segments={1: grown}))
    assert ledger.segment("s1") == grown


def test_a_file_that_is_forgotten_is_finished_and_what_was_delivered_from_it_stays(reopen: Reopen) -> None:
    """Nothing of it is pending or damaged any more; another file keeps what it has."""
    ledger = reopen()
    told = {"damaged": 2, "torn": 5, "refused": 1, "sealed": 9}
    other = ROW._replace(number=2, id="s2")
    ledger.commit(changes(segments={1: ROW._replace(**told), 2: other}))
    assert (ledger.keys(), ROW.counts.pending) == (1, 1)
    ledger.forget([1])
    row = ledger.segment("s1")
    assert row is not None
    assert (row.size, row.finished, row.counts) == (0, True, Counts(2, 1, 0, 1))
    assert (row.damaged, row.torn, row.refused, row.sealed, row.skipped) == (0, 0, 0, None, 0)
    assert (ledger.delivered([KEY]), ledger.letter("abc")) == ({KEY: [HERE]}, LETTER)
    assert ledger.segment("s2") == other
    assert ledger.keys() == 1


def test_the_settled_lines_are_counted_from_keys_and_letters(reopen: Reopen) -> None:
    """A line with a letter counts by the letter's fate; one of two hints, or of two keys, counts once."""
    ledger = reopen()
    made = changes({KEY: HERE, b"e" * 16: HERE, LETTER.key: Known(9, LETTER.place)})
    made.delivered.put(KEY, 5, HERE._replace(hint=5))
    dropped, requeued = LETTER._replace(id="b", place=Place(2, 1), fate="dropped"), LETTER._replace(id="c")
    made.letters += [dropped, requeued._replace(place=Place(2, 2), fate="requeued")]
    ledger.commit(made)
    assert ledger.settled_lines() == {1: Counts(delivered=1, dead=1), 2: Counts(dropped=1)}


def test_any_text_comes_back_as_it_went_in(reopen: Reopen) -> None:
    """Ids, paths and reasons may hold what a database can't take as it is: NUL, and whatever names a file."""
    ledger = reopen()
    odd = "a\0b\\x00\u2028\U0001f600'\";--"
    number, _ = ledger.begin(odd)
    ledger.commit(changes(segments={number: ROW._replace(number=number, id=odd, path=odd)}))
    ledger.commit(Changes(letters=[LETTER._replace(reason=odd, id="odd")]))
    row, letter = ledger.segment(odd), ledger.letter("odd")
    assert row is not None
    assert letter is not None
    assert (row.id, row.path, letter.reason) == (odd, odd, odd)


def test_a_record_that_is_known_with_two_bodies_makes_its_lines_contested(reopen: Reopen) -> None:
    """Another key hint makes another record, whatever its bytes; equal bytes are no contest."""
    ledger = reopen()
    made = changes({KEY: HERE, b"e" * 16: HERE})
    made.letters += [
        LETTER._replace(id="a", key=KEY, digest=8),
        LETTER._replace(id="b", key=KEY, digest=8, place=Place(2, 1)),
        LETTER._replace(id="of a third body", key=KEY, digest=9, place=Place(2, 1)),
        LETTER._replace(id="c", key=b"e" * 16, digest=7, place=Place(3, 1)),
        LETTER._replace(id="d", key=b"f" * 16, hint=5, place=Place(4, 1)),
        LETTER._replace(id="e", key=b"f" * 16, hint=6, digest=8, place=Place(4, 2)),
    ]
    ledger.commit(made)
    assert ledger.contested_lines() == {1: 2, 2: 1}
    assert ledger.settled_lines()[2] == Counts(dead=1)
