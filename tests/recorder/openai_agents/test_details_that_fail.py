"""Sessions without an id, values of the program that raise, and failures of our own: the record holds all the rest."""

from typing import Any

import pytest

import tcc_recorder.openai_agents as recording
from support.agents_world import APIS, Script, agents, by_name, calls, drive
from support.spoiled_reads import run_everything
from tcc_recorder.openai_agents import outcome, runner_call
from tcc_recorder.testing import Captured, capture


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
