"""Runs of the OpenAI Agents SDK with a scripted model, for ``make.py``."""

import json
from typing import Any

import agents
from agents.tracing import set_tracing_disabled
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

import tcc_recorder.openai_agents


class Scripted(agents.Model):
    """Answers from a script: a text, (tool, arguments), or an exception."""

    model = "gpt-4o"

    def __init__(self, answers: list[Any]) -> None:
        self._script = answers

    async def get_response(self, *_: object, **__: object) -> agents.ModelResponse:
        """Give the next answer."""
        answer = self._script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        item: ResponseOutputMessage | ResponseFunctionToolCall
        if isinstance(answer, str):
            part = ResponseOutputText(type="output_text", text=answer, annotations=[])
            item = ResponseOutputMessage(id="m", type="message", role="assistant", status="completed", content=[part])
        else:
            tool, arguments = answer
            call_id, text = f"call_{tool}", json.dumps(arguments)
            item = ResponseFunctionToolCall(type="function_call", name=tool, call_id=call_id, arguments=text)
        usage = agents.Usage(requests=1, input_tokens=420, output_tokens=18, total_tokens=438)
        return agents.ModelResponse(output=[item], usage=usage, response_id=None)

    def stream_response(self, *_: object, **__: object) -> Any:
        """Refuse: no story streams."""
        raise TypeError("no story streams")


def agent(name: str, instructions: str, answers: list[Any], **options: Any) -> agents.Agent:
    """Return an agent whose model answers from a script, in a process that records."""
    tcc_recorder.openai_agents.install()
    set_tracing_disabled(True)  # the SDK's own uploads; recording goes on
    return agents.Agent(name=name, instructions=instructions, model=Scripted(answers), **options)


def openai_agents_tools() -> None:
    """An agent of the OpenAI Agents SDK with two tools, one of which raised."""

    @agents.function_tool
    def find_order(order: int) -> str:
        """Find an order."""
        return f"order {order}: shipped with DHL"

    @agents.function_tool
    def track_parcel(carrier: str) -> str:
        """Track a parcel."""
        raise TimeoutError(f"{carrier} did not answer")

    answers = [("find_order", {"order": 1042}), ("track_parcel", {"carrier": "DHL"}), "It was shipped with DHL."]
    instructions = "You are the support agent of a book shop."
    support = agent("support", instructions, answers, tools=[find_order, track_parcel])
    config = agents.RunConfig(group_id="sample-session-4", trace_metadata={"environment": "production"})
    agents.Runner.run_sync(support, "Where is order 1042?", run_config=config)


def openai_agents_handoff() -> None:
    """Two agents: one hands off to the other, which asks a third as a tool (a run of its own)."""
    lawyer = agent("lawyer", "You know the terms of sale.", ["Fourteen days."])
    ask = lawyer.as_tool("ask_lawyer", "Ask about the terms of sale.")
    answers = [("ask_lawyer", {"input": "How long?"}), "Within fourteen days."]
    refunds = agent("refunds", "You handle refunds.", answers, tools=[ask])
    triage = agent("triage", "You find out who is to help.", [("transfer_to_refunds", {})], handoffs=[refunds])
    agents.Runner.run_sync(triage, "Until when can I send it back?")


def openai_agents_error() -> None:
    """A model that failed; the key in the message did not reach the disk."""
    failure = ConnectionError("401 from the gateway, api_key=sk-live-0123456789abcdef")
    support = agent("support", "Be brief.", [failure])
    try:
        agents.Runner.run_sync(support, "Refund order 1042")
    except ConnectionError as error:
        print(f"as the story wants it: {error}")
