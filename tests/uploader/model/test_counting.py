"""What is counted: records of a segment by their end, rows that may be left unwritten, and lists that are cut."""

import pytest

from tcc_uploader.model.fate import COUNT_NAMES, Counts, Decision, Known, Place
from tcc_uploader.model.rows import Adjustment, Changes, LetterRow, SegmentRow
from tcc_uploader.model.shortlist import Shortlist

LETTER = LetterRow("abc", b"k" * 16, 9, Place(1, 3), "dead", "refused", 5)


def row(*, finished: bool = True, counts: Counts | None = None) -> SegmentRow:
    """Return the row of a segment of two records, 100 bytes in ``/s/a.jsonl``."""
    return SegmentRow(1, "s1", "/s/a.jsonl", 100, finished, counts or Counts(2, 1, 0, 1), 0, 0, 0, None)


@pytest.mark.parametrize(
    ("decision", "name"),
    [
        (Decision.DELIVERED, "delivered"),
        (Decision.DUPLICATE, "duplicate"),
        (Decision.DEAD, "dead"),
        (Decision.CONFLICT, "dead"),
        (Decision.DROPPED, "dropped"),
        (Decision.SEND, None),
        (Decision.REQUEUED, None),
    ],
)
def test_each_record_that_is_settled_counts_once(decision: Decision, name: str | None) -> None:
    """Each time one more in its own column, and one less is pending; what is still to be sent changes nothing."""
    counts = Counts(10, 1, 1, 1, 1)
    for times in (1, 2):
        counts.add(decision)
        assert counts == Counts(10, **{each: 1 + times * (each == name) for each in COUNT_NAMES[1:5]})
        assert counts.pending == 6 - times * (name is not None)


def test_counts_are_added_and_taken_from_each_other_column_by_column() -> None:
    """Nothing is left out."""
    more, less = Counts(60, 50, 40, 30, 20, 10), Counts(6, 5, 4, 3, 2, 1)
    assert more + less == Counts(66, 55, 44, 33, 22, 11)
    assert more - less == Counts(54, 45, 36, 27, 18, 9)
    assert dict(zip(COUNT_NAMES, less.values(), strict=True)) == {name: getattr(less, name) for name in COUNT_NAMES}


def test_a_file_is_finished_only_if_it_is_the_one_that_was_counted_and_nothing_of_it_is_pending() -> None:
    """Same path, same size, all records settled, and told to be at its end: each of the four is needed."""
    assert row().has_finished("/s/a.jsonl", 100)
    assert not row().has_finished("/s/b.jsonl", 100)
    assert not row().has_finished("/s/a.jsonl", 101)
    assert not row(finished=False).has_finished("/s/a.jsonl", 100)
    assert not row(counts=Counts(2, 1)).has_finished("/s/a.jsonl", 100)


def test_a_commit_is_left_out_only_if_it_would_write_nothing() -> None:
    """One change of any of the four sorts is enough."""
    assert not Changes()
    with_key = Changes()
    with_key.delivered.put(b"k" * 16, -1, Known(7, Place(1, 2)))
    for changes in (
        with_key,
        Changes(letters=[LETTER]),
        Changes(segments={1: row()}),
        Changes(adjustments=[Adjustment("abc", "dropped", 1, Counts(dropped=1))]),
    ):
        assert changes


def test_a_letter_tells_what_is_known_under_its_key() -> None:
    """Digest, place and hint of its record, so that another record is compared with that."""
    assert LETTER.known == Known(9, Place(1, 3), 5)


def test_a_list_keeps_its_first_thousand_items_and_counts_all() -> None:
    """However they came: one by one, many at once, or from another list that was cut already."""
    cut = Shortlist(range(1002))
    assert (list(cut), cut.more, cut.number) == (list(range(1000)), 2, 1002)
    cut.append(-1)
    cut += [-2]
    assert (len(cut), cut.more) == (1000, 4)
    whole = Shortlist(["a"])
    whole += Shortlist("b")
    assert (whole, whole.more, whole.number) == (["a", "b"], 0, 2)
    both = Shortlist(cut)
    both.extend(cut)
    assert (len(both), both.number) == (1000, 2008)
