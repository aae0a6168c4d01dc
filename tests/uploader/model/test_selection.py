"""Choosing runs: what a run's record says decides, and everything else follows its run."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from support.faults import AT, SegmentFile, batch_of, run_item, step_item
from tcc_schemas.lines import Line, LineReader
from tcc_uploader.model.fate import Decision
from tcc_uploader.model.selection import Choice, RunFacts, Selection, facts_of

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def lines_of(segment: SegmentFile) -> list[Line]:
    """Return a segment's lines behind its header."""
    return [line for line in LineReader().read(segment.data)[1:] if isinstance(line, Line)]


def chosen(segment: SegmentFile, **asked: Any) -> list[str]:
    """Return the ids of the records that a selection takes from a segment."""
    lines = lines_of(segment)
    choice = Choice(Selection(**asked), lines)
    return [line.id for line in lines if choice.holds(line)]


RUNS = (
    SegmentFile()
    .step("b", "early")
    .run("a", session_id="s1", start_time="2026-01-31T10:00:00.000Z")
    .run("b", session_id="s2", start_time="2026-01-31T12:00:00.000Z", status_code=2)
    .run("c", session_id="s2", start_time="2026-01-31T13:30:00+02:00", status_code=1)
    .tool_call("c", "late")
)


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({}, ["early", "a", "b", "c", "late"]),
        ({"sessions": ["s1"]}, ["a"]),
        ({"sessions": ["s1", "s2"]}, ["early", "a", "b", "c", "late"]),
        ({"statuses": ["error"]}, ["early", "b"]),
        ({"statuses": ["partial", "success"]}, ["a", "c", "late"]),
        ({"sessions": ["s2"], "statuses": ["partial"]}, ["c", "late"]),
        ({"since": NOON}, ["early", "b"]),
        ({"until": NOON}, ["a", "c", "late"]),
        ({"since": datetime(2026, 1, 31, 11, tzinfo=UTC), "until": NOON}, ["c", "late"]),
        ({"limit": 1}, ["early", "b"]),
        ({"limit": 2}, ["early", "b", "c", "late"]),
        ({"limit": 9}, ["early", "a", "b", "c", "late"]),
        ({"limit": 1, "statuses": ["success", "partial"]}, ["c", "late"]),
        ({"sessions": ["s3"]}, []),
    ],
)
def test_records_follow_their_run(asked: dict[str, Any], ids: list[str]) -> None:
    """A run is chosen by its session, status and start, and by how many are newer; its other records come along."""
    assert chosen(RUNS, **asked) == ids


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({"since": datetime.fromisoformat(AT)}, ["late"]),
        ({"until": datetime.fromisoformat(AT)}, []),
        ({"sessions": ["s"]}, []),
        ({"statuses": ["success"]}, []),
        ({"limit": 5}, []),
    ],
)
def test_a_record_whose_run_is_elsewhere_is_chosen_by_its_own_time(asked: dict[str, Any], ids: list[str]) -> None:
    """Nobody knows its run's session, and it is none of the newest runs."""
    assert chosen(SegmentFile().step("elsewhere", "late"), **asked) == ids


def test_a_run_that_comes_after_the_choice_is_judged_by_itself() -> None:
    """An agent goes on recording between the two looks; among the newest, as they were counted, it is not."""
    (line,) = lines_of(SegmentFile().run("new", session_id="s"))
    assert Choice(Selection(sessions=["s"])).holds(line)
    assert not Choice(Selection(sessions=["t"])).holds(line)
    assert not Choice(Selection(limit=3)).holds(line)


def test_a_run_that_is_told_of_twice_is_chosen_if_either_fits() -> None:
    """Rather one record too many than one lost."""
    twice = SegmentFile().run("a", status_code=2).run("a")
    assert chosen(twice, statuses=["success"]) == ["a", "a"]
    later, earlier = "2026-01-31T13:00:00Z", "2026-01-31T10:00:00Z"
    newest = SegmentFile().run("a", start_time=later).run("b", start_time=AT).run("a", start_time=earlier)
    assert chosen(newest, limit=1) == ["a", "a"]


def test_a_run_without_an_end_is_chosen_by_its_journal() -> None:
    """Its process died; of a child in the journal nothing follows."""
    segment = (
        SegmentFile()
        .record("journal", "a", run_item("a", session_id="s"), path=None)
        .record("journal", "t", step_item("b", "t"), run_id="b", path=None)
        .step("a", "late")
        .step("b", "other")
    )
    assert chosen(segment, sessions=["s"]) == ["late"]
    assert [facts_of(line) is None for line in lines_of(segment)] == [False, True, True, True]


def test_a_run_that_does_not_name_its_run_twice_is_chosen_by_its_id() -> None:
    """In a plain file a run has its id alone."""
    (line,) = lines_of(SegmentFile().run("a", session_id="s"))
    alone = line._replace(run_id=None)
    assert Choice(Selection(sessions=["s"]), [alone]).holds(line)
    assert Choice(Selection(limit=1), [alone]).holds(alone)
    assert not Choice(Selection(sessions=["t"]), [alone]).holds(alone)


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        (run_item("a", session_id="s", status_code=1), RunFacts(1, "s", datetime.fromisoformat(AT))),
        (batch_of(run_item("a"), step_item("a", "t")), RunFacts(0, None, datetime.fromisoformat(AT))),
        ({"type": "run"}, RunFacts(0, None, None)),
        (run_item("a") | {"start_time": "yesterday"}, RunFacts(0, None, None)),
        (run_item("a") | {"start_time": 5, "session_id": ["s"]}, RunFacts(0, ["s"], None)),  # type: ignore[arg-type]
        (run_item("a") | {"start_time": "0001-01-01T00:00:00+14:00"}, RunFacts(0, None, None)),
        (run_item("a", items=[run_item("b", status_code=2)]), RunFacts(0, None, datetime.fromisoformat(AT))),
        ({"type": "batch", "items": 5}, RunFacts(None, None, datetime.fromisoformat(AT))),
        ([], RunFacts(None, None, datetime.fromisoformat(AT))),
        (b"no JSON", RunFacts(None, None, datetime.fromisoformat(AT))),
    ],
)
def test_whatever_a_run_s_record_says_it_is_a_run(body: object, facts: RunFacts) -> None:
    """A hostile or unknown body tells nothing, and raises nothing."""
    (line,) = lines_of(SegmentFile().record("run", "a", body if isinstance(body, bytes) else orjson.dumps(body)))
    assert facts_of(line) == facts


def test_without_a_time_a_run_is_rather_taken() -> None:
    """A start that can't be read does not make a run vanish; it counts as made when its line was."""
    segment = SegmentFile().run("a", start_time="soon").run("b", start_time="2026-01-31T11:00:00Z")
    assert chosen(segment, since=NOON) == ["a"]
    assert chosen(segment, limit=1) == ["a"]


def test_what_is_left_out_is_counted_and_what_is_settled_is_not() -> None:
    """Two records of a run are one run; a record that was delivered before does not stay pending."""
    lines = lines_of(SegmentFile().run("a").step("a", "t").run("b").run("c", session_id="s").run("d"))
    choice = Choice(Selection(sessions=["s"]), lines)
    decisions = [Decision.SEND, Decision.CONFLICT, Decision.DELIVERED, Decision.SEND, Decision.SEND]
    left_out = [choice.leaves_out(line, decision) for line, decision in zip(lines, decisions, strict=True)]
    assert left_out == [True, True, False, False, True]
    assert (choice.records_left_out, choice.runs_left_out) == (3, 2)


@pytest.mark.parametrize(
    ("asked", "empty"),
    [
        ({}, False),
        ({"sessions": ["s1"]}, False),
        ({"sessions": ["x"]}, True),
        ({"since": NOON.replace(year=2030)}, True),
    ],
)
def test_a_choice_tells_whether_anything_was_chosen(asked: dict[str, Any], *, empty: bool) -> None:
    """A mistyped session finds nothing, and that must be told."""
    assert Choice(Selection(**asked), lines_of(RUNS)).is_empty == empty
    late = lines_of(SegmentFile().step("elsewhere", "late"))
    early = [line._replace(at="2026-01-31T11:00:00.000Z") for line in late]
    assert not Choice(Selection(since=NOON), [*late, *early]).is_empty
    assert Choice(Selection(since=NOON), early).is_empty
    assert not Choice(Selection(since=NOON), late).is_empty
