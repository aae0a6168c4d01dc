"""Converts values of the SDK to texts: inputs, outputs, tool definitions.  Pure functions.

The SDK's items are dicts or pydantic models of many types, and each version adds types.  So the functions here look up
members by name, and do not depend on the types.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from tcc_recorder.values import json_text, text

_SHARED_ID: Final = "__fake_id__"
"""The id of responses that the SDK builds itself; their ``model`` is the one requested, not the one that answered."""


def member(value: object, name: str) -> Any:
    """Return a member of a dict or an attribute of an object; None if there is none."""
    if type(value) is dict or isinstance(value, Mapping):  # isinstance with Mapping alone is slow
        return value.get(name)
    return getattr(value, name, None)


def as_json(value: object) -> str:
    """Return any value as JSON text; pydantic models and dataclasses become objects."""
    try:
        return _json(value).decode()
    except Exception:  # noqa: BLE001 -- a value's own code may raise anything; json_text converts any value
        return json_text(value)[0]


def _json(value: object) -> bytes:
    try:
        return orjson.dumps(
            value
        )  # nearly always enough; the option below is slow, and each turn writes the whole conversation
    except TypeError:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def as_text(value: object) -> str | None:
    """Return a text as it is, None as None, anything else as JSON text."""
    return value if value is None or type(value) is str else text(value) if isinstance(value, str) else as_json(value)


def _plain(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    if dump is not None and not isinstance(value, type):
        return dump(mode="json", warnings=False)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return list(value)
    return text(value)


def user_prompt(given: object) -> tuple[str, str | None]:
    """Return the user's text in a run's input, and the whole input as JSON text if it is a list."""
    if isinstance(given, str):
        return text(given), None
    items = list(given) if isinstance(given, Sequence) else []
    words = ""
    for item in reversed(items):
        if member(item, "role") == "user" and (words := _text_of(member(item, "content"))):
            break
    return words, as_json(items)


def _text_of(content: object) -> str:
    """Return the text of a message's content, which is a text or a list of parts, some with a text."""
    if isinstance(content, str):
        return text(content)
    if not isinstance(content, Iterable):
        return ""
    parts = (member(part, "text") or member(part, "refusal") for part in content)
    return "\n".join(part for part in parts if isinstance(part, str))


def step_prompt(system: str | None, items: Iterable[object], cap: int | None) -> tuple[str, int]:
    """Return the input of a model as a JSON list of messages, and how many of the oldest items were left out.

    It has at most ``cap`` characters: the system prompt and the newest items that fit.  If even the newest item does
    not fit, it is cut.
    """
    if cap is None:
        messages = [{"role": "system", "content": system}] if system else []
        return as_json([*messages, *([items] if isinstance(items, str) else items)]), 0
    head = [as_json({"role": "system", "content": system})] if system else []
    parts = [as_json(item) for item in items] if not isinstance(items, str) else [as_json(items)]
    left_out = 0
    room = cap - 2 - sum(len(part) + 1 for part in head)
    sizes = [len(part) + 1 for part in parts]
    total = sum(sizes)
    while total > room and left_out < len(parts) - 1:
        total -= sizes[left_out]
        left_out += 1
    whole = f"[{','.join([*head, *parts[left_out:]])}]"
    return whole[:cap], left_out


def output_text(output: Sequence[object]) -> str:
    """Return a model's output: the text if it has only messages, else all items as a JSON list."""
    if output and all(member(item, "type") == "message" for item in output):
        return "\n".join(_text_of(member(item, "content")) for item in output)
    return as_json([_slim(item) for item in output]) if output else ""


def _slim(item: object) -> object:
    """Return an output item without the members that are not set."""
    dump = getattr(item, "model_dump", None)
    return item if dump is None else dump(mode="json", exclude_none=True, warnings=False)


def answer(final_output: object) -> str | None:
    """Return a run's final output: a text as it is, a typed one as its JSON."""
    dump = getattr(final_output, "model_dump_json", None)
    if dump is not None and not isinstance(final_output, type):
        return text(dump())
    return as_text(final_output)


class OutputToolCall(NamedTuple):
    """A tool call in a model's output.

    ``call_id`` is None for a hosted tool: the model's provider has run it, and its result is known.
    """

    name: str
    call_id: str | None
    args: str | None
    result: str | None = None
    error: str | None = None
    status: str | None = None


def tool_calls_in(output: Sequence[object]) -> list[OutputToolCall]:
    """Return the tool calls in a model's output, in order; handoffs are included."""
    return [_tool_call(item) for item in output if text(member(item, "type") or "").endswith("_call")]


def _tool_call(item: object) -> OutputToolCall:
    name = text(member(item, "name") or text(member(item, "type")).removesuffix("_call"))
    call_id = member(item, "call_id")
    args = _first(item, ("arguments", "input", "action", "actions", "queries", "code", "operation"))
    if call_id is not None:  # it has not run yet
        return OutputToolCall(name, text(call_id), args)
    error, status = member(item, "error"), member(item, "status")
    result = _first(item, ("output", "results", "outputs", "result"))
    return OutputToolCall(name, None, args, result, as_text(error), None if status is None else text(status))


def _first(item: object, names: Iterable[str]) -> str | None:
    values = (member(item, name) for name in names)
    return as_text(next((value for value in values if value is not None), None))


def finish_reason(output: Sequence[object], response: object) -> str | None:
    """Return why a model stopped: the reason in an incomplete response, else ``tool_calls`` or ``stop``."""
    status = member(response, "status")
    if isinstance(status, str) and status != "completed":
        reason = member(member(response, "incomplete_details"), "reason")
        return text(reason or status)
    if not output:
        return None
    return "tool_calls" if any(member(item, "type") == "function_call" for item in output) else "stop"


def model_used(response: object) -> str | None:
    """Return the model that a response names; None if the SDK, not the provider, wrote the name."""
    model = member(response, "model")
    if not isinstance(model, str) or member(response, "id") == _SHARED_ID:
        return None
    return model


def definitions(tools: Iterable[object], handoffs: Iterable[tuple[str, str | None, object]]) -> str | None:
    """Return the tools that an agent offers to its model as a JSON list; None if there are none."""
    found = [_definition(tool) for tool in tools]
    for name, description, schema in handoffs:
        found.append({"type": "function", "name": name, "description": description, "parameters": schema})
    return as_json(found) if found else None


def _definition(tool: object) -> dict[str, object]:
    schema = member(tool, "params_json_schema")
    kind = "function" if schema is not None else member(tool, "type") or member(tool, "name") or type(tool).__name__
    described = {"type": kind, "name": member(tool, "name"), "description": member(tool, "description")}
    return {**{name: value for name, value in described.items() if value}, **({"parameters": schema} if schema else {})}


def tokens(usage: object) -> tuple[int | None, int | None, int | None]:
    """Return uncached, cached and completion tokens; each is None if the model did not report tokens."""
    given, made = member(usage, "input_tokens"), member(usage, "output_tokens")
    if not isinstance(given, int) or not isinstance(made, int) or not given + made:
        return None, None, None
    cached = member(member(usage, "input_tokens_details"), "cached_tokens")
    cached = cached if isinstance(cached, int) else 0
    return max(given - cached, 0), cached, made


def failed_attempts(usage: object) -> int:
    """Return how many attempts of an LLM call failed before the last one, as far as its usage shows."""
    entries = member(usage, "request_usage_entries")
    if not isinstance(entries, Sequence) or len(entries) <= 1:
        return 0
    return sum(member(entry, "total_tokens") == 0 for entry in entries[:-1])
