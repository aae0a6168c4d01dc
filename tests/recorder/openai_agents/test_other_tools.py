"""Other runners and processors, before and after ours."""

from typing import Any

import pytest

import tcc_recorder.openai_agents as recording
from support.agents_world import APIS, VERSION, Script, agents, calls, drive
from tcc_recorder.openai_agents.installation import registered_processors
from tcc_recorder.testing import Captured, capture


def agent(*answers: Any, **options: Any) -> Any:
    """Return an agent with a scripted model."""
    return agents.Agent(name="helper", model=Script(*answers, spans=True), **options)


class Foreign(agents.run.AgentRunner):
    """A runner of somebody else's: passes on to what was there before it, if it is told to."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.runs = 0

    async def run(self, starting_agent: Any, input: Any, **kwargs: Any) -> Any:  # noqa: A002 -- the SDK's name
        """See the base class."""
        self.runs += 1
        if self.inner is None:
            return await super().run(starting_agent, input, **kwargs)
        return await self.inner.run(starting_agent, input, **kwargs)

    def run_sync(self, starting_agent: Any, input: Any, **kwargs: Any) -> Any:  # noqa: A002 -- the SDK's name
        """See the base class."""
        if self.inner is None:
            return super().run_sync(starting_agent, input, **kwargs)
        self.runs += 1
        return self.inner.run_sync(starting_agent, input, **kwargs)

    def run_streamed(self, starting_agent: Any, input: Any, **kwargs: Any) -> Any:  # noqa: A002 -- the SDK's name
        """See the base class."""
        self.runs += 1
        if self.inner is None:
            return super().run_streamed(starting_agent, input, **kwargs)
        return self.inner.run_streamed(starting_agent, input, **kwargs)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("order", ["before ours", "after ours", "between two of ours"])
def test_other_runners_keep_working(captured: Captured, order: str, api: str) -> None:
    """A runner that was there is passed through; one that passes on to ours is recorded once; install() repairs."""
    if order == "before ours":
        recording.uninstall()
    other = Foreign(agents.run.get_default_agent_runner())
    agents.run.set_default_agent_runner(other)
    if order != "after ours":
        recording.install()
    drive(api, agent("yes"))
    assert len(captured.lines) == 1
    assert captured.steps[0]["response"] == "yes"
    assert other.runs == 1
    recording.uninstall()
    drive(api, agent("yes"))
    assert len(captured.lines) == 1
    assert other.runs == 2


@pytest.mark.parametrize("api", APIS)
def test_a_method_that_somebody_put_on_the_runner_stays(captured: Captured, api: str) -> None:
    """Tools that patch the default runner object go on working, with us and without."""
    runner = agents.run.get_default_agent_runner()
    seen: list[str] = []
    original = getattr(runner, api)

    def patched(*args: Any, **kwargs: Any) -> Any:
        seen.append(api)
        return original(*args, **kwargs)

    setattr(runner, api, patched)
    drive(api, agent("yes"))
    recording.uninstall()
    drive(api, agent("yes"))
    assert seen == [api, api]
    assert len(captured.lines) == 1
    recording.install()
    drive(api, agent("yes"))
    assert len(captured.lines) == 2
    delattr(runner, api)


class Listener(agents.tracing.TracingProcessor):
    """A processor of somebody else's."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_trace_start(self, trace: Any) -> None:
        """See the base class."""
        self.seen.append("trace")

    def on_trace_end(self, trace: Any) -> None:
        """See the base class."""

    def on_span_start(self, span: Any) -> None:
        """See the base class."""

    def on_span_end(self, span: Any) -> None:
        """See the base class."""
        self.seen.append(span.span_data.type)

    def shutdown(self) -> None:
        """See the base class."""

    def force_flush(self) -> None:
        """See the base class."""


def test_other_processors_keep_working(captured: Captured) -> None:
    """Those before and after ours see the same; one that takes the place of all others costs details, no record."""
    recording.uninstall()
    alone = Listener()
    agents.tracing.set_trace_processors([alone])
    drive("run", agent("yes"))
    first, last = Listener(), Listener()
    agents.tracing.set_trace_processors([first])
    recording.install()
    agents.tracing.add_trace_processor(last)
    drive("run", agent("yes"))
    assert first.seen == last.seen == alone.seen
    recording.uninstall()
    assert registered_processors() == (first, last)
    recording.install()
    agents.tracing.set_trace_processors([alone])
    add = agents.function_tool(lambda: "3", name_override="add", description_override="")
    drive("run", agent([calls("add")], "yes", tools=[add]))
    assert len(captured.lines) == 2
    assert captured.tool_calls[0]["result"] == "3"


@pytest.mark.skipif(VERSION < (0, 14), reason="before 0.14 there are no task spans")
@pytest.mark.parametrize("api", APIS)
def test_runs_that_bypass_our_runner_are_read_from_spans(
    offline: None, caplog: pytest.LogCaptureFixture, api: str
) -> None:
    """Another runner took our place and does not pass on: a record with less, and one warning."""
    before = recording.failures()
    recording.install()
    agents.run.set_default_agent_runner(Foreign(None))

    @agents.function_tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @agents.function_tool(failure_error_function=None)
    def hard() -> str:
        """Raise."""
        raise ValueError("hard boom")

    class Spoken(Script):
        async def _next(self) -> list[Any]:
            items = await super()._next()
            span = agents.tracing.get_current_span()
            span.span_data.input = self.asked[-1]
            span.span_data.output = [item.model_dump() for item in items]
            return items

    with capture() as captured:
        helper = agents.Agent(name="helper", model=Spoken([calls("add", a=1, b=2)], "3", spans=True), tools=[add])
        drive(api, helper, "1 + 2?")
        with pytest.raises(agents.UserError):
            drive(api, agents.Agent(name="helper", model=Spoken([calls("hard")], spans=True), tools=[hard]), "do")
    good, bad = captured.runs
    assert (good["prompt"]["user_prompt"], good["response"], good["status_code"]) == ("1 + 2?", "3", 0)
    assert good["metadata"]["last_agent"] == "helper"
    assert [step["status_code"] for step in captured.steps if step["run_id"] == good["run_id"]] == [0, 0]
    assert [(call["tool_name"], call["result"]) for call in captured.tool_calls[:1]] == [("add", "3")]
    assert bad["status_code"] == 2
    assert caplog.text.count("another runner took the place of ours") == 1
    assert recording.failures() == before
