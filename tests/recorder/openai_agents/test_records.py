import json
from dataclasses import dataclass
from typing import Any

import pydantic
import pytest

import tcc_recorder.openai_agents as recording
from support.agents_world import APIS, Script, agents, by_name, calls, drive, says
from tcc_recorder.testing import Captured
from tcc_schemas.items import Batch


class City(pydantic.BaseModel):
    """A typed output."""

    name: str
    people: int | None = None


@dataclass
class Point:
    """A typed output that is no pydantic model."""

    x: int


@agents.function_tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@agents.function_tool
def quote() -> str:
    """Return a text."""
    return "ü “quoted”"


def agent(*answers: Any, spans: bool = False, **options: Any) -> Any:
    """Return an agent with a scripted model."""
    return agents.Agent(
        **{"name": "helper", "instructions": "Be brief.", **options}, model=Script(*answers, spans=spans)
    )


@pytest.mark.parametrize("api", APIS)
def test_a_run_with_a_tool_is_one_record(captured: Captured, tracing: str, api: str) -> None:
    """Prompt, system prompt, output, status, times and metadata; a step per LLM call; a tool call per tool."""
    drive(api, agent([calls("add", a=1, b=2)], "It is 3.", tools=[add], spans=True), "1 + 2?")
    assert len(captured.lines) == 1
    [run] = captured.runs
    assert run["prompt"] == {"user_prompt": "1 + 2?", "system_prompt": "Be brief."}
    assert (run["response"], run["status_code"]) == ("It is 3.", 0)
    assert "status_message" not in run
    trace_id = run["metadata"].pop("trace_id", None)
    assert (trace_id is not None) == (tracing == "traced")
    assert run["metadata"] == {
        "agent": "helper",
        "api": api,
        "last_agent": "helper",
        "tools": "add",
        "workflow_name": "Agent workflow",
    }
    first, second = captured.steps
    assert json.loads(first["prompt"]) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "1 + 2?"},
    ]
    assert json.loads(first["response"])[0]["name"] == "add"
    assert [item.get("type") for item in json.loads(second["prompt"])][2:] == ["function_call", "function_call_output"]
    assert second["response"] == "It is 3."
    assert [step["finish_reason"] for step in (first, second)] == ["tool_calls", "stop"]
    for step in (first, second):
        assert (step["prompt_uncached_tokens"], step["prompt_cached_tokens"], step["completion_tokens"]) == (60, 40, 7)
        assert [tool["name"] for tool in json.loads(step["tool_definitions"])] == ["add"]
        assert step["status_code"] == 0
        assert run["start_time"] <= step["start_time"] <= step["end_time"] <= run["end_time"]
        assert ("ttft_ms" in step) == (api == "run_streamed" and step is second)
        assert ("model_requested" in step) == (tracing == "traced")
    [call] = captured.tool_calls
    assert (call["tool_name"], call["args"], call["result"], call["status_code"]) == ("add", '{"a": 1, "b": 2}', "3", 0)
    assert call["attributes"] == {"call_id": "call-1"}
    assert first["end_time"] <= call["start_time"] <= call["end_time"] <= second["start_time"]
    assert {item["run_id"] for item in (run, *captured.steps, call)} == {run["run_id"]}


def test_a_record_is_what_the_server_takes(captured: Captured) -> None:
    """The body validates against the wire's own models."""
    drive("run", agent([calls("add", a=1, b=2), calls("quote", "call-2")], "Done.", tools=[add, quote]))
    Batch.model_validate_json(captured.lines[0].body)
    assert by_name(captured)["quote"]["result"] == "ü “quoted”"


@pytest.mark.parametrize("api", APIS)
def test_a_typed_output_is_recorded_as_its_json(captured: Captured, api: str) -> None:
    """Pydantic models, dataclasses, lists and dicts become JSON; a text stays as it is."""
    for kind, words, expected in (
        (City, '{"name": "Bern"}', '{"name":"Bern","people":null}'),
        (Point, '{"response": {"x": 1}}', '{"x":1}'),
        (list[City], '{"response": [{"name": "Bern"}]}', '[{"name":"Bern","people":null}]'),
        (None, "plain", "plain"),
    ):
        drive(api, agent(words, output_type=kind))
        assert captured.runs[-1]["response"] == expected


@pytest.mark.parametrize("api", APIS)
def test_a_typed_output_may_be_nothing(captured: Captured, api: str) -> None:
    """An agent whose final output is None has succeeded."""
    drive(api, agent('{"response": null}', output_type=agents.AgentOutputSchema(City | None)))
    assert captured.runs[0]["status_code"] == 0


@pytest.mark.parametrize("api", APIS)
def test_a_list_is_kept_whole_and_its_last_user_text_is_the_prompt(captured: Captured, api: str) -> None:
    """The user's own input is what was passed, items of other roles and images included."""
    given = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "answer"},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "what is"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
                {"type": "input_text", "text": "this?"},
            ],
        },
        {"role": "developer", "content": "be nice"},
    ]
    drive(api, agent("A dot."), given)
    prompt = captured.runs[0]["prompt"]
    assert prompt["user_prompt"] == "what is\nthis?"
    assert json.loads(prompt["full_input"]) == given


@pytest.mark.parametrize("api", APIS)
def test_with_a_session_the_prompt_is_the_new_input_alone(captured: Captured, api: str) -> None:
    """The session's history is in the steps, its id is the record's session_id."""
    session = agents.SQLiteSession("session-7")
    for words in ("first question", "second question"):
        drive(api, agent("answer"), words, session=session)
    assert [run["prompt"]["user_prompt"] for run in captured.runs] == ["first question", "second question"]
    assert {run["session_id"] for run in captured.runs} == {"session-7"}
    assert "first question" in captured.steps[1]["prompt"]
    session.close()


def test_the_session_id_is_found_in_the_sdk_s_own_order(captured: Captured) -> None:
    """Conversation id, then the session's, then the run configuration's group, then the group of the trace around."""
    session = agents.SQLiteSession("of-session")
    config = agents.RunConfig(group_id="of-config")
    with agents.trace("outer", group_id="of-trace"):
        for options in (
            {"conversation_id": "of-conversation", "run_config": config},
            {"session": session, "run_config": config},
            {"run_config": config},
            {},
        ):
            drive("run", agent("yes"), **options)
    drive("run", agent("yes"))
    found = [run.get("session_id") for run in captured.runs]
    assert found == ["of-conversation", "of-session", "of-config", "of-trace", None]
    session.close()


@pytest.mark.parametrize("as_dict", [False, True])
def test_the_run_configuration_names_the_metadata(captured: Captured, as_dict: bool) -> None:
    """Workflow, group, trace and trace_metadata become texts; an entry under a name of ours gets a prefix."""
    settings = {
        "workflow_name": "Support",
        "group_id": "g",
        "trace_id": "trace_" + "0" * 32,
        "trace_metadata": {"customer": 7, "agent": "theirs", "tags": ["a"], "plan": "free"},
    }
    if as_dict and not hasattr(agents.run, "_normalize_run_config_for_runner"):
        pytest.skip("this version of openai-agents takes no dict")
    config = settings if as_dict else agents.RunConfig(**settings)
    drive("run", agent("yes"), run_config=config, previous_response_id="resp-0")
    assert captured.runs[0]["metadata"] == {
        "workflow_name": "Support",
        "group_id": "g",
        "previous_response_id": "resp-0",
        "agent": "helper",
        "api": "run",
        "last_agent": "helper",
        "customer": "7",
        "trace_metadata.agent": "theirs",
        "tags": '["a"]',
        "plan": "free",
        "trace_id": "trace_" + "0" * 32,
    }


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("how", ["config", "environment"])
def test_content_can_be_switched_off(
    captured: Captured, monkeypatch: pytest.MonkeyPatch, tracing: str, how: str, api: str
) -> None:
    """trace_include_sensitive_data=False leaves names, times, usage and statuses, and no word of what was said."""
    if how == "config":
        config = agents.RunConfig(trace_include_sensitive_data=False)
    else:
        monkeypatch.setenv("OPENAI_AGENTS_TRACE_INCLUDE_SENSITIVE_DATA", "no")
        config = None

    @agents.function_tool
    def fails(word: str) -> str:
        """Fail, with a SECRET description."""
        raise ValueError(f"SECRET {word}")

    @agents.function_tool(failure_error_function=None)
    def breaks(word: str) -> str:
        """Fail for good."""
        raise ValueError(f"SECRET {word}")

    answers = [[says("SECRET"), calls("fails", word="SECRET")], [calls("breaks", "call-2", word="SECRET")]]
    failing = agent(*answers, tools=[fails, breaks], instructions="SECRET", spans=True)
    with pytest.raises(agents.UserError):
        drive(api, failing, [{"role": "user", "content": "SECRET"}], run_config=config)
    drive(api, agent("SECRET", instructions="SECRET"), "SECRET", run_config=config)
    assert b"SECRET" not in b"".join(line.body for line in captured.lines)
    assert captured.runs[0]["status_message"] == "UserError"
    assert {call["tool_name"]: call["status_code"] for call in captured.tool_calls} == {"fails": 2, "breaks": 2}
    assert captured.steps[0]["completion_tokens"] == 7
    assert not {"prompt", "response", "full_input"} & captured.runs[1].keys()


def test_a_cap_keeps_the_newest_of_a_long_history(captured: Captured) -> None:
    """max_step_prompt leaves out the oldest items, keeps the system prompt, and cuts an item that alone is too long."""
    history = [{"role": "user", "content": f"{number:02d} {'x' * 50}"} for number in range(20)]
    recording.install(max_step_prompt=300)
    drive("run", agent("yes"), history)
    drive("run", agent("yes"), "y" * 1000)
    first, second = captured.steps
    assert len(first["prompt"]) <= 300
    items = json.loads(first["prompt"])
    assert items[0] == {"role": "system", "content": "Be brief."}
    assert items[1:] == history[-len(items) + 1 :]
    assert first["attributes"]["prompt_items_left_out"] == 20 - len(items) + 1
    assert len(second["prompt"]) == 300
    assert json.loads(captured.runs[0]["prompt"]["full_input"]) == history
    with pytest.raises(ValueError, match="max_step_prompt"):
        recording.install(max_step_prompt=0)


@pytest.mark.parametrize("api", APIS)
def test_handoffs_are_tool_calls_and_notes_of_one_run(captured: Captured, tracing: str, api: str) -> None:
    """Two agents are one run; the handoff is in its metadata and among its tool calls, the last agent is named."""
    billing = agent("Paid.", name="billing")
    lost = agents.handoff(agent(name="lost"), tool_name_override="give_to_lost_and_found")
    triage = agent([calls("transfer_to_billing", "call-9")], name="triage", handoffs=[billing, lost])
    drive(api, triage)
    [run] = captured.runs
    assert run["metadata"]["agent"] == "triage"
    assert run["metadata"]["last_agent"] == "billing"
    assert run["metadata"]["handoffs"] == "triage > billing"
    [call] = captured.tool_calls
    assert (call["tool_name"], call["result"], call["status_code"]) == ("transfer_to_billing", "billing", 0)
    assert call["attributes"] == {"call_id": "call-9", "handoff_to": "billing"}
    defined = [tool["name"] for tool in json.loads(captured.steps[0]["tool_definitions"])]
    assert defined == ["transfer_to_billing", "give_to_lost_and_found"]
    assert [step["attributes"]["agent"] for step in captured.steps] == ["triage", "billing"]


@pytest.mark.parametrize("api", APIS)
def test_parallel_calls_of_one_tool_are_told_apart(captured: Captured, tracing: str, api: str) -> None:
    """Arguments and results are joined by call id, whatever the order."""
    both = [calls("add", "call-a", a=1, b=1), calls("add", "call-b", a=2, b=2)]
    drive(api, agent(both, "2 and 4", tools=[add]))
    found = {call["attributes"]["call_id"]: (call["args"], call["result"]) for call in captured.tool_calls}
    assert found == {"call-a": ('{"a": 1, "b": 1}', "2"), "call-b": ('{"a": 2, "b": 2}', "4")}


def test_one_call_id_in_two_runs_makes_two_tool_calls(captured: Captured) -> None:
    """Models that number their calls anew in each run don't make records that replace each other."""
    for _ in range(2):
        drive("run", agent([calls("add", a=1, b=2)], "3", tools=[add]))
    first, second = captured.tool_calls
    assert first["tool_call_id"] != second["tool_call_id"]
