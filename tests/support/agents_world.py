"""A scripted model for the real Agents SDK, and the ways to run an agent."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

agents = pytest.importorskip(
    "agents", reason="openai-agents is not installed: pip install 'tcc-offline[openai-agents]'"
)

from openai.types.responses import (  # noqa: E402 -- comes with openai-agents
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseTextDeltaEvent,
)
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails, ResponseUsage  # noqa: E402

APIS = ("run", "run_sync", "run_streamed")
VERSION = tuple(int(part) for part in agents.version.__version__.split(".")[:2])


def says(words: str) -> ResponseOutputMessage:
    """Return a message from the model."""
    part = ResponseOutputText(text=words, type="output_text", annotations=[], logprobs=[])
    return ResponseOutputMessage(id="m", type="message", role="assistant", status="completed", content=[part])


def calls(tool: str, call_id: str = "call-1", **arguments: object) -> ResponseFunctionToolCall:
    """Return the model's request to call a tool."""
    return ResponseFunctionToolCall(type="function_call", name=tool, call_id=call_id, arguments=json.dumps(arguments))


def _details(kind: Any, **counts: int) -> Any:
    return kind(**{name: 0 for name, field in kind.model_fields.items() if field.is_required()} | counts)


class Script(agents.Model):
    """A model that gives its answers in order: a text, output items, an exception to raise, or a coroutine function.

    Only with ``spans`` it opens spans; many third-party models open none.  ``asked`` are the inputs that it got.
    """

    def __init__(self, *answers: Any, spans: bool = False) -> None:
        self.answers = list(answers)
        self.spans = spans
        self.asked: list[Any] = []

    async def get_response(self, system_instructions: Any, input: Any, *_: Any, **__: Any) -> Any:  # noqa: A002 -- its name
        """See the base class."""
        self.asked.append(input)
        with agents.generation_span(model="scripted", disabled=not self.spans) as span:
            try:
                items = await self._next()
            except Exception as error:
                span.set_error({"message": "Error getting response", "data": {"error": str(error)}})
                raise
        usage = agents.Usage(
            requests=1,
            input_tokens=100,
            output_tokens=7,
            total_tokens=107,
            input_tokens_details=_details(InputTokensDetails, cached_tokens=40),
        )
        return agents.ModelResponse(output=items, usage=usage, response_id="resp-1")

    async def stream_response(self, system_instructions: Any, input: Any, *_: Any, **__: Any) -> Any:  # noqa: A002 -- its name
        """See the base class."""
        self.asked.append(input)
        with agents.generation_span(model="scripted", disabled=not self.spans) as span:
            try:
                items = await self._next()
            except Exception as error:
                span.set_error({"message": "Error getting response", "data": {"error": str(error)}})
                raise
        for item in items:
            if isinstance(item, ResponseOutputMessage):
                for word in item.content[0].text.split(" "):
                    yield _delta(word)
        yield ResponseCompletedEvent(type="response.completed", response=_response(items), sequence_number=9)

    async def _next(self) -> list[Any]:
        answer = self.answers.pop(0)
        if callable(answer):
            answer = await answer()
        if isinstance(answer, Exception):
            raise answer
        return [says(answer)] if isinstance(answer, str) else answer


def _delta(word: str) -> ResponseTextDeltaEvent:
    return ResponseTextDeltaEvent(
        type="response.output_text.delta",
        delta=word,
        item_id="m",
        output_index=0,
        content_index=0,
        sequence_number=1,
        logprobs=[],
    )


def _response(items: list[Any]) -> Response:
    usage = ResponseUsage(
        input_tokens=100,
        output_tokens=7,
        total_tokens=107,
        input_tokens_details=_details(InputTokensDetails, cached_tokens=40),
        output_tokens_details=_details(OutputTokensDetails),
    )
    return Response(
        id="resp-1",
        object="response",
        created_at=0,
        model="scripted-1",
        output=items,
        parallel_tool_calls=True,
        tool_choice="auto",
        tools=[],
        usage=usage,
    )


@contextmanager
def own_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Give the thread an event loop, because run_sync() would create one and not close it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        asyncio.set_event_loop(None)
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def drive(api: str, agent: Any, given: Any = "hello", **options: Any) -> Any:
    """Run an agent to its end with one of ``APIS``; return its result."""
    if api == "run_sync":
        with own_loop():
            return agents.Runner.run_sync(agent, given, **options)
    return asyncio.run(adrive(api, agent, given, **options))


async def adrive(api: str, agent: Any, given: Any = "hello", **options: Any) -> Any:
    """Do the same as :func:`drive` in a running event loop."""
    if api == "run":
        return await agents.Runner.run(agent, given, **options)
    result = agents.Runner.run_streamed(agent, given, **options)
    async for _ in result.stream_events():
        pass
    return result


def by_name(captured: Any) -> dict[str, dict[str, Any]]:
    """Return the captured tool calls by their names."""
    return {call["tool_name"]: call for call in captured.tool_calls}
