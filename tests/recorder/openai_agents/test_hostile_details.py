"""What can't be read costs that detail: never the record, a step, a tool call, or the outcome."""

import time
from collections.abc import Callable
from typing import Any

import pytest

import tcc_recorder.openai_agents as recording
from support.agents_world import APIS, Script, agents, by_name, calls, drive, says
from tcc_recorder.openai_agents import details, outcome, runner_call
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


def reads(monkeypatch: pytest.MonkeyPatch, api: str) -> list[Read]:
    """Return all that a normal run reads."""
    found: set[Read] = set()
    spoil(monkeypatch, found, None, _raises)
    with capture():
        run_everything(api)
    return sorted(found)


@pytest.mark.parametrize(
    ("how", "api"),
    [*((how, "run") for how in WRONG), *((how, "run_streamed") for how in ("raises", "hostile", "text"))],
)
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


@pytest.mark.parametrize("api", APIS)
def test_a_run_that_gave_its_result_is_never_failed(offline: None, monkeypatch: pytest.MonkeyPatch, api: str) -> None:
    """Even if all that we ask about its result fails."""

    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("ours")

    for name in ("returned", "streamed", "stream_error", "guardrails"):
        monkeypatch.setattr(outcome, name, fails)
    recording.install()
    with capture() as captured:
        assert run_everything(api) == "Paid."
    [run] = captured.runs
    assert run["status_code"] == (1 if api == "run_streamed" else 0)
    assert [step["status_code"] for step in captured.steps] == [0, 0, 0]


@pytest.mark.parametrize("api", APIS)
def test_a_beginning_that_fails(offline: None, monkeypatch: pytest.MonkeyPatch, api: str) -> None:
    """The run is recorded with its steps and its outcome, and without content: nobody knows if that is wanted."""

    def fails(_: object) -> Any:
        raise RuntimeError("ours")

    monkeypatch.setattr(runner_call, "given_text", fails)
    recording.install()
    with capture() as captured:
        assert run_everything(api) == "Paid."
    [run] = captured.runs
    assert (run["status_code"], run["metadata"]["api"], "prompt" in run) == (0, api, False)
    assert [step["status_code"] for step in captured.steps] == [0, 0, 0]
    assert len(captured.tool_calls) == 3


class Late:
    """A session that has no id before it is used, like the one of the Conversations API; or none at all."""

    def __init__(self, session_id: str | None) -> None:
        self._made = session_id
        self._id: str | None = None
        self.session_settings = None

    @property
    def session_id(self) -> str:
        """See the protocol of the SDK."""
        if self._id is None:
            raise ValueError("not yet")
        return self._id

    async def get_items(self, *_: Any, **__: Any) -> list[Any]:
        """See the protocol of the SDK."""
        self._id = self._made
        return []

    async def add_items(self, *_: Any, **__: Any) -> None:
        """See the protocol of the SDK."""

    pop_item = clear_session = add_items


@pytest.mark.parametrize("api", APIS)
def test_a_session_that_gets_its_id_when_it_is_used(captured: Captured, api: str) -> None:
    """The first run has the id already, which wins over the configuration's group; nothing is logged as a failure."""
    session = Late("conv-1")
    for words in ("first", "second"):
        drive(
            api,
            agents.Agent(name="a", model=Script("yes")),
            words,
            session=session,
            run_config=agents.RunConfig(group_id="g"),
        )
    assert [run["session_id"] for run in captured.runs] == ["conv-1", "conv-1"]


@pytest.mark.parametrize("api", APIS)
def test_a_session_without_an_id(offline: None, api: str) -> None:
    """Its run is recorded under the group; that the id is missing is told once."""
    recording.install()
    before = recording.failures()
    with capture() as captured:
        drive(
            api,
            agents.Agent(name="a", model=Script("yes")),
            session=Late(None),
            run_config=agents.RunConfig(group_id="g"),
        )
    [run] = captured.runs
    assert (run["session_id"], run["response"]) == ("g", "yes")
    assert recording.failures() == before + 1


@pytest.mark.parametrize("api", APIS)
def test_values_of_the_program_that_raise(offline: None, api: str) -> None:
    """A tool's result, a configuration's metadata: what they are in JSON is told as far as they have it."""

    class Odd(dict[str, str]):
        def items(self) -> Any:
            raise RuntimeError("SECRET")

    class Raising:
        def __str__(self) -> str:
            return "seen by the model"

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("SECRET")

    @agents.function_tool
    def odd() -> Any:
        """Return something odd."""
        return Raising()

    recording.install()
    with capture() as captured:
        drive(
            api,
            agents.Agent(name="a", model=Script([calls("odd")], "yes"), tools=[odd]),
            run_config=agents.RunConfig(trace_metadata=Odd(plan="free")),
        )
    [run] = captured.runs
    assert (run["status_code"], run["response"]) == (0, "yes")
    call = by_name(captured)["odd"]
    assert (call["status_code"], call["result"]) == (0, '"seen by the model"')
    assert captured.lines[0].converted
