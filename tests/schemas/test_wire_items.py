"""The wire items' models, their JSON Schema files, and what importing them costs."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files

import orjson
import pytest
from pydantic import ValidationError

import tcc_schemas
from support.faults import AT, batch_of, run_item, step_item, tool_call_item
from tcc_schemas import Batch, Feedback, RunItem, RunRecord, StepItem
from tcc_schemas.generate import schemas


def test_times_on_the_wire_are_utc_with_milliseconds_and_z() -> None:
    """Whatever the zone, the wire says UTC."""
    start = datetime(2026, 1, 31, 14, 0, 0, 123_999, tzinfo=timezone(timedelta(hours=2)))
    wire = RunItem(run_id="r", start_time=start, end_time=start).to_wire()
    assert wire["start_time"] == "2026-01-31T12:00:00.123Z"


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone can't be set here")
def test_a_naive_datetime_is_local_time_and_a_text_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """A datetime without a zone means the clock on the wall; on the wire, all times are UTC."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        naive = datetime(2026, 1, 31, 21, 0)  # noqa: DTZ001 -- that is the point
        assert RunItem(run_id="r", start_time=naive, end_time=naive).start_time == datetime(2026, 1, 31, 12, tzinfo=UTC)
        read = RunItem.model_validate(run_item("r", start_time="2026-01-31T12:00:00"))
        assert read.start_time == datetime(2026, 1, 31, 12, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_what_was_never_set_is_absent_and_what_is_not_known_is_kept() -> None:
    """No null goes out; a member that the models do not know does."""
    wire = RunItem.model_validate(run_item("r1", brand_new={"a": 1})).to_wire()
    assert wire["brand_new"] == {"a": 1}
    assert None not in wire.values()
    assert "response" not in wire


def test_structures_become_json_text_and_metadata_becomes_text() -> None:
    """Members that are texts on the wire take structures, as JSON."""
    step = StepItem.model_validate(step_item("r", "s", tool_definitions=[{"name": "x"}]))
    assert step.tool_definitions == '[{"name":"x"}]'
    run = RunItem.model_validate(run_item("r", metadata={"n": 1, "flag": True}))
    assert run.metadata == {"n": "1", "flag": "True"}


@pytest.mark.parametrize(
    "items",
    [
        [],
        [run_item("r1"), run_item("r2")],
        [run_item("r1"), run_item("r1")],
        [run_item("r1"), step_item("r2", "s")],
        [{"type": "span", "run_id": "r1"}],
    ],
)
def test_a_batch_is_one_run(items: list[dict[str, object]]) -> None:
    """A batch of nothing, of two runs, of a run twice, or of an unknown type is refused."""
    with pytest.raises(ValidationError):
        Batch.model_validate(batch_of(*items))


@pytest.mark.parametrize(
    "body", [{"runId": "r"}, {"score": "thumbs_up"}, {"runId": "r", "score": "meh"}, {"runId": "r", "text": "x" * 2001}]
)
def test_feedback_says_something_about_a_run(body: dict[str, object]) -> None:
    """A run, and a score or a text of at most 2000 characters."""
    with pytest.raises(ValidationError):
        Feedback.model_validate(body)


def test_a_run_record_adopts_its_children() -> None:
    """Children get the run's id, whatever they say, and ids of their own where they have none."""
    step, call = step_item("other", "s1"), tool_call_item("other", "t1")
    del step["step_id"], call["run_id"]
    record = RunRecord.model_validate({"start_time": AT, "end_time": AT, "steps": [step, step], "tool_calls": [call]})
    run, first, second, third = record.to_items()
    assert run["run_id"] == first["run_id"] == second["run_id"] == third["run_id"]
    assert first["step_id"] != second["step_id"]
    assert third["tool_call_id"] == "t1"
    assert "steps" not in run
    Batch.model_validate(batch_of(run, first, second, third))


def test_the_schema_files_are_current_and_shipped() -> None:
    """The JSON Schema files in the package are what the models say today."""
    folder = files("tcc_schemas") / "json_schema"
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == schemas()
    for content in schemas().values():
        assert orjson.loads(content)["$schema"]


def test_the_line_format_needs_no_pydantic() -> None:
    """Importing the line format, the endpoints and the places loads neither pydantic nor the uploader's libraries."""
    code = (
        "import sys, tcc_schemas.lines, tcc_schemas.endpoints, tcc_schemas.default_dirs\n"
        "print([name for name in ('pydantic', 'httpx', 'watchdog', 'click', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_exported_name_is_there() -> None:
    """The front door opens to each name it lists, and to no other."""
    for name in tcc_schemas.__all__:
        assert getattr(tcc_schemas, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = tcc_schemas.NoSuchName
