"""Which attributes of a span tell what, by the published conventions.  Pure.

- ``gen_ai.*``: OpenTelemetry's semantic conventions for generative AI; the older names of some are still sent.
- ``ai.*``: the AI SDK's documentation of its telemetry.
- ``llm.*``, ``input.value``, ``output.value``, ``tool.*``, ``openinference.span.kind``: OpenInference's conventions.
- ``traceloop.*``: OpenLLMetry's, as its LangChain instrumentation sends them.
- ``tcc.*``: the official packages' own.

Of several names the first that is there is taken; the others stay among the attributes.
"""

import re
from typing import Any, Final

import orjson

from tcc_uploader.inspect.runs.messages import as_text, inside, spoken
from tcc_uploader.model.body import Wire

from .items import integer, present, tokens

_SESSION: Final = (
    "tcc.sessionId",
    "session.id",
    "gen_ai.conversation.id",
    "ai.telemetry.metadata.tcc.sessionId",
    "traceloop.association.properties.tcc.sessionId",
    "metadata.tcc.sessionId",
)
_AGENT: Final = ("gen_ai.agent.name", "agent.name", "ai.telemetry.functionId", "traceloop.workflow.name")
_USED: Final = ("gen_ai.response.model", "ai.response.model", "llm.model_name")
_ASKED: Final = ("gen_ai.request.model", "ai.model.id")
_IN: Final = (
    "gen_ai.usage.input_tokens",
    "ai.usage.inputTokens",
    "ai.usage.promptTokens",
    "llm.token_count.prompt",
    "gen_ai.usage.prompt_tokens",
)
"""Cached tokens included."""
_CACHED: Final = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "ai.usage.cachedInputTokens",
    "llm.token_count.prompt_details.cache_read",
)
_OUT: Final = (
    "gen_ai.usage.output_tokens",
    "ai.usage.outputTokens",
    "ai.usage.completionTokens",
    "llm.token_count.completion",
    "gen_ai.usage.completion_tokens",
)
_FINISH: Final = ("gen_ai.response.finish_reasons", "ai.response.finishReason", "llm.finish_reason")
_TOOLS: Final = ("gen_ai.tool.definitions", "ai.prompt.tools")
_TOOL: Final = ("gen_ai.tool.name", "ai.toolCall.name", "tool.name", "traceloop.entity.name")
_CALL_ID: Final = ("gen_ai.tool.call.id", "ai.toolCall.id", "tool_call.id")
_SYSTEM: Final = ("gen_ai.system_instructions",)
_INPUT: Final = (
    "gen_ai.input.messages",
    "gen_ai.tool.call.arguments",
    "ai.prompt.messages",
    "ai.prompt",
    "ai.toolCall.args",
    "input.value",
    "traceloop.entity.input",
)
_OUTPUT: Final = (
    "gen_ai.output.messages",
    "gen_ai.tool.call.result",
    "ai.response.text",
    "ai.response.object",
    "ai.response.toolCalls",
    "ai.toolCall.result",
    "output.value",
    "traceloop.entity.output",
)
_MODEL_CALLS: Final = ("chat", "text_completion", "generate_content")
_FLAT: Final = re.compile(r"llm\.(input|output)_messages\.(\d{1,4})\.message\.(.+)")
_FLAT_CALL: Final = re.compile(r"tool_calls\.(\d{1,4})\.tool_call\.(id|function\.name|function\.arguments)")


def kind_of(attributes: Wire) -> str:
    """Return what kind of item a span with these attributes is: ``step``, ``tool_call`` or ``span``."""
    operation, kind = attributes.get("gen_ai.operation.name"), attributes.get("openinference.span.kind")
    call, node = as_text(attributes.get("ai.operationId")), attributes.get("traceloop.span.kind")
    if operation in _MODEL_CALLS or kind == "LLM" or call.endswith((".doGenerate", ".doStream")):
        return "step"
    if operation == "execute_tool" or kind == "TOOL" or call == "ai.toolCall" or node == "tool":
        return "tool_call"
    says_no_kind = not (operation or kind or call or node)
    return "step" if says_no_kind and any(name in attributes for name in (*_USED, *_ASKED)) else "span"


def step_of(attributes: Wire) -> Wire:
    """Take out what tells of a model's call."""
    sent, answered = _messages(attributes, "input"), _messages(attributes, "output")
    cached, asked = _taken(attributes, _CACHED), integer(_taken(attributes, _IN))
    uncached = None if asked is None else max(0, asked - (integer(cached) or 0))
    return tokens(uncached, cached, _taken(attributes, _OUT)) | present(
        model_used=as_text(_taken(attributes, _USED)),
        model_requested=as_text(_taken(attributes, _ASKED)),
        prompt=_with_system(_taken(attributes, _SYSTEM), sent or _taken(attributes, _INPUT)),
        response=spoken(answered or _taken(attributes, _OUTPUT), "assistant"),
        finish_reason=_one(_taken(attributes, _FINISH)),
        tool_definitions=_taken(attributes, _TOOLS),
        real_total_cost=_taken(attributes, ("llm.cost.total",)),
    )


def tool_call_of(attributes: Wire, name: str) -> Wire:
    """Take out what tells of a tool's call; ``name`` is the span's."""
    call = present(
        tool_name=as_text(_taken(attributes, _TOOL)) or name,
        args=as_text(_taken(attributes, _INPUT)),
        result=as_text(_taken(attributes, _OUTPUT)),
    )
    if ident := as_text(_taken(attributes, _CALL_ID)):
        attributes["call_id"] = ident  # by this name the page finds the call that asked for it
    return call


def span_of(attributes: Wire, name: str) -> Wire:
    """Take out what tells what went into a span of any other kind, and what came out."""
    told = {"input": as_text(_taken(attributes, _INPUT)), "output": as_text(_taken(attributes, _OUTPUT))}
    return present(name=name, **told)


def run_of(attributes: Wire) -> Wire:
    """Take out what the root of a trace tells of the run."""
    asked, answered = _taken(attributes, _INPUT), _taken(attributes, _OUTPUT)
    said, came = inside(asked), inside(answered)
    prompt, system = asked, ""
    if isinstance(said, dict) and isinstance(said.get("prompt"), str):  # the AI SDK's prompt
        prompt, system = said["prompt"], as_text(said.get("system"))
    elif isinstance(said, dict) and "inputs" in said:  # LangChain's, with tags and metadata around it
        prompt = said["inputs"]
    if isinstance(came, dict) and "outputs" in came:
        answered = came["outputs"]
    words = present(user_prompt=spoken(prompt, "user"), system_prompt=system)
    return present(
        prompt=words if system else words.get("user_prompt"),
        response=spoken(answered, "assistant"),
    )


def session_of(attributes: Wire) -> str:
    """Return the session's id that a span tells."""
    return next((as_text(attributes[name]) for name in _SESSION if attributes.get(name)), "")


def agent_of(attributes: Wire) -> str:
    """Return the agent's name that a span tells."""
    return next((as_text(attributes[name]) for name in _AGENT if attributes.get(name)), "")


def _taken(attributes: Wire, names: tuple[str, ...]) -> Any:
    """Take the first of these attributes that is there; None if none is."""
    return next((attributes.pop(name) for name in names if attributes.get(name) is not None), None)


def _one(value: object) -> str:
    """Return a list of one text, also one that was written as JSON, as that text."""
    found = inside(value)
    return as_text(found[0] if isinstance(found, list) and len(found) == 1 else value)


def _with_system(system: object, sent: object) -> str:
    """Return what was sent, as messages if these are told, with the system's instructions before them."""
    messages = inside(sent)
    if system is None or not isinstance(messages, list):
        return "\n".join(as_text(each) for each in (system, sent) if each is not None)
    return orjson.dumps([{"role": "system", "content": inside(system)}, *messages]).decode()


def _messages(attributes: Wire, side: str) -> list[Wire]:
    """Take out messages of which OpenInference has an attribute for each part, and put them together."""
    found: dict[int, Wire] = {}
    for name in [name for name in attributes if name.startswith(f"llm.{side}_messages.")]:
        if parts := _FLAT.fullmatch(name):
            message, member = found.setdefault(int(parts[2]), {}), parts[3]
            if call := _FLAT_CALL.fullmatch(member):
                made = message.setdefault("tool_calls", {}).setdefault(
                    int(call[1]), {"type": "function", "function": {}}
                )
                if call[2] == "id":
                    made["id"] = attributes.pop(name)
                else:
                    made["function"][call[2].removeprefix("function.")] = attributes.pop(name)
            else:
                message[member] = attributes.pop(name)
    for message in found.values():
        if isinstance(message.get("tool_calls"), dict):
            message["tool_calls"] = [call for _, call in sorted(message["tool_calls"].items())]
    return [message for _, message in sorted(found.items())]
