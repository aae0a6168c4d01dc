"""Converts values of the SDK to texts: inputs, outputs, tool definitions.

The SDK's items are dicts or pydantic models of many types, and each version adds types.  So the functions here look up
members by name, and do not depend on the types.  None of them raises: what fails is None, or left out.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import orjson

from tcc_recorder.values import Converted, json_bytes, text

from .details import count, is_a, listed, member, word
from .guard import guard

_SHARED_ID: Final = "__fake_id__"
"""The id of responses that the SDK builds itself; their ``model`` is the one requested, not the one that answered."""
_NEVER_HOSTED: Final = frozenset(("function_call", "custom_tool_call"))
"""The types of tool calls that the program itself runs, also if the call has no id that can be read."""


def as_json(value: object) -> str:
    """Return any value as JSON text; pydantic models and dataclasses become objects.

    It is a :class:`Converted` if something in it has no JSON.
    """
    try:
        return _json(value).decode()
    except Exception:  # noqa: BLE001 -- a value's own code may raise anything; json_bytes converts any value
        return Converted(json_bytes(value)[0].decode())


def _json(value: object) -> bytes:
    try:
        return orjson.dumps(
            value
        )  # nearly always enough; the option below is slow, and each turn writes the whole conversation
    except TypeError:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    if dump is not None and not is_a(value, type):
        return dump(mode="json", warnings=False)
    if is_a(value, Mapping):
        return dict(value)  # type: ignore[call-overload]  # it is a mapping
    if is_a(value, set) or is_a(value, frozenset):
        return list(value)  # type: ignore[call-overload]  # see above
    raise TypeError(f"no JSON for {type(value).__name__}")


def as_text(value: object) -> str | None:
    """Return a text as it is, None as None, anything else as JSON text."""
    return value if value is None or type(value) is str else text(value) if is_a(value, str) else as_json(value)


def user_prompt(given: object) -> tuple[str, str | None]:
    """Return the user's text in a run's input, and the whole input as JSON text if it is a list."""
    if is_a(given, str):
        return text(given), None
    items = listed(given)
    words = ""
    for item in reversed(items):
        if word(item, "role") == "user" and (words := _text_of(member(item, "content"))):
            break
    return words, as_json(items)


def _text_of(content: object) -> str:
    """Return the text of a message's content, which is a text or a list of parts, some with a text."""
    if is_a(content, str):
        return text(content)
    parts = (word(part, "text") or word(part, "refusal") for part in listed(content))
    return "\n".join(part for part in parts if part is not None)


@guard
def step_prompt(system: object, given: object, cap: int | None) -> tuple[str, int]:
    """Return the input of a model as a JSON list of messages, and how many of the oldest items were left out.

    It has at most ``cap`` characters: the system prompt and the newest items that fit.  If even the newest item does
    not fit, it is cut.
    """
    items = [given] if is_a(given, str) else listed(given)
    head: list[object] = [] if system is None else [{"role": "system", "content": system}]
    if cap is None:
        return as_json([*head, *items]), 0
    head_parts, parts = [as_json(item) for item in head], [as_json(item) for item in items]
    left_out = 0
    room = cap - 2 - sum(len(part) + 1 for part in head_parts)
    sizes = [len(part) + 1 for part in parts]
    total = sum(sizes)
    while total > room and left_out < len(parts) - 1:
        total -= sizes[left_out]
        left_out += 1
    kept = [*head_parts, *parts[left_out:]]
    whole = f"[{','.join(kept)}]"[:cap]
    return (Converted(whole) if Converted in map(type, kept) else whole), left_out


def output_text(output: list[Any]) -> str:
    """Return a model's output: the text if it has only messages, else all items as a JSON list."""
    if output and all(word(item, "type") == "message" for item in output):
        return "\n".join(_text_of(member(item, "content")) for item in output)
    return as_json([_slim(item) for item in output]) if output else ""


def _slim(item: object) -> object:
    """Return an output item without the members that are not set."""
    dump = member(item, "model_dump")
    with guard:
        return item if dump is None else dump(mode="json", exclude_none=True, warnings=False)
    return item


class OutputToolCall(NamedTuple):
    """A tool call in a model's output.

    If it is ``hosted``, the model's provider has run it, and its result is known.
    """

    name: str
    call_id: str | None
    args: str | None
    hosted: bool = False
    result: str | None = None
    error: str | None = None
    status: str | None = None


def tool_calls_in(output: list[Any]) -> list[OutputToolCall]:
    """Return the tool calls in a model's output, in order; handoffs are included."""
    kinds = ((item, word(item, "type")) for item in output)
    return [_tool_call(item, kind) for item, kind in kinds if kind is not None and kind.endswith("_call")]


def _tool_call(item: object, kind: str) -> OutputToolCall:
    name = word(item, "name") or kind.removesuffix("_call")
    call_id = word(item, "call_id")
    args = _first(item, ("arguments", "input", "action", "actions", "queries", "code", "operation"))
    if call_id is not None or kind in _NEVER_HOSTED:  # it has not run yet
        return OutputToolCall(name, call_id, args)
    result = _first(item, ("output", "results", "outputs", "result"))
    return OutputToolCall(
        name, None, args, hosted=True, result=result, error=as_text(member(item, "error")), status=word(item, "status")
    )


def _first(item: object, names: Iterable[str]) -> str | None:
    values = (member(item, name) for name in names)
    return as_text(next((value for value in values if value is not None), None))


def finish_reason(output: list[Any], response: object) -> str | None:
    """Return why a model stopped: the reason in an incomplete response, else ``tool_calls`` or ``stop``."""
    status = word(response, "status")
    if status is not None and status != "completed":
        return word(member(response, "incomplete_details"), "reason") or status
    if not output:
        return None
    return "tool_calls" if any(not call.hosted for call in tool_calls_in(output)) else "stop"


def model_used(response: object) -> str | None:
    """Return the model that a response names; None if the SDK, not the provider, wrote the name."""
    return None if word(response, "id") == _SHARED_ID else word(response, "model")


def definitions(tools: Iterable[object], handoffs: Iterable[object]) -> str | None:
    """Return the tools and the handoffs that a model can call as a JSON list; None if there are none."""
    found = [*map(_definition, tools), *map(_handoff_definition, handoffs)]
    return as_json(found) if found else None


def _definition(tool: object) -> dict[str, object]:
    schema = member(tool, "params_json_schema")
    name = word(tool, "name")
    kind = "function" if schema is not None else word(tool, "type") or name or type(tool).__name__
    described = {"type": kind, "name": name, "description": word(tool, "description")}
    return {
        **{key: value for key, value in described.items() if value},
        **({} if schema is None else {"parameters": schema}),
    }


def _handoff_definition(handoff: object) -> dict[str, object]:
    return {
        "type": "function",
        "name": word(handoff, "tool_name"),
        "description": word(handoff, "tool_description"),
        "parameters": member(handoff, "input_json_schema"),
    }


def tokens(usage: object) -> tuple[int | None, int | None, int | None]:
    """Return uncached, cached and completion tokens; each is None if the model did not report tokens."""
    given, made = count(usage, "input_tokens"), count(usage, "output_tokens")
    if given is None or made is None or not given + made:
        return None, None, None
    cached = count(member(usage, "input_tokens_details"), "cached_tokens") or 0
    return max(given - cached, 0), cached, made


def failed_attempts(usage: object) -> int:
    """Return how many attempts of an LLM call failed before the last one, as far as its usage shows."""
    entries = listed(member(usage, "request_usage_entries"))
    return sum(count(entry, "total_tokens") == 0 for entry in entries[:-1])
