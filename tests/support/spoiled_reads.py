"""Wrong values in place of what the recorder reads from the Agents SDK and from the program, and a run to read from."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from support.agents_world import Script, agents, calls, drive, says
from tcc_recorder.openai_agents import details

Read = tuple[str, str]
"""The type of an object and the name of a member that is asked for."""


class Hostile:
    """Raises, whatever is asked of it."""

    def _raises(self, *_: object) -> Any:
        raise RuntimeError("SECRET")

    __bool__ = __iter__ = __str__ = __repr__ = __eq__ = __hash__ = __len__ = _raises  # type: ignore[assignment]
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
