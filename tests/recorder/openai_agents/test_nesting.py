"""Runs inside runs, beside runs, and many under one trace: each is one record, and an inner one names its outer."""

import asyncio
import threading
from typing import Any

import pytest

import tcc_recorder.openai_agents as recording
from support.agents_world import APIS, Script, adrive, agents, calls, drive, own_loop
from tcc_recorder.testing import Captured

pytestmark = pytest.mark.usefixtures("tracing")


def agent(*answers: Any, **options: Any) -> Any:
    """Return an agent with a scripted model."""
    return agents.Agent(**{"name": "outer", **options}, model=Script(*answers, spans=True))


def inner_and_outer(captured: Captured) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the two runs; the inner one ends first."""
    assert len(captured.lines) == len(captured.runs) == 2
    inner, outer = captured.runs
    assert inner["metadata"]["parent_run_id"] == outer["run_id"]
    assert "parent_run_id" not in outer["metadata"]
    return inner, outer


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("way", ["agent as tool", "run in a tool", "run_sync in a tool", "run in a guardrail"])
def test_an_inner_run_names_its_outer_run(captured: Captured, way: str, api: str) -> None:
    """The inner run's steps are its own; the outer one has its own, and the call of the tool."""
    judge = agent("inner answer", name="inner")
    options: dict[str, Any] = {}

    @agents.function_tool(name_override="ask")
    async def run_in_tool(input: str) -> str:  # noqa: A002 -- as as_tool() has it
        """Ask."""
        return str((await agents.Runner.run(judge, input)).final_output)

    @agents.function_tool(name_override="ask")
    def run_sync_in_tool(input: str) -> str:  # noqa: A002 -- as as_tool() has it
        """Ask."""
        with own_loop():
            return str(agents.Runner.run_sync(judge, input).final_output)

    async def guard(_context: Any, _agent: Any, _given: Any) -> Any:
        await agents.Runner.run(judge, "is it fine?")
        return agents.GuardrailFunctionOutput(output_info=None, tripwire_triggered=False)

    answers: list[Any] = [[calls("ask", input="is it fine?")], "outer answer"]
    if way == "agent as tool":
        options["tools"] = [judge.as_tool("ask", "Ask.")]
    elif way == "run in a guardrail":
        options["input_guardrails"] = [agents.InputGuardrail(guard, run_in_parallel=False)]
        del answers[0]
    else:
        options["tools"] = [run_in_tool if way == "run in a tool" else run_sync_in_tool]
    drive(api, agent(*answers, **options), "question")
    inner, outer = inner_and_outer(captured)
    assert inner["metadata"]["agent"] == "inner"
    assert (inner["prompt"]["user_prompt"], inner["response"]) == ("is it fine?", "inner answer")
    assert (outer["prompt"]["user_prompt"], outer["response"]) == ("question", "outer answer")
    of = [step["run_id"] for step in captured.steps]
    assert of.count(inner["run_id"]) == 1
    assert of.count(outer["run_id"]) == len(of) - 1 == len(answers)
    assert [call["run_id"] for call in captured.tool_calls] == [outer["run_id"]] * (len(answers) - 1)


def test_runs_side_by_side_are_kept_apart(captured: Captured) -> None:
    """asyncio.gather() of runs, under one trace: N records, no parents, steps and tools with the right one."""

    @agents.function_tool
    async def echo(word: str) -> str:
        """Give it back."""
        await asyncio.sleep(0)
        return word

    async def one(number: int) -> None:
        word = f"word-{number}"
        helper = agent([calls("echo", word=word)], f"said {word}", tools=[echo])
        await adrive(APIS[number % 3] if number % 3 != 1 else "run", helper, word)

    async def main() -> None:
        with agents.trace("together", group_id="g"):
            await asyncio.gather(*(one(number) for number in range(9)))

    asyncio.run(main())
    assert len(captured.lines) == 9
    for run in captured.runs:
        word = run["prompt"]["user_prompt"]
        assert run["response"] == f"said {word}"
        assert "parent_run_id" not in run["metadata"]
        [call] = [call for call in captured.tool_calls if call["run_id"] == run["run_id"]]
        assert call["result"] == word
        assert sum(step["run_id"] == run["run_id"] for step in captured.steps) == 2


def test_runs_in_threads(captured: Captured) -> None:
    """Each thread's runs are its own."""

    def work(number: int) -> None:
        for turn in range(5):
            drive("run_sync", agent(f"answer {number}.{turn}"), f"question {number}.{turn}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(captured.lines) == 20
    for run in captured.runs:
        assert run["response"].removeprefix("answer ") == run["prompt"]["user_prompt"].removeprefix("question ")
        assert "parent_run_id" not in run["metadata"]


@pytest.mark.parametrize("api", APIS)
def test_a_run_whose_own_configuration_says_no_is_not_recorded(captured: Captured, api: str) -> None:
    """Nor is what runs inside it; what comes after it is."""
    no = agents.RunConfig(tracing_disabled=True)
    inner = agent("inner answer", name="inner")

    @agents.function_tool
    async def ask() -> str:
        """Ask."""
        return str((await agents.Runner.run(inner, "inside")).final_output)

    async def both() -> None:
        await adrive(api, agent([calls("ask")], "yes", tools=[ask]), "secret", run_config=no)
        await adrive(api, agent("yes"), "told")

    if api == "run_sync":
        drive(api, agent([calls("ask")], "yes", tools=[ask]), "secret", run_config=no)
        drive(api, agent("yes"), "told")
    else:
        asyncio.run(both())
    assert [run["prompt"]["user_prompt"] for run in captured.runs] == ["told"]


@pytest.mark.parametrize("api", APIS)
def test_it_is_recorded_if_the_recorder_was_told_to(captured: Captured, api: str) -> None:
    """record_untraced=True counts more."""
    recording.install(record_untraced=True)
    drive(api, agent("yes"), "secret", run_config=agents.RunConfig(tracing_disabled=True))
    assert [run["prompt"]["user_prompt"] for run in captured.runs] == ["secret"]
