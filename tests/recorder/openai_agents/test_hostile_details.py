"""What can't be read costs that detail: never the record, a step, a tool call, or the outcome."""

import time
from collections.abc import Callable
from typing import Any

import pytest

import tcc_recorder.openai_agents as recording
from support.agents_world import Script, agents, calls, drive, says
from tcc_recorder.openai_agents import details
from tcc_recorder.testing import Captured, capture

Read = tuple[str, str]
"""The type of an object and the name of a member that is asked for."""

CONTENT = "trace_include_sensitive_data"
ELSEWHERE = {"output", "type"}
"""Members of a model's answer without which nobody can tell that it holds the call of a hosted tool or of a handoff."""
END_OF_STREAM = "run_loop_task"


class Hostile:
    """Raises, whatever is asked of it."""

    def _raises(self, *_: object) -> Any:
        raise RuntimeError("SECRET")

    __bool__ = __iter__ = __str__ = __repr__ = __eq__ = __hash__ = __len__ = __call__ = _raises  # type: ignore[assignment]
    __getattr__ = _raises
    __class__ = property(_raises)  # type: ignore[assignment]


class HostileText(str):
    """The right text, of a type that raises."""

    __slots__ = ()
    __bool__ = __iter__ = __str__ = __repr__ = __len__ = Hostile._raises
    __eq__ = __hash__ = Hostile._raises  # type: ignore[assignment]


def _raises(_: object) -> Any:
    raise RuntimeError("SECRET")


def _slow(right: object) -> object:
    time.sleep(0.0001)
    return right


WRONG: dict[str, Callable[[Any], Any]] = {
    "raises": _raises,
    "none": lambda _: None,
    "number": lambda _: 7,
    "object": lambda _: object(),
    "hostile": lambda _: Hostile(),
    "text": lambda right: HostileText(right) if isinstance(right, str) else "long " * 10_000,
    "slow": _slow,
}


@agents.function_tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def harmless(*_: Any) -> Any:
    """Let everything pass."""
    return agents.GuardrailFunctionOutput(output_info=None, tripwire_triggered=False)


def run_everything(api: str) -> str:
    """Run two agents with a tool, a hosted tool, a handoff, guardrails, a session and a configuration."""
    from openai.types.responses import ResponseFunctionWebSearch  # noqa: PLC0415 -- comes with openai-agents

    search = ResponseFunctionWebSearch.model_validate(
        {"id": "ws", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "x"}}
    )
    billing = agents.Agent(
        name="billing",
        model=Script([search, says("Paid.")], spans=True),
        output_guardrails=[agents.OutputGuardrail(harmless)],
    )
    triage = agents.Agent(
        name="triage",
        instructions="Be brief.",
        model=Script([calls("add", a=1, b=2)], [calls("transfer_to_billing", "call-2")], spans=True),
        tools=[add],
        handoffs=[billing],
        input_guardrails=[agents.InputGuardrail(harmless)],
    )
    session = agents.SQLiteSession("session-7")
    config = agents.RunConfig(group_id="g", trace_metadata={"plan": "free"})
    try:
        return str(drive(api, triage, "hello", session=session, run_config=config).final_output)
    finally:
        session.close()


def spoil(monkeypatch: pytest.MonkeyPatch, seen: set[Read], wanted: Read | None, wrong: Callable[[Any], Any]) -> None:
    """Note what is read, and give something wrong for one member of one type."""

    def reading(value: object, name: str, default: object) -> object:
        read = type(value).__name__, name
        seen.add(read)
        right = getattr(value, name, default)
        return wrong(right) if read == wanted and right is not None else right

    monkeypatch.setattr(details, "getattr", reading, raising=False)


def reads(monkeypatch: pytest.MonkeyPatch, api: str) -> list[Read]:
    """Return all that a normal run reads."""
    found: set[Read] = set()
    spoil(monkeypatch, found, None, _raises)
    with capture():
        run_everything(api)
    return sorted(found)


@pytest.mark.parametrize("api", ["run", "run_streamed"])
@pytest.mark.parametrize("how", WRONG)
def test_whatever_is_wrong_with_one_member(
    offline: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, how: str, api: str
) -> None:
    """The run is recorded once, with its outcome, its answer, its steps and its tool calls."""
    recording.install()
    found = reads(monkeypatch, api)
    assert len(found) > 60
    for read in found:
        spoil(monkeypatch, set(), read, WRONG[how])
        with capture() as captured:
            assert run_everything(api) == "Paid."
        check(captured, how, read)
    assert "SECRET" not in caplog.text


def check(captured: Captured, how: str, read: Read) -> None:
    """Compare a record with what it has to hold, in spite of the one member that was wrong."""
    name = read[1]
    if name == "tracing_disabled" and how in {"number", "object", "text"}:
        assert captured.lines == []  # what is no bool is true or not, as in the SDK: not to be recorded
        return
    assert len(captured.lines) == len(captured.runs) == 1, read
    [run] = captured.runs
    if name == END_OF_STREAM and how != "slow":
        assert run["status_message"] == "streamed: its end is unknown", read
        return
    assert (run["status_code"], run.get("status_message")) == (0, None), read
    assert [step["status_code"] for step in captured.steps] == [0, 0, 0], read
    statuses = [call["status_code"] for call in captured.tool_calls]
    assert statuses == [0, 0, 0] or (name in ELSEWHERE and set(statuses) <= {0, 1}), (read, captured.tool_calls)
    if name == CONTENT and how in {"raises", "none", "hostile"}:
        assert "prompt" not in run, read
        return
    assert run["prompt"]["user_prompt"] == "hello", read
    assert run.get("response") == "Paid." or name == "final_output", read
    assert [call["result"] for call in captured.tool_calls if call["tool_name"] == "add"] == ["3"] or name == "name"
