"""The SDK's own OpenAI models against a server on loopback, and calls that are tried again."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from support.agents_world import APIS, Script, adrive, agents, drive
from support.faults import FaultServer, Reply, Request
from tcc_recorder.testing import Captured

openai = pytest.importorskip("openai", reason="comes with openai-agents")

USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 0},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 107,
}
SEARCH = {
    "id": "ws-1",
    "type": "web_search_call",
    "status": "completed",
    "action": {"type": "search", "query": "weather in Bern"},
}
MCP = {
    "id": "mcp-1",
    "type": "mcp_call",
    "name": "lookup",
    "server_label": "kb",
    "arguments": '{"q":1}',
    "output": None,
    "error": "HTTP 500",
}


def message(words: str) -> dict[str, Any]:
    """Return a message item."""
    part = {"type": "output_text", "text": words, "annotations": []}
    return {"id": "m-1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def response(*output: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a body of the Responses API."""
    return {
        "id": "resp-1",
        "object": "response",
        "created_at": 0,
        "status": "completed",
        "model": "gpt-test-2026-01-01",
        "output": list(output),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": USAGE,
        **more,
    }


def completion(words: str, **more: Any) -> dict[str, Any]:
    """Return a body of the Chat Completions API."""
    return {
        "id": "chat-1",
        "object": "chat.completion",
        "created": 0,
        "model": "gpt-test-2026-01-01",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": words}}],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 7,
            "total_tokens": 107,
            "prompt_tokens_details": {"cached_tokens": 40},
        },
        **more,
    }


def chunk(**delta: Any) -> dict[str, Any]:
    """Return a chunk of a streamed chat completion."""
    finish = delta.pop("finish_reason", None)
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "chat-1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "gpt-test-2026-01-01",
        "choices": [choice],
    }


def sse(*events: dict[str, Any]) -> Reply:
    """Return a stream of server-sent events."""
    lines = [f"event: {event.get('type', 'chunk')}\ndata: {json.dumps(event)}\n\n" for event in events]
    return Reply(headers={"Content-Type": "text/event-stream"}, body="".join([*lines, "data: [DONE]\n\n"]).encode())


def as_json(value: object, status: int = 200) -> Reply:
    """Return a JSON answer."""
    return Reply(status, {"Content-Type": "application/json"}, json.dumps(value).encode())


def answering(*answers: dict[str, Any] | Reply) -> Callable[[Request], Reply]:
    """Answer one request after the other, streamed if it asks for that."""
    left = list(answers)

    def answer(request: Request) -> Reply:
        value = left.pop(0)
        if isinstance(value, Reply):
            return value
        if not request.json.get("stream"):
            return as_json(value)
        if value["object"] == "response":
            return sse(*_response_events(value))
        words = value["choices"][0]["message"]["content"]
        usage = {**chunk(), "choices": [], "usage": value["usage"]}
        return sse(chunk(content=words[:3]), chunk(content=words[3:]), chunk(finish_reason="stop"), usage)

    return answer


def _response_events(whole: dict[str, Any]) -> list[dict[str, Any]]:
    created = {"type": "response.created", "sequence_number": 0, "response": {**whole, "output": [], "usage": None}}
    delta = {
        "type": "response.output_text.delta",
        "sequence_number": 1,
        "item_id": "m-1",
        "output_index": 0,
        "content_index": 0,
        "delta": "It",
        "logprobs": [],
    }
    kind = "response.incomplete" if whole["status"] == "incomplete" else "response.completed"
    return [created, delta, {"type": kind, "sequence_number": 2, "response": whole}]


def ask(api: str, kind: str, server: FaultServer, **options: Any) -> Any:
    """Run an agent whose model talks to the server."""

    async def main() -> Any:
        async with openai.AsyncOpenAI(api_key="sk-of-nobody", base_url=f"{server.url}/v1", max_retries=0) as client:
            model = getattr(agents, f"OpenAI{kind}Model")(model="gpt-test", openai_client=client)
            helper = agents.Agent(name="helper", instructions="Be brief.", model=model, **options)
            return await adrive(api, helper, "How is it?")

    return asyncio.run(main())


@pytest.mark.usefixtures("tracing")
@pytest.mark.parametrize("api", ["run", "run_streamed"])
@pytest.mark.parametrize("kind", ["Responses", "ChatCompletions"])
def test_a_step_tells_what_the_server_said(captured: Captured, tracing: str, kind: str, api: str) -> None:
    """Models, tokens and finish reason; the model that answered as far as the SDK lets it through."""
    body = response(message("It is fine.")) if kind == "Responses" else completion("It is fine.")
    with FaultServer(answering(body)) as server:
        ask(api, kind, server, tools=[agents.function_tool(lambda: "", name_override="t", description_override="d")])
    [step] = captured.steps
    assert step["response"] == captured.runs[0]["response"] == "It is fine."
    assert step["model_requested"] == "gpt-test"
    told = kind == "Responses" and (tracing == "traced" or api == "run_streamed")
    assert step.get("model_used") == ("gpt-test-2026-01-01" if told else None)
    assert step["finish_reason"] == "stop"
    assert (step["prompt_uncached_tokens"], step["prompt_cached_tokens"], step["completion_tokens"]) == (60, 40, 7)
    assert [tool["name"] for tool in json.loads(step["tool_definitions"])] == ["t"]
    assert ("ttft_ms" in step) == (api == "run_streamed")


@pytest.mark.parametrize("api", ["run", "run_streamed"])
def test_hosted_tools_are_found_in_the_model_s_output(captured: Captured, tracing: str, api: str) -> None:
    """The provider ran them; arguments, results and errors are as the output tells them."""
    with FaultServer(answering(response(SEARCH, MCP, message("Sunny.")))) as server:
        ask(api, "Responses", server, tools=[agents.WebSearchTool()])
    search, lookup = captured.tool_calls
    assert (search["tool_name"], search["status_code"]) == ("web_search", 0)
    assert json.loads(search["args"])["query"] == "weather in Bern"
    assert search["attributes"]["hosted"] is True
    assert (lookup["tool_name"], lookup["args"], lookup["status_code"]) == ("lookup", '{"q":1}', 2)
    assert lookup["status_message"] == "HTTP 500"


@pytest.mark.parametrize("api", ["run", "run_streamed"])
@pytest.mark.parametrize("kind", ["Responses", "ChatCompletions"])
def test_a_server_that_refuses_is_an_error_of_run_and_step(
    captured: Captured, tracing: str, kind: str, api: str
) -> None:
    """The provider's error is told once as a step, with the model that was asked for."""
    refusal = {"error": {"message": "no such model", "type": "invalid_request_error"}}
    with FaultServer(answering(as_json(refusal, 400))) as server, pytest.raises(openai.BadRequestError):
        ask(api, kind, server)
    assert captured.runs[0]["status_message"].startswith("BadRequestError: Error code: 400")
    [step] = captured.steps
    assert (step["status_code"], step["model_requested"]) == (2, "gpt-test")
    assert "no such model" in step["status_message"]


def test_a_stream_that_ends_incomplete(captured: Captured, tracing: str) -> None:
    """The SDK raises; the step still tells why the model stopped, what it said, and what it cost."""
    cut = response(message("It is"), status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    with FaultServer(answering(cut)) as server:
        try:
            ask("run_streamed", "Responses", server)
        except agents.AgentsException:
            assert captured.runs[0]["status_code"] == 2
    [step] = captured.steps
    assert step["finish_reason"] == "max_output_tokens"
    assert step["response"] == "It is"
    assert step["completion_tokens"] == 7


def _retrying() -> dict[str, Any]:
    retry = getattr(agents, "ModelRetrySettings", None)
    if retry is None:
        pytest.skip("this version of openai-agents does not try again")
    at_once = {"initial_delay": 0.0, "max_delay": 0.0, "jitter": False}
    settings = retry(max_retries=2, policy=lambda _: True, backoff=at_once)
    return {"model_settings": agents.ModelSettings(retry=settings)}


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("spans", [True, False], ids=["model with spans", "model without"])
def test_each_attempt_of_a_call_is_a_step(captured: Captured, tracing: str, spans: bool, api: str) -> None:
    """Those that failed, and the one that worked; with their errors, where the model tells tracing of them."""
    failing = ConnectionError("busy"), ConnectionError("still busy"), "At last."
    drive(api, agents.Agent(name="helper", model=Script(*failing, spans=spans), **_retrying()))
    assert captured.runs[0]["status_code"] == 0
    assert [step["status_code"] for step in captured.steps] == [2, 2, 0]
    if spans and tracing == "traced":
        told = [step.get("status_message") for step in captured.steps]
        assert told == ["Error getting response: busy", "Error getting response: still busy", None]
        assert captured.steps[-1]["attributes"]["failed_attempts"] == 2


@pytest.mark.parametrize("api", APIS)
def test_a_call_that_fails_for_good_is_as_many_steps_as_attempts(captured: Captured, tracing: str, api: str) -> None:
    """The last attempt is not told twice."""
    failing = [ConnectionError("busy") for _ in range(3)]
    with pytest.raises(ConnectionError):
        drive(api, agents.Agent(name="helper", model=Script(*failing, spans=True), **_retrying()))
    assert captured.runs[0]["status_message"] == "ConnectionError: busy"
    assert {step["status_code"] for step in captured.steps} == {2}
    assert len(captured.steps) == (3 if tracing == "traced" else 1)


def test_a_model_of_one_s_own_needs_no_spans(captured: Captured, tracing: str) -> None:
    """What the hooks tell is enough for a whole step."""
    drive("run", agents.Agent(name="helper", model=Script("yes")))
    [step] = captured.steps
    assert (step["response"], step["completion_tokens"], step["finish_reason"]) == ("yes", 7, "stop")
