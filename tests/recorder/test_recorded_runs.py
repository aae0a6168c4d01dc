import asyncio
import hashlib
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import TypeAdapter

import tcc_recorder as tcc
from tcc_recorder.testing import capture
from tcc_schemas.items import Batch, RunRecord
from tcc_schemas.lines import Line
from tcc_schemas.records import SpoolLine

Records = Callable[[Path], list[Line]]
WIRE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_a_run_is_one_record_with_the_children_that_had_ended(spool: Path, records: Records) -> None:
    """The record is the run, then its ended steps, then its ended tool calls; nothing else."""
    run = tcc.run(session_id="s", conversational=True, api_key="key", tcc_url="https://x.example/v1/custom")
    run.tool_call("t", "t1").args({"a": [1]}).result("text").end()
    step = run.step("s1").prompt("p").response("r").model("a", "b").finish_reason("stop")
    step.tokens(1, 2, 3).cost(0.25).tool_definitions("[]").ttft_ms(7).attributes({"x": 1}).status(1, "meh").end()
    run.step("never ended").prompt("p")
    run.prompt("u", "sys").full_input([1]).response("r").full_output({"o": 1}).metadata({"a": 1}, b="c").end()
    (line,) = records(spool)
    assert (line.kind, line.id, line.run_id, line.path) == ("run", run.run_id, run.run_id, "/v1/custom")
    assert line.url == "https://x.example/v1/custom"
    assert line.key == hashlib.sha256(b"key").hexdigest()[:8]
    assert not line.converted
    body = orjson.loads(line.body)
    Batch.model_validate(body)
    first, second, third = body["items"]
    assert line.at == first["end_time"]
    for item in body["items"]:
        assert WIRE_TIME.fullmatch(item.pop("start_time"))
        assert WIRE_TIME.fullmatch(item.pop("end_time"))
        assert item.pop("run_id") == run.run_id
    assert first == {
        "type": "run",
        "status_code": 0,
        "prompt": {"user_prompt": "u", "system_prompt": "sys", "full_input": "[1]"},
        "session_id": "s",
        "conversational": True,
        "response": "r",
        "full_output": '{"o":1}',
        "metadata": {"a": "1", "b": "c"},
    }
    assert second == {
        "type": "step",
        "step_id": "s1",
        "status_code": 1,
        "status_message": "meh",
        "prompt": "p",
        "response": "r",
        "model_requested": "a",
        "model_used": "b",
        "finish_reason": "stop",
        "prompt_uncached_tokens": 1,
        "prompt_cached_tokens": 2,
        "completion_tokens": 3,
        "real_total_cost": 0.25,
        "tool_definitions": "[]",
        "ttft_ms": 7,
        "attributes": {"x": 1},
    }
    assert third == {
        "type": "tool_call",
        "tool_call_id": "t1",
        "tool_name": "t",
        "status_code": 0,
        "args": '{"a":[1]}',
        "result": "text",
    }


def test_every_line_is_what_the_schemas_say(spool: Path) -> None:
    """Header, records and seal validate against the models both halves share."""
    run = tcc.run(api_key="k").prompt("p")
    late = run.step().prompt("p").response("r")
    run.end()
    late.end()
    tcc.tool_call("other").error()
    run.feedback("thumbs_up", "good")
    tcc.configure(max_bytes=10**9)  # seals
    (path,) = spool.glob("*.jsonl")
    assert re.fullmatch(r"\d{8}t\d{6}z-[0-9a-f]{16}\.jsonl", path.name)
    kinds = [TypeAdapter(SpoolLine).validate_json(line).kind for line in path.read_bytes().splitlines()]
    assert kinds == ["segment", "run", "step", "tool_call", "feedback", "seal"]


def test_late_and_standalone_children_are_records_of_their_own(spool: Path, records: Records) -> None:
    """A child that ends after its run, or that was made by run_id alone, is recorded when it ends."""
    run = tcc.run("r1", api_key="a").prompt("p")
    late = run.tool_call("t", "late")
    run.end()
    late.end()
    tcc.step("r2", "alone", api_key="b").prompt("p").response("r").end()
    tcc.step("r3", "alone with a tool").tool_call("t", "grandchild").end()
    found = [(line.kind, line.id, line.run_id, line.key and len(line.key)) for line in records(spool)]
    assert found == [
        ("run", "r1", "r1", 8),
        ("tool_call", "late", "r1", 8),
        ("step", "alone", "r2", 8),
        ("tool_call", "grandchild", "r3", None),
    ]


def test_setters_change_nothing_that_has_ended() -> None:
    """What end() recorded is what it was then."""
    with capture() as captured:
        run = tcc.run().prompt("p")
        step = run.step().prompt("p").response("before")
        step.end()
        step.response("after").status(2, "after")
        run.end()
        run.response("after")
    assert captured.steps[0]["response"] == "before"
    assert "response" not in captured.runs[0]


def test_a_large_run_is_written_as_children_and_then_the_run(spool: Path, records: Records) -> None:
    """Above 4 MiB each item is a record, the run last, so that no request grows beyond what its own item needs."""
    run = tcc.run("r").prompt("p")
    for number in range(5):
        run.step(f"s{number}").prompt("x" * 2**20).response("r").end()
    run.tool_call("t", "t0").end()
    run.end()
    assert [line.id for line in records(spool)] == ["s0", "s1", "s2", "s3", "s4", "t0", "r"]


def test_a_with_block_ends_what_it_began() -> None:
    """A block that leaves normally ends the item, one that raises fails it and raises on, one that ended it is done."""
    with capture() as captured:
        with tcc.run("ok") as run, run.step() as step, run.tool_call("t"):
            run.prompt("p")
            step.prompt("p").response("r")
        with pytest.raises(KeyError), tcc.run("bad") as run:  # noqa: PT012 -- the block is what is tested
            run.prompt("p")
            raise KeyError("api_key=hunter2")
        with tcc.run("own") as run:
            run.prompt("p").end()
    good, bad, own = captured.runs
    assert (good["status_code"], own["status_code"]) == (0, 0)
    assert (bad["status_code"], bad["status_message"]) == (2, "KeyError: 'api_key=[REDACTED]'")
    assert (len(captured.steps), len(captured.tool_calls)) == (1, 1)


def test_async_blocks_keep_concurrent_runs_apart() -> None:
    """Runs that interleave on one event loop keep their own children, and a cancelled one is recorded as failed."""

    async def agent(name: str) -> None:
        async with tcc.run(name) as run:
            run.prompt(name)
            await asyncio.sleep(0)
            async with run.step(f"{name}-step") as step:
                step.prompt("p")
                await asyncio.sleep(0)
                step.response("r")

    async def cancelled(began: asyncio.Event) -> None:
        async with tcc.run("cancelled") as run:
            run.prompt("p")
            began.set()
            await asyncio.Event().wait()

    async def main() -> None:
        await asyncio.gather(*(agent(f"a{number}") for number in range(20)))
        began = asyncio.Event()
        task = asyncio.ensure_future(cancelled(began))
        await began.wait()
        task.cancel()
        await asyncio.wait([task])

    with capture() as captured:
        asyncio.run(main())
    assert len(captured.lines) == 21
    assert {step["step_id"] for step in captured.steps} == {f"a{number}-step" for number in range(20)}
    assert all(step["step_id"] == f"{step['run_id']}-step" for step in captured.steps)
    assert captured.runs[-1]["status_message"].startswith("CancelledError")


def test_times_are_utc_and_survive_a_clock_that_jumps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end is the start plus elapsed monotonic time: setting the clock back makes no run end before it began."""
    with capture() as captured:
        before = datetime.now(UTC)
        run = tcc.run().prompt("p")
        monkeypatch.setattr(time, "time_ns", lambda: 0)
        run.end()
    item = captured.runs[0]
    assert item["start_time"] <= item["end_time"]
    assert abs(datetime.fromisoformat(item["start_time"]) - before) < timedelta(seconds=5)


def test_times_may_be_set(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """start_time and end_time take datetimes, naive ones as local time; anything else is ignored and logged."""
    monkeypatch.setenv("TZ", "Etc/GMT-2")
    time.tzset()
    try:
        with capture() as captured:
            run = tcc.run().prompt("p").start_time(datetime(2020, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))))
            run.end_time(datetime(2020, 1, 1, 3, 0, 0, 5999)).start_time("noon").end_time(None).end()  # type: ignore[arg-type]  # noqa: DTZ001 -- the point
    finally:
        monkeypatch.undo()
        time.tzset()
    assert captured.runs[0]["start_time"] == "2020-01-01T00:00:00.000Z"
    assert captured.runs[0]["end_time"] == captured.lines[0].at == "2020-01-01T01:00:00.005Z"
    assert "start_time is ignored: str is not a datetime" in caplog.text


def test_ids_are_ordered_by_time_and_independent_of_a_seeded_random(monkeypatch: pytest.MonkeyPatch) -> None:
    """New ids are UUIDs of version 7; later ones sort behind."""
    import random  # noqa: PLC0415 -- only to seed it
    import uuid  # noqa: PLC0415 -- only to parse ids

    random.seed(1)
    first = tcc.run().run_id
    random.seed(1)
    monkeypatch.setattr(time, "time_ns", lambda real=time.time_ns: real() + 2_000_000)
    second = tcc.run("").run_id
    assert first < second
    assert all((uuid.UUID(ident).version, uuid.UUID(ident).variant) == (7, uuid.RFC_4122) for ident in (first, second))


def test_a_whole_run_is_recorded_like_one_that_was_built() -> None:
    """record() writes run and children as one record, redacted, and returns the run's id."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    times: dict[str, Any] = {"start_time": moment, "end_time": moment + timedelta(seconds=1)}
    whole = RunRecord.model_validate(
        {
            "prompt": {"user_prompt": "p"},
            "status_message": "password=x",
            "steps": [{"prompt": "p", **times}],
            "tool_calls": [{"tool_name": "t", "args": {"a": 1}, **times}],
            **times,
        }
    )
    with capture() as captured:
        run_id = tcc.record(whole)
    (line,) = captured.lines
    assert (line.id, line.at) == (run_id, "2026-01-01T00:00:01.000Z")
    assert captured.runs[0]["status_message"] == "password=[REDACTED]"
    assert captured.steps[0]["run_id"] == captured.tool_calls[0]["run_id"] == run_id


@pytest.mark.parametrize(
    ("run_url", "feedback_url"),
    [
        (None, None),
        ("https://own.example/base/v1/custom", "https://own.example/base/v1/feedback"),
        ("http://localhost:8000/ingest", "http://localhost:8000/v1/feedback"),
        ("no url", "no url"),
    ],
)
def test_feedback_goes_where_its_run_goes(run_url: str | None, feedback_url: str | None) -> None:
    """Run.feedback carries the run's key hint, and the feedback path at the run's own server."""
    with capture() as captured:
        run = tcc.run("r", api_key="k", tcc_url=run_url).prompt("p")
        run.end()
        assert run.feedback("thumbs_down", "no") is True
        assert tcc.submit_feedback("r", text="later", tcc_url="https://own.example/f") is True
    first, own, later = captured.lines
    assert (own.kind, own.run_id, own.path, own.url, own.key) == (
        "feedback",
        "r",
        "/v1/feedback",
        feedback_url,
        first.key,
    )
    assert own.id != later.id
    assert (later.url, later.key) == ("https://own.example/f", None)
    assert captured.feedback == [{"runId": "r", "score": "thumbs_down", "text": "no"}, {"runId": "r", "text": "later"}]


def test_the_key_itself_is_never_written(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a hint of the key is in the spool."""
    monkeypatch.setenv("TCC_API_KEY", "dev_environment_secret")
    tcc.run().prompt("p").end()
    tcc.run(api_key="argument_secret").prompt("p").end()
    assert not any(b"_secret" in path.read_bytes() for path in spool.iterdir())
