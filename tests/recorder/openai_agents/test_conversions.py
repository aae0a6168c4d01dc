"""Values that are no JSON become it as far as they can, and the record says that something was converted."""

import json
from typing import Any

import pydantic
import pytest

from support.agents_world import Script, agents, by_name, calls, drive
from tcc_recorder.openai_agents.content import as_json, step_prompt
from tcc_recorder.testing import Captured
from tcc_recorder.values import Converted


class City(pydantic.BaseModel):
    """A pydantic model; ``extra`` may be anything."""

    name: str
    extra: Any = None


class Odd:
    """A value that is no JSON."""

    def __str__(self) -> str:
        return "odd"


def run_with(result: Any = "plain", metadata: Any = None, given: Any = "hello", output: Any = None) -> None:
    """Run an agent with a tool that returns ``result``."""

    @agents.function_tool
    def find() -> Any:
        """Find."""
        return result

    config = agents.RunConfig(trace_metadata=metadata)
    words = "yes" if output is None else json.dumps({"name": "Bern"})
    agent = agents.Agent(name="a", model=Script([calls("find")], words), tools=[find], output_type=output)
    drive("run", agent, given, run_config=config)


def test_a_model_is_its_json_everywhere(captured: Captured) -> None:
    """In a tool's result, in metadata, as a typed output, alone and in a list; nothing needs to be converted."""
    run_with([City(name="Bern")], {"city": City(name="Bern")}, output=City)
    [run] = captured.runs
    bern = {"name": "Bern", "extra": None}
    assert json.loads(run["response"]) == json.loads(run["metadata"]["city"]) == bern
    assert json.loads(by_name(captured)["find"]["result"]) == [bern]
    assert not captured.lines[0].converted


@pytest.mark.parametrize(
    "options",
    [
        {"result": [City(name="Bern"), Odd()]},
        {"result": {"in": [City(name="Bern", extra=Odd())]}},
        {"metadata": {"plan": [City(name="Bern"), Odd()]}},
        {"metadata": {"plan": City(name="Bern", extra=Odd())}},
        {"given": [{"role": "user", "content": "half a \ud83d"}]},
    ],
)
def test_an_odd_value_is_converted_alone_and_that_is_said(captured: Captured, options: dict[str, Any]) -> None:
    """A model beside it, or around it, is its JSON still."""
    run_with(**options)
    [line] = captured.lines
    assert line.converted
    body = line.body.decode()
    assert "given" in options or (r"{\"name\":\"Bern\"" in body and "odd" in body)
    assert "unprintable" not in body


def test_a_capped_prompt_tells_it_too() -> None:
    """A part that was converted makes the whole one that was."""
    items = [{"role": "user", "content": "x"}, {"role": "user", "content": Odd()}]
    for cap in (None, 1000):
        sent = step_prompt(None, items, cap)
        assert sent is not None
        assert type(sent[0]) is Converted
        assert json.loads(sent[0])[1]["content"] == "odd"
    assert type(as_json({"a": [1, City(name="x")], 2: {"b"}})) is str
