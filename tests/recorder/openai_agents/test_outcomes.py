"""Every way in which a run ends, by every API, with tracing and without: one record, with the right outcome."""

import asyncio
from typing import Any

import pytest

from support.agents_world import APIS, VERSION, Script, adrive, agents, by_name, calls, drive, says
from tcc_recorder.testing import Captured

pytestmark = [pytest.mark.parametrize("api", APIS), pytest.mark.usefixtures("tracing")]


class BoomError(Exception):
    """What a tool or a model raises."""


@agents.function_tool
def soft() -> str:
    """Raise; the SDK tells the model."""
    raise BoomError("soft boom")


@agents.function_tool(failure_error_function=None)
def hard() -> str:
    """Raise; the SDK ends the run."""
    raise BoomError("hard boom")


@agents.function_tool(needs_approval=True)
def risky() -> str:
    """Wait for an approval."""
    return "done it"


@agents.function_tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def agent(*answers: Any, **options: Any) -> Any:
    """Return an agent with a scripted model."""
    return agents.Agent(name="helper", model=Script(*answers, spans=True), **options)


def only(captured: Captured) -> dict[str, Any]:
    """Return the one run that was recorded."""
    assert len(captured.lines) == len(captured.runs) == 1
    return captured.runs[0]


def test_a_tool_that_raises_is_an_error_of_the_tool_alone(captured: Captured, api: str) -> None:
    """With the default handler the run goes on: it succeeded, the tool call did not."""
    drive(api, agent([calls("soft")], "It does not work.", tools=[soft]))
    assert (only(captured)["status_code"], captured.runs[0]["response"]) == (0, "It does not work.")
    assert captured.tool_calls[0]["status_code"] == 2
    assert captured.tool_calls[0]["status_message"]


def test_a_tool_that_raises_through_ends_the_run(captured: Captured, api: str) -> None:
    """Without a handler the run fails with the exception, and so does the tool call."""
    with pytest.raises(agents.UserError):
        drive(api, agent([calls("hard")], "never", tools=[hard]))
    run = only(captured)
    assert run["status_code"] == 2
    assert run["status_message"] == "UserError: Error running tool hard: hard boom"
    assert "response" not in run
    assert captured.tool_calls[0]["status_code"] == 2
    assert "hard boom" in captured.tool_calls[0]["status_message"]


def test_an_unknown_tool_ends_the_run(captured: Captured, api: str) -> None:
    """The model's answer is recorded as it came, and the tool call says that nothing ran."""
    with pytest.raises(agents.ModelBehaviorError):
        drive(api, agent([calls("nonsense", x=1)], tools=[add]))
    assert only(captured)["status_code"] == 2
    assert captured.runs[0]["status_message"].startswith("ModelBehaviorError: ")
    [step] = captured.steps
    assert "nonsense" in step["response"]
    assert (step["status_code"], step["completion_tokens"]) == (0, 7)
    call = by_name(captured)["nonsense"]
    assert call["status_code"] == 2
    assert call["status_message"].startswith("not run: ")
    assert call["args"] == '{"x": 1}'


def test_parallel_tools_of_which_one_fails(captured: Captured, api: str) -> None:
    """Each has its own status."""
    both = [calls("soft", "call-1"), calls("add", "call-2", a=1, b=1)]
    drive(api, agent(both, "2, at least", tools=[soft, add]))
    assert only(captured)["status_code"] == 0
    assert {name: call["status_code"] for name, call in by_name(captured).items()} == {"soft": 2, "add": 0}


@pytest.mark.parametrize("parallel", [True, False])
def test_an_input_guardrail_s_tripwire_ends_the_run(captured: Captured, api: str, parallel: bool) -> None:
    """The run failed, even if the model has answered; the guardrail is noted."""

    async def no_maths(*_: Any) -> Any:
        return agents.GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)

    guarded = agent("4", input_guardrails=[agents.InputGuardrail(no_maths, run_in_parallel=parallel)])
    with pytest.raises(agents.InputGuardrailTripwireTriggered):
        drive(api, guarded)
    run = only(captured)
    assert run["status_code"] == 2
    assert run["status_message"].startswith("InputGuardrailTripwireTriggered: ")
    assert run["metadata"]["guardrails"] == "no_maths: triggered"
    assert "response" not in run


def test_an_output_guardrail_s_tripwire_ends_the_run(captured: Captured, api: str) -> None:
    """What the model said is in the step, and is not the run's output."""

    async def polite(*_: Any) -> Any:
        return agents.GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)

    async def short(*_: Any) -> Any:
        return agents.GuardrailFunctionOutput(output_info=None, tripwire_triggered=False)

    guarded = agent("Go away.", output_guardrails=[agents.OutputGuardrail(short), agents.OutputGuardrail(polite)])
    with pytest.raises(agents.OutputGuardrailTripwireTriggered):
        drive(api, guarded)
    run = only(captured)
    assert run["status_code"] == 2
    assert "polite: triggered" in run["metadata"]["guardrails"]
    assert "response" not in run
    assert captured.steps[0]["response"] == "Go away."


def test_a_guardrail_that_passes_is_noted(captured: Captured, api: str) -> None:
    """A run's metadata says which guardrails looked at it."""

    async def harmless(*_: Any) -> Any:
        return agents.GuardrailFunctionOutput(output_info=None, tripwire_triggered=False)

    drive(api, agent("4", input_guardrails=[agents.InputGuardrail(harmless)]))
    assert only(captured)["metadata"]["guardrails"] == "harmless: passed"


def test_too_many_turns_end_the_run(captured: Captured, api: str) -> None:
    """MaxTurnsExceeded is a failure by every API."""
    again = [[calls("add", f"call-{number}", a=1, b=1)] for number in range(3)]
    with pytest.raises(agents.MaxTurnsExceeded):
        drive(api, agent(*again, tools=[add]), max_turns=2)
    run = only(captured)
    assert (run["status_code"], run["status_message"]) == (2, "MaxTurnsExceeded: Max turns (2) exceeded")
    assert len(captured.steps) == len(captured.tool_calls) == 2


def test_too_many_turns_that_are_handled_are_a_success(captured: Captured, api: str) -> None:
    """The handler's output is the run's."""
    again = [[calls("add", f"call-{number}", a=1, b=1)] for number in range(3)]
    drive(api, agent(*again, tools=[add]), max_turns=2, error_handlers={"max_turns": lambda _: "gave up"})
    assert (only(captured)["status_code"], captured.runs[0]["response"]) == (0, "gave up")


def test_a_model_that_raises_ends_the_run(captured: Captured, api: str) -> None:
    """The step failed with the run; secrets in the message are not recorded."""
    with pytest.raises(BoomError):
        drive(api, agent(BoomError("no route, api_key=sk-live-0123456789abcdef")))
    run = only(captured)
    assert run["status_message"] == "BoomError: no route, api_key=[REDACTED]"
    [step] = captured.steps
    assert step["status_code"] == run["status_code"] == 2
    assert "no route" in step["status_message"]
    assert b"sk-live" not in captured.lines[0].body


def test_instructions_that_raise_end_the_run(captured: Captured, api: str) -> None:
    """A run that fails before any model is called is recorded too."""

    def instructions(_context: Any, _agent: Any) -> str:
        raise BoomError("no instructions")

    with pytest.raises(BoomError):
        drive(api, agent("never", instructions=instructions))
    assert only(captured)["status_message"] == "BoomError: no instructions"
    assert captured.steps == []


def test_a_session_that_fails_to_load_ends_the_run(captured: Captured, api: str) -> None:
    """The SDK's tracing may show nothing at all of such a run."""

    class Broken(agents.SQLiteSession):
        async def get_items(self, *_: Any, **__: Any) -> Any:
            raise BoomError("no history")

    session = Broken("session-9")
    with pytest.raises(BoomError):
        drive(api, agent("never"), "hello", session=session)
    session.close()
    run = only(captured)
    assert (run["status_code"], run["status_message"]) == (2, "BoomError: no history")
    assert (run["session_id"], run["prompt"]["user_prompt"]) == ("session-9", "hello")


def test_hooks_of_the_wrong_kind_are_the_sdk_s_to_refuse(captured: Captured, api: str) -> None:
    """The client gets the SDK's own error, and the run is recorded as failed."""
    if VERSION < (0, 8):
        pytest.skip("this version of openai-agents checks no hooks")
    with pytest.raises(TypeError, match="Run hooks must be instances of RunHooks"):
        drive(api, agent("never"), hooks=agents.AgentHooks())
    assert only(captured)["status_code"] == 2


def test_an_interrupted_run_is_partial_and_its_resumption_a_run_of_its_own(captured: Captured, api: str) -> None:
    """The first says what it waits for; the second has its own steps and tools, and only those."""
    cautious = agent([calls("risky")], "It is done.", tools=[risky])
    first = drive(api, cautious, "Do it")
    state = first.to_state()
    state.approve(first.interruptions[0])
    drive(api, cautious, state)
    assert len(captured.lines) == 2
    waiting, resumed = captured.runs
    assert (waiting["status_code"], waiting["status_message"]) == (1, "waiting for approval: risky")
    assert "response" not in waiting
    assert (resumed["status_code"], resumed["response"]) == (0, "It is done.")
    assert resumed["prompt"]["user_prompt"] == "Do it"
    assert resumed["metadata"]["resumed"] == "true"
    assert [step["run_id"] for step in captured.steps] == [waiting["run_id"], resumed["run_id"]]
    asked, ran = captured.tool_calls
    assert (asked["run_id"], asked["status_code"]) == (waiting["run_id"], 1)
    assert asked["status_message"] == "not run: waiting for approval: risky"
    assert (ran["run_id"], ran["status_code"], ran["result"]) == (resumed["run_id"], 0, "done it")


def test_a_run_that_is_cancelled_from_outside_is_partial(captured: Captured, api: str) -> None:
    """So is one that its caller's time limit cancels."""
    if api == "run_sync":
        pytest.skip("there is no task to cancel")

    async def cancelled() -> None:
        begun = asyncio.Event()

        async def stuck() -> str:
            begun.set()
            return await asyncio.Future()

        task = asyncio.ensure_future(adrive(api, agent(stuck)))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    run = only(captured)
    assert (run["status_code"], run["status_message"]) == (1, "cancelled")
    [step] = captured.steps
    assert (step["status_code"], step["status_message"]) == (1, "cancelled")


def test_an_interrupted_program_s_run_is_partial(captured: Captured, api: str) -> None:
    """Ctrl-C in the middle of a run is no failure of the run, and still reaches the program."""

    async def pressed() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(api, agent(pressed))
    run = only(captured)
    assert run["status_code"] == 1
    assert run["status_message"].startswith("cancelled")


def test_an_answer_that_is_no_json_of_the_output_type(captured: Captured, api: str) -> None:
    """The answer is in the step, though the run failed."""
    with pytest.raises(agents.ModelBehaviorError):
        drive(api, agent([says("no JSON")], output_type=list[int]))
    assert only(captured)["status_code"] == 2
    assert captured.steps[0]["response"] == "no JSON"
