"""The client's program does what it did before: same calls, same results, same errors."""

import asyncio
import copy
import dataclasses
import gc
import threading
import weakref
from typing import Any

import pytest

import tcc_recorder.openai_agents as recording
from support.agents_world import APIS, Script, agents, calls, drive, own_loop
from tcc_recorder import sink
from tcc_recorder.openai_agents.execution import Execution
from tcc_recorder.openai_agents.guard import Guard
from tcc_recorder.openai_agents.llm_calls import LlmCalls
from tcc_recorder.openai_agents.tool_calls import ToolCalls
from tcc_recorder.testing import Captured, capture

pytestmark = [pytest.mark.parametrize("api", APIS), pytest.mark.usefixtures("tracing")]


class MineError(Exception):
    """The client's own."""


@agents.function_tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Noting(agents.RunHooks):
    """Notes every call as it came; raises in one of them, if told to."""

    def __init__(self, raises: str = "") -> None:
        self.calls: list[Any] = []
        self.raises = raises

    def note(self, hook: str, *args: Any, **kwargs: Any) -> None:
        """Keep a call; raise, if this is the hook to raise."""
        kinds = [type(arg).__name__ for arg in args[:1]] + [_short(arg) for arg in args[1:]]
        self.calls.append((hook, *kinds, sorted(kwargs)))
        if hook == self.raises:
            raise MineError(hook)

    async def on_agent_start(self, *args: Any, **kwargs: Any) -> None:
        """See the base class."""
        self.note("on_agent_start", *args, **kwargs)

    async def on_agent_end(self, *args: Any, **kwargs: Any) -> None:
        """See the base class."""
        self.note("on_agent_end", *args, **kwargs)

    async def on_llm_start(self, *args: Any, **kwargs: Any) -> None:
        """See the base class."""
        self.note("on_llm_start", *args, **kwargs)

    async def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        """See the base class."""
        self.note("on_llm_end", *args, **kwargs)

    async def on_tool_start(self, *args: Any, **kwargs: Any) -> None:
        """See the base class."""
        self.note("on_tool_start", *args, **kwargs)

    async def on_tool_end(self, *args: Any, **kwargs: Any) -> None:
        """See the base class."""
        self.note("on_tool_end", *args, **kwargs)

    async def on_handoff(self, *args: Any, **kwargs: Any) -> None:
        """See the base class."""
        self.note("on_handoff", *args, **kwargs)


HOOKS = ("on_agent_start", "on_agent_end", "on_llm_start", "on_llm_end", "on_tool_start", "on_tool_end", "on_handoff")


def _short(value: Any) -> Any:
    return getattr(value, "name", None) or (
        copy.deepcopy(value) if isinstance(value, str | list | None) else type(value)
    )


def agent() -> Any:
    """Return an agent with a scripted model."""
    other = agents.Agent(name="other", model=Script("It is 3."))
    script = Script([calls("add", a=1, b=2)], [calls("transfer_to_other", "call-2")], spans=True)
    return agents.Agent(name="helper", instructions="Be brief.", model=script, tools=[add], handoffs=[other])


def test_the_client_s_hooks_get_the_same_calls(offline: None, api: str) -> None:
    """In the same order, with the same arguments, by position or by name as before."""
    before, after = Noting(), Noting()
    drive(api, agent(), hooks=before)
    recording.install()
    with capture() as captured:
        drive(api, agent(), hooks=after)
    assert {call[0] for call in before.calls} == set(HOOKS)
    assert after.calls == before.calls
    assert len(captured.lines) == 1


@pytest.mark.parametrize("hook", HOOKS)
def test_what_the_client_s_hooks_raise_reaches_the_client(captured: Captured, hook: str, api: str) -> None:
    """As it would without us; and the run is recorded as failed."""
    with pytest.raises((MineError, agents.UserError), match=hook):
        drive(api, agent(), hooks=Noting(hook))
    [run] = captured.runs
    assert run["status_code"] == 2
    assert hook in run["status_message"]


def test_a_hook_that_we_do_not_know_reaches_the_client_s(captured: Captured, api: str) -> None:
    """A later version of the SDK may have more of them."""

    class Later(agents.RunHooks):
        async def on_something_new(self, *_: Any) -> str:
            return "mine"

    from tcc_recorder.openai_agents.hooks import RecordingHooks  # noqa: PLC0415 -- it needs the SDK

    hooks: Any = RecordingHooks(None, Later())  # type: ignore[arg-type]  # nothing is told in this test
    assert asyncio.run(hooks.on_something_new(1)) == "mine"
    drive(api, agent(), hooks=Later())
    assert len(captured.lines) == 1


def test_the_run_configuration_is_neither_changed_nor_copied(captured: Captured, api: str) -> None:
    """The inner runner gets the client's own object, or None; so its own handling of resources stays."""
    seen: list[Any] = []

    class Looking(agents.run.AgentRunner):
        async def run(self, starting_agent: Any, input: Any, **kwargs: Any) -> Any:  # noqa: A002 -- the SDK's name
            seen.append(kwargs)
            return await super().run(starting_agent, input, **kwargs)

        def run_streamed(self, starting_agent: Any, input: Any, **kwargs: Any) -> Any:  # noqa: A002 -- see above
            seen.append(kwargs)
            return super().run_streamed(starting_agent, input, **kwargs)

    recording.uninstall()
    agents.run.set_default_agent_runner(Looking())
    recording.install()
    config = agents.RunConfig(group_id="g", trace_metadata={"a": [1]})
    before = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    context = object()
    drive(api, agent(), run_config=config, context=context, max_turns=7)
    drive(api, agent())
    assert seen[0]["run_config"] is config
    assert seen[0]["context"] is context
    assert seen[0]["max_turns"] == 7
    assert seen[1]["run_config"] is None
    assert {field.name: getattr(config, field.name) for field in dataclasses.fields(config)} == before
    assert len(captured.lines) == 2


def test_a_recorder_that_fails_everywhere_changes_nothing(
    offline: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, api: str
) -> None:
    """Result, hooks and model get what they would; what went wrong is counted, and logged once for each place."""

    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("ours, quoting a SECRET")

    expected, hooks = Noting(), Noting()
    drive(api, agent(), hooks=expected)
    recording.install()
    before = recording.failures()
    for kind in (Execution, LlmCalls, ToolCalls):
        for name, value in list(vars(kind).items()):
            if callable(value) and not name.startswith("_"):
                monkeypatch.setattr(kind, name, fails)
    with capture():
        result = drive(api, agent(), hooks=hooks).final_output
        monkeypatch.setattr(Execution, "__init__", fails)
        again = drive(api, agent()).final_output
        gc.collect()  # the runs that could not be ended are recorded when they are dropped
    assert result == again == "It is 3."
    assert hooks.calls == expected.calls
    assert recording.failures() - before > 5
    logged = [record.getMessage() for record in caplog.records if record.name == "tcc_recorder"]
    assert logged
    assert len(set(logged)) == len(logged)
    assert "SECRET" not in caplog.text


def test_a_detail_that_fails_costs_no_record(offline: None, monkeypatch: pytest.MonkeyPatch, api: str) -> None:
    """The run is recorded with what there is."""

    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("ours")

    monkeypatch.setattr(LlmCalls, "began", fails)
    monkeypatch.setattr(LlmCalls, "give_up", fails)
    monkeypatch.setattr(ToolCalls, "ended", fails)
    recording.install()
    with capture() as captured:
        drive(api, agent(), "hello")
    [run] = captured.runs
    assert (run["prompt"]["user_prompt"], run["response"], run["status_code"]) == ("hello", "It is 3.", 0)


def test_a_disk_that_refuses_changes_nothing(offline: None, monkeypatch: pytest.MonkeyPatch, api: str) -> None:
    """A sink that raises is the recorder's problem."""

    class Full:
        def record(self, _: Any) -> bool:
            raise OSError("no space left on device")

    monkeypatch.setattr(sink, "_captures", [Full()])
    recording.install()
    assert drive(api, agent()).final_output == "It is 3."


def test_no_thread_and_no_task_of_ours(captured: Captured, monkeypatch: pytest.MonkeyPatch, api: str) -> None:
    """As many tasks as without us, and no thread."""

    def tasks_of_a_run() -> int:
        made: list[Any] = []
        original = asyncio.Task

        class Counting(asyncio.tasks._PyTask):  # type: ignore[name-defined,misc]  # the one that can be subclassed
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                made.append(args)
                super().__init__(*args, **kwargs)

        def factory(loop: Any, coroutine: Any, **kwargs: Any) -> Any:
            return Counting(coroutine, loop=loop, **kwargs)

        if api == "run_sync":
            with own_loop() as loop:
                loop.set_task_factory(factory)
                agents.Runner.run_sync(agent(), "x")
        else:

            async def main() -> None:
                asyncio.get_running_loop().set_task_factory(factory)
                result = agents.Runner.run_streamed(agent(), "x") if api == "run_streamed" else None
                if result is None:
                    await agents.Runner.run(agent(), "x")
                else:
                    async for _ in result.stream_events():
                        pass

            asyncio.run(main())
        assert asyncio.Task is original
        return len(made)

    recording.uninstall()
    without = tasks_of_a_run()
    recording.install()
    threads = threading.active_count()
    assert tasks_of_a_run() == without > 0
    assert threading.active_count() <= threads + 1  # the loop's own executor may have grown
    assert len(captured.lines) == 1


def test_a_run_leaves_nothing_behind(captured: Captured, api: str) -> None:
    """When a run is over, nothing of it is kept alive by us, not even by tasks that it started."""
    from tcc_recorder.openai_agents.hooks import RecordingHooks  # noqa: PLC0415 -- it needs the SDK

    helper = agent()
    gone = weakref.ref(helper)
    drive(api, helper)
    del helper
    gc.collect()
    assert gone() is None
    assert not [thing for thing in gc.get_objects() if isinstance(thing, RecordingHooks)]
    assert len(captured.lines) == 1


def test_the_guard_lets_the_program_s_own_interruption_pass(api: str) -> None:
    """Ctrl-C is not an error of ours."""
    guard = Guard()
    with pytest.raises(KeyboardInterrupt), guard:
        raise KeyboardInterrupt(api)
    with guard:
        raise ValueError(api)
    assert guard.failures == 1
