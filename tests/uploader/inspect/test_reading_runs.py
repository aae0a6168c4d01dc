"""Runs are read whole, newest first, from wherever their lines are."""

import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tcc_recorder as tcc
from support.faults import SegmentFile, batch_of, run_item, step_item, tool_call_item
from support.recorded import forget_settings
from support.rigging import Rig
from tcc_recorder import records
from tcc_recorder.spool import writer
from tcc_schemas.lines import encode
from tcc_uploader.inspect.runs.reader import RunReader
from tcc_uploader.inspect.runs.values import Outcome, Run
from tcc_uploader.sources.carried import ArchiveSource
from tcc_uploader.sources.given import Sources
from tcc_uploader.sources.paths import sources_of

SAMPLES = Path(__file__).parents[3] / "sample_traces"


def time(minute: int) -> str:
    """Return a time of one afternoon."""
    return f"2026-01-31T{13 + minute // 60:02}:{minute % 60:02}:00.000Z"


def read(*paths: Path) -> list[Run]:
    """Return all runs, newest first."""
    with RunReader(sources_of(paths)) as reader:
        return list(reader.newest_first())


def written(path: Path, when: str) -> None:
    """Let a file look as if it was last written at this time."""
    os.utime(path, (datetime.fromisoformat(when).timestamp(),) * 2)


def members(run: Run) -> list[dict[str, Any]]:
    """Return the wire items that a run was made of."""
    return [run.wire, *(item.wire for item in (*run.steps, *run.tool_calls))]


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a spool to which the recorder of this process writes, in small segments."""
    monkeypatch.setattr(writer, "SEGMENT_BYTES", 4000)
    tcc.configure(spool_dir=str(tmp_path / "spool"))
    yield tmp_path / "spool"
    forget_settings()


def test_a_run_too_large_for_one_line_is_whole_though_it_lies_in_several_segments(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its children are lines of their own, in segments before that of the run's line."""
    monkeypatch.setattr(records, "_LARGE", 1000)
    run = tcc.run("large", "a session").prompt("p" * 900).response("done")
    for number in range(30):
        run.step(f"s{number}").prompt(f"{number}" * 400).response("r").tokens(2, 1, 1).cost(0.5).end()
        run.tool_call("look", f"t{number}").args({"number": number}).result("x" * 300).end()
    run.end()
    tcc.flush()
    assert len(list(spool.iterdir())) > 3
    (found,) = read(spool)
    assert {step.id for step in found.steps} == {f"s{number}" for number in range(30)}
    assert {call.id for call in found.tool_calls} == {f"t{number}" for number in range(30)}
    assert (found.tokens_in, found.tokens_cached, found.tokens_out, found.cost) == (60, 30, 30, 15)
    assert found.session_id == "a session"


def test_what_came_late_is_part_of_its_run_wherever_it_is(tmp_path: Path) -> None:
    """A step, a tool call and feedback of a run may be in other files, written by other processes."""
    SegmentFile().run("r", step_item("r", "s1")).seal().write(tmp_path)
    SegmentFile().step("r", "s2").seal().write(tmp_path)
    SegmentFile().tool_call("r", "t").feedback("r", "thumbs_down", key="00000001").write(tmp_path)
    (run,) = read(tmp_path)
    assert [step.id for step in run.steps] == ["s1", "s2"]
    assert [call.id for call in run.tool_calls] == ["t"]
    assert [feedback.score for feedback in run.feedback] == ["thumbs_down"]


def test_runs_come_newest_first_whatever_their_files_are_called(tmp_path: Path) -> None:
    """Processes that record at the same time are merged by the time at which their runs began."""
    for name, first in (("b.jsonl", 0), ("a.jsonl", 1), ("c.jsonl", 2)):
        segment = SegmentFile()
        for minute in range(first, 30, 3):
            segment.later(time(minute)).run(f"r{minute}")
        segment.write(tmp_path, name)
    assert [run.id for run in read(tmp_path)] == [f"r{minute}" for minute in reversed(range(30))]


def test_older_files_are_not_read_before_their_turn(tmp_path: Path) -> None:
    """Who wants the newest runs alone waits for no other: the damage of the older segment is not met yet."""
    SegmentFile().later(time(1)).run("old").raw(b"damage\n").seal().write(tmp_path, "b.jsonl")
    SegmentFile().later(time(5)).run("middle").later(time(9)).run("new").seal().write(tmp_path, "a.jsonl")
    with RunReader(Sources([tmp_path])) as reader:
        found = reader.newest_first()
        assert [next(found).id, next(found).id] == ["new", "middle"]
        assert reader.damaged == 0
        assert next(found).id == "old"
        assert reader.damaged == 1


def test_a_file_whose_last_lines_tell_nothing_of_the_others_is_read_first(tmp_path: Path) -> None:
    """Imported runs have times of their own: in an unsealed file, the newest may stand far before the end."""
    imported = SegmentFile().later(time(200)).run("newest")
    for number in range(100):
        imported.later(time(1)).run(f"old{number}", response="x" * 1000)
    imported.write(tmp_path)
    SegmentFile().later(time(100)).run("newer").seal().write(tmp_path)
    assert [run.id for run in read(tmp_path)][:2] == ["newest", "newer"]


def test_a_file_that_was_last_written_long_ago_is_not_looked_into_before_its_turn(tmp_path: Path) -> None:
    """In a spool of many files the newest runs come at once: a file that was last written before them waits."""
    SegmentFile().later(time(9)).run("new").seal().write(tmp_path, "a.jsonl")
    written(tmp_path / "a.jsonl", time(9))
    (tmp_path / "b.jsonl").write_bytes(b"damage")  # unsealed: nothing in it tells how old it is
    written(tmp_path / "b.jsonl", time(5))
    with RunReader(Sources([tmp_path])) as reader:
        assert next(reader.newest_first()).id == "new"
        assert reader.files.unreadable == {}


def test_where_files_look_older_than_they_are_each_is_looked_into(tmp_path: Path) -> None:
    """A zip tells its maker's local time: what it was unpacked to may look hours older than what is in it."""
    for name, minutes, looks_like in (("a", (0, 9), 1), ("b", (8, 11), 3), ("c", (10, 12), 2)):
        segment = SegmentFile()
        for minute in minutes:
            segment.later(time(minute * 30)).run(f"r{minute}")
        segment.seal().write(tmp_path, f"{name}.jsonl")
        written(tmp_path / f"{name}.jsonl", time(looks_like))
    assert [run.id for run in read(tmp_path)] == ["r12", "r11", "r10", "r9", "r8", "r0"]


def test_the_later_of_two_records_of_a_run_counts_and_it_is_told(tmp_path: Path) -> None:
    """The older one is passed over, and counted under the run's id."""
    SegmentFile().later(time(1)).run("r", response="first").later(time(2)).run("other").write(tmp_path)
    SegmentFile().later(time(3)).run("r", response="second").write(tmp_path)
    with RunReader(Sources([tmp_path])) as reader:
        found = {run.id: run.response for run in reader.newest_first()}
    assert found == {"r": "second", "other": ""}
    assert dict(reader.twice) == {"r": 1}


def test_a_copy_is_no_second_record(tmp_path: Path) -> None:
    """The same segment again, also an earlier copy of it, changes nothing."""
    segment = SegmentFile().run("r1").feedback("r1")
    segment.write(tmp_path / "earlier")
    segment.run("r2").seal().write(tmp_path / "spool")
    with RunReader(sources_of([tmp_path / "earlier", tmp_path / "spool"])) as reader:
        runs = {run.id: len(run.feedback) for run in reader.newest_first()}
    assert (runs, dict(reader.twice)) == ({"r1": 1, "r2": 0}, {})


def test_runs_of_one_id_under_two_keys_are_two(tmp_path: Path) -> None:
    """Each has the children that were made under its key."""
    segment = SegmentFile()
    for hint in ("00000001", "00000002"):
        segment.run("r", key_hint=hint).record("step", hint, step_item("r", hint), run_id="r", key=hint)
    segment.write(tmp_path)
    assert {run.key_hint: [step.id for step in run.steps] for run in read(tmp_path)} == {
        hint: [hint] for hint in ("00000001", "00000002")
    }


def test_a_run_without_an_end_is_shown_as_far_as_it_came() -> None:
    """Its journal has what was set, and the children that had ended."""
    runs = {run.id: run for run in read(SAMPLES / "killed.jsonl")}
    killed = runs["sample-killed"]
    assert (killed.outcome, killed.end, killed.prompt) == (Outcome.UNENDED, None, "Reindex everything")
    assert (len(killed.steps), len(killed.tool_calls)) == (1, 1)
    assert runs["sample-before-the-kill"].outcome is Outcome.SUCCESS


def test_a_run_whose_record_is_elsewhere_is_left_to_the_end(tmp_path: Path) -> None:
    """Late steps and feedback of a run that is not here are told with its id."""
    SegmentFile().step("gone", "s").feedback("gone").run("here").write(tmp_path)
    with RunReader(Sources([tmp_path])) as reader:
        assert [run.id for run in reader.newest_first()] == ["here"]
        (rest,) = reader.without_record()
    assert (rest.id, rest.outcome, len(rest.steps), len(rest.feedback)) == ("gone", Outcome.MISSING, 1, 1)


def test_damage_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    """Corrupt lines, a torn tail, what is no record, and files that can't be read: each is named."""
    segment = SegmentFile().run("r1").raw(b'{"v":1,"crc":"00000000"}\n').run("r2")
    (tmp_path / "torn.jsonl").write_bytes(segment.data + b'{"v":1,"cr')
    (tmp_path / "plain.jsonl").write_bytes(orjson.dumps(run_item("r3")) + b'\n{"no":"record"}\n')
    (tmp_path / "other.jsonl").write_bytes(b"no json")
    with RunReader(sources_of([tmp_path])) as reader:
        assert {run.id for run in reader.newest_first()} == {"r1", "r2", "r3"}
    found = {(Path(place.source).name, place.line, place.reason.partition(":")[0]) for place in reader.damage}
    assert found == {
        ("torn.jsonl", 3, "corrupt"),
        ("torn.jsonl", 0, "the last line is torn"),
        ("plain.jsonl", 2, "no record"),
    }
    assert [Path(name).name for name in reader.files.unreadable] == ["other.jsonl"]


def test_a_file_that_was_removed_meanwhile_is_counted_and_no_error(tmp_path: Path) -> None:
    """A daemon may remove delivered files while somebody looks."""
    SegmentFile().later(time(1)).run("old").seal().write(tmp_path, "a.jsonl")
    SegmentFile().later(time(9)).run("new").seal().write(tmp_path, "b.jsonl")
    with RunReader(Sources([tmp_path])) as reader:
        found = reader.newest_first()
        assert next(found).id == "new"
        (tmp_path / "a.jsonl").unlink()
        assert list(found) == []
    assert (reader.gone, reader.files.unreadable) == (1, {})


def test_an_archive_tells_the_same_as_what_was_packed(tmp_path: Path) -> None:
    """All samples, read from their folder and from a tar file, which can be read only once."""
    archive_file = tmp_path / "samples.tar.gz"
    with tarfile.open(archive_file, "w:gz") as archive:
        archive.add(SAMPLES, "samples")
    here, there = ({run.id: (members(run), run.outcome) for run in read(path)} for path in (SAMPLES, archive_file))
    assert there == here
    assert len(here) > 15


def test_fates_are_those_of_the_ledger(rig: Rig) -> None:
    """Delivered, dead and pending runs are told apart; without a ledger nothing is said."""
    SegmentFile().run("sent").seal().write(rig.spool)
    rig.once()
    SegmentFile().run("waits").seal().write(rig.spool)
    with rig.ledger() as ledger, RunReader(Sources([rig.spool]), ledger) as reader:
        assert {run.id: run.fate for run in reader.newest_first()} == {"sent": "delivered", "waits": "pending"}
    assert {run.fate for run in read(rig.spool)} == {""}


@pytest.mark.parametrize(
    "item",
    [
        {"start_time": 7, "prompt": ["x"], "metadata": "m", "status_code": "bad", "response": {"a": 1}},
        {"start_time": "9999-12-31T23:59:59-23:00", "prompt": "only a text", "metadata": {"n": 1}, "status_code": -1},
    ],
)
def test_members_of_any_type_are_shown_as_far_as_they_go(tmp_path: Path, item: dict[str, Any]) -> None:
    """A server would refuse such an item, and a view must show what it refused."""
    step = step_item("r", "s", prompt_uncached_tokens="many", real_total_cost=True, completion_tokens=1e300)
    SegmentFile().record("run", "r", batch_of(run_item("r", **item), step, {"type": 3}), run_id="r").write(tmp_path)
    (run,) = read(tmp_path)
    assert run.outcome is Outcome.ERROR
    assert (run.tokens_in, run.cost) == (0, None)


@st.composite
def scattered(draw: st.DrawFn) -> tuple[dict[str, list[dict[str, Any]]], list[bytes]]:
    """Draw runs with children, and segments over which their lines are scattered; the run's line has some children."""
    texts = st.text(max_size=20)
    items: dict[str, list[dict[str, Any]]] = {}
    lines: list[tuple[str, str, str, Any]] = []
    for number in range(draw(st.integers(1, 4))):
        run_id = f"r{number}"
        run = run_item(run_id, response=draw(texts), prompt={"user_prompt": draw(texts)}, extra=draw(texts))
        children = [step_item(run_id, f"s{each}", prompt=draw(texts)) for each in range(draw(st.integers(0, 3)))]
        children += [tool_call_item(run_id, f"t{each}", args=draw(texts)) for each in range(draw(st.integers(0, 3)))]
        items[run_id] = [run, *children]
        inside = [child for child in children if draw(st.booleans())]
        lines.append(("run", run_id, run_id, batch_of(run, *inside) if inside else run))
        lines += [(child["type"], run_id, str(child), child) for child in children if child not in inside]
    order = draw(st.permutations(lines))
    segments = [SegmentFile(f"segment {number}") for number in range(draw(st.integers(1, 4)))]
    for kind, run_id, ident, body in order:
        segment = draw(st.sampled_from(segments))
        segment.later(time(draw(st.integers(0, 300)))).record(kind, ident, body, run_id=run_id)
    return items, [(segment.seal() if draw(st.booleans()) else segment).data for segment in segments]


def packed(segments: Iterable[bytes]) -> Sources:
    """Return segments as one archive on standard input would be."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for number, data in enumerate(segments):
            member = tarfile.TarInfo(f"{number}.jsonl")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    raw.seek(0)
    return Sources(archives=[ArchiveSource("stdin", raw)])


@given(scattered())
def test_every_member_of_every_item_comes_back_however_the_lines_are_scattered(
    drawn: tuple[dict[str, list[dict[str, Any]]], list[bytes]],
) -> None:
    """Order of lines, times, segments and files change nothing of what a run holds."""
    items, segments = drawn
    with RunReader(packed(segments)) as reader:
        found = {run.id: members(run) for run in reader.newest_first()}
    assert {run_id: sorted(map(str, wires)) for run_id, wires in found.items()} == {
        run_id: sorted(map(str, wires)) for run_id, wires in items.items()
    }


def test_a_body_that_is_no_json_costs_nothing_else(tmp_path: Path) -> None:
    """A run with a binary body is shown by its id; its neighbour as ever."""
    lines = [
        encode("run", ident, body, at=time(1), run_id=ident, path="/v1/custom", base64=True)
        for ident, body in (("odd", b"\x00\xff\n"), ("good", orjson.dumps(run_item("good", response="fine"))))
    ]
    (tmp_path / "x.jsonl").write_bytes(b"".join(lines))
    for sources in (Sources([tmp_path]), packed([(tmp_path / "x.jsonl").read_bytes()])):
        with RunReader(sources) as reader:
            assert {run.id: run.response for run in reader.newest_first()} == {"odd": "", "good": "fine"}
            assert reader.damage == []
