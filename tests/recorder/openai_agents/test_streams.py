"""Streamed runs end when their task ends, whoever reads them."""

import asyncio
import gc
from typing import Any

import pytest

from support.agents_world import Script, agents, calls
from tcc_recorder.testing import Captured

pytestmark = pytest.mark.usefixtures("tracing")


@agents.function_tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def agent(*answers: Any) -> Any:
    """Return an agent with a scripted model."""
    return agents.Agent(name="helper", model=Script(*answers, spans=True), tools=[add])


def only(captured: Captured) -> dict[str, Any]:
    """Return the one run that was recorded."""
    assert len(captured.lines) == len(captured.runs) == 1
    return captured.runs[0]


def task_of(result: Any) -> Any:
    """Return the task in which a streamed run goes on."""
    return result.run_loop_task


def test_read_to_the_end(captured: Captured) -> None:
    """The client gets every event; the record has the time to the first token of each step with words."""

    async def main() -> list[str]:
        result = agents.Runner.run_streamed(agent([calls("add", a=1, b=2)], "It is three."), "1 + 2?")
        return [event.type async for event in result.stream_events()]

    types = asyncio.run(main())
    assert types.count("raw_response_event") == 5
    assert only(captured)["status_code"] == 0
    first, second = captured.steps
    assert "ttft_ms" not in first
    assert 0 <= second["ttft_ms"] < 60_000
    assert {step["model_used"] for step in captured.steps} == {"scripted-1"}


@pytest.mark.parametrize("how", ["broken off", "never read"])
def test_not_read_to_the_end(captured: Captured, how: str) -> None:
    """A run that nobody reads goes on to its end: it has succeeded."""

    async def main() -> None:
        result = agents.Runner.run_streamed(agent([calls("add", a=1, b=2)], "It is three."), "1 + 2?")
        if how == "broken off":
            async for _ in result.stream_events():
                break
        await task_of(result)

    asyncio.run(main())
    assert (only(captured)["status_code"], captured.runs[0]["response"]) == (0, "It is three.")
    assert len(captured.steps) == 2


@pytest.mark.parametrize("when", ["before it began", "while the model thinks", "while a tool runs"])
def test_cancelled_at_once(captured: Captured, when: str) -> None:
    """What had ended by then is recorded, what was under way says that it was cancelled."""

    async def main() -> None:
        begun = asyncio.Event()

        async def stuck() -> str:
            begun.set()
            return await asyncio.Future()

        @agents.function_tool
        async def wait() -> str:
            """Wait."""
            return await stuck()

        model = Script([calls("wait")] if when == "while a tool runs" else stuck, spans=True)
        result = agents.Runner.run_streamed(agents.Agent(name="helper", model=model, tools=[wait]), "wait")
        if when != "before it began":
            await begun.wait()
        result.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task_of(result)

    asyncio.run(main())
    run = only(captured)
    assert (run["status_code"], run["status_message"]) == (1, "cancelled")
    assert "response" not in run
    steps, tools = ([item["status_code"] for item in items] for items in (captured.steps, captured.tool_calls))
    assert (steps, tools) == {
        "before it began": ([], []),
        "while the model thinks": ([1], []),
        "while a tool runs": ([0], [1]),
    }[when]


def test_the_words_of_a_broken_stream_are_kept(captured: Captured) -> None:
    """A model that fails in the middle of its answer has said something."""

    class Breaks(Script):
        async def stream_response(self, *args: Any, **kwargs: Any) -> Any:
            events = super().stream_response(*args, **kwargs)
            yield await anext(events)
            yield await anext(events)
            await events.aclose()
            raise ConnectionError("the line is dead")

    async def main() -> None:
        result = agents.Runner.run_streamed(agents.Agent(name="helper", model=Breaks("one two three")), "count")
        with pytest.raises(ConnectionError):
            async for _ in result.stream_events():
                pass

    asyncio.run(main())
    assert only(captured)["status_message"] == "ConnectionError: the line is dead"
    [step] = captured.steps
    assert (step["response"], step["status_code"]) == ("onetwo", 2)


def test_cancelled_after_the_turn(captured: Captured) -> None:
    """The turn is complete, the run is not."""

    async def main() -> None:
        result = agents.Runner.run_streamed(agent([calls("add", a=1, b=2)], "never"), "1 + 2?")
        async for event in result.stream_events():
            if event.type == "raw_response_event":
                result.cancel(mode="after_turn")

    asyncio.run(main())
    run = only(captured)
    assert (run["status_code"], run["status_message"]) == (1, "stopped after a turn")
    assert len(captured.steps) == 1
    assert captured.tool_calls[0]["result"] == "3"


def test_the_reader_s_time_limit(captured: Captured) -> None:
    """A reader that gives up cancels the run."""

    async def main() -> None:
        async def stuck() -> str:
            return await asyncio.Future()

        result = agents.Runner.run_streamed(agent(stuck), "wait")

        async def read() -> None:
            async for _ in result.stream_events():
                pass

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read(), 0.01)

    asyncio.run(main())
    assert (only(captured)["status_code"], captured.runs[0]["status_message"]) == (1, "cancelled")


def test_a_loop_that_ends_under_it(captured: Captured) -> None:
    """asyncio.run() cancels what is left."""

    async def main() -> None:
        async def stuck() -> str:
            return await asyncio.Future()

        agents.Runner.run_streamed(agent(stuck), "wait")
        await asyncio.sleep(0)

    asyncio.run(main())
    assert (only(captured)["status_code"], captured.runs[0]["status_message"]) == (1, "cancelled")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_loop_that_is_closed_under_it(captured: Captured) -> None:
    """A loop that is simply dropped tells nobody; the record then says that the run did not end."""

    async def main() -> None:
        async def stuck() -> str:
            return await asyncio.Future()

        agents.Runner.run_streamed(agent(stuck), "wait")
        await asyncio.sleep(0)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
    del loop
    gc.collect()
    run = only(captured)
    assert run["status_code"] in (1, 2)
    assert run["status_message"] in ("cancelled", "not ended: the run was dropped")
    assert run["prompt"]["user_prompt"] == "wait"


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_a_run_that_cannot_start(captured: Captured) -> None:
    """run_streamed() that raises at once is a failed run."""
    with pytest.raises(RuntimeError, match="no running event loop"):
        agents.Runner.run_streamed(agent("never"), "hello")
    gc.collect()
    assert only(captured)["status_code"] == 2


def test_asyncio_still_complains_of_an_exception_that_nobody_looked_at(captured: Captured) -> None:
    """Our looking at the task is not the client's."""
    complaints: list[str] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
        result = agents.Runner.run_streamed(agent(ValueError("unseen")), "hello")
        await asyncio.wait([task_of(result)])

    asyncio.run(main())
    gc.collect()
    assert only(captured)["status_message"] == "ValueError: unseen"
    assert "Task exception was never retrieved" in complaints
