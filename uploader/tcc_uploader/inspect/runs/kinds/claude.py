"""Claude: the messages of the Claude Agent SDK, as it yields them, with the time at which each was received.

Shapes: the SDK's reference of message types, and requests of the Python and the TypeScript package.  The SDK yields
one API message in several parts, which have the same ``id`` and repeat its ``usage``: they are one step.  The messages
do not say when a call began; it is taken to begin when the message before was received.
"""

from typing import Final

import orjson

from tcc_uploader.inspect.runs.messages import as_text, spoken
from tcc_uploader.model.body import Wire

from .items import iso_of_ms, labelled, members, needed, objects, present, rest_of, status, tokens, total

_AROUND: Final = ("type", "subtype", "message", "receivedAtMs", "tccMetadata")
_MESSAGE: Final = ("content", "model", "id", "usage", "stop_reason", "role", "type")
_RESULT: Final = (*_AROUND, "is_error", "result", "total_cost_usd")
_BODY: Final = ("messages", "runId", "customMetadata", "sessionId", "userPrompt")


def read(body: Wire) -> list[Wire]:
    """Return what a body says.  Raises NotUnderstoodError if it has no messages."""
    messages = needed(body, "messages")
    times = [time for each in messages if (time := iso_of_ms(each.get("receivedAtMs")))]
    conversation = _Conversation(as_text(body.get("userPrompt")))
    for each in messages:
        conversation.take(each)
    run = present(
        type="run",
        start_time=times[0] if times else "",
        end_time=times[-1] if times else "",
        session_id=as_text(body.get("sessionId")),
        prompt=as_text(body.get("userPrompt")),
        response=conversation.answer,
        metadata=body.get("customMetadata"),
        attributes=rest_of(body, _BODY) | conversation.result,
    )
    return [run | conversation.end, *conversation.whole()]


class _Conversation:
    """Takes messages in their order."""

    def __init__(self, prompt: str) -> None:
        self.end: Wire = {}
        """What the result says of how the run ended."""
        self.result: Wire = {}
        """What else it says."""
        self.answer = ""
        self._items: list[Wire] = []
        self._sent: list[Wire] = [{"role": "user", "content": prompt}] if prompt else []
        """What was said since the last call, and so is new to the next one."""
        self._steps: dict[str, tuple[Wire, list[Wire]]] = {}
        """By id of a message: its step, and its parts."""
        self._calls: dict[str, Wire] = {}
        self._before = ""
        """When the message before was received."""

    def take(self, message: Wire) -> None:
        """Take the next message."""
        received = iso_of_ms(message.get("receivedAtMs"))
        inner = members(message.get("message"))
        match message.get("type"):
            case "assistant" if inner:
                self._take_answer(message, inner, received)
            case "user" if inner:
                self._take_results(message, inner, received)
            case "result":
                self._take_end(message)
            case _:
                self._take_other(message, received)
        self._before = received or self._before

    def whole(self) -> list[Wire]:
        """Return the items, each with all parts of what it was made of."""
        for step, parts in self._steps.values():
            step["response"] = spoken([{"role": "assistant", "content": parts}], "assistant")
        return self._items

    def _take_answer(self, message: Wire, inner: Wire, received: str) -> None:
        content = inner.get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else objects(content)
        ident = as_text(inner.get("id")) or f"message {len(self._steps) + 1}"
        if ident not in self._steps:
            sent = orjson.dumps(self._sent).decode() if self._sent else ""
            step = present(type="step", step_id=ident, start_time=self._before or received, prompt=sent)
            self._steps[ident] = step | {"attributes": {}}, []
            self._items.append(self._steps[ident][0])
            self._sent = []
        step, said = self._steps[ident]
        said += parts
        usage = members(inner.get("usage"))
        step |= present(
            end_time=received,
            model_used=as_text(inner.get("model")),
            finish_reason=as_text(inner.get("stop_reason")),
        ) | tokens(
            total(usage.get("input_tokens"), usage.get("cache_creation_input_tokens")),
            usage.get("cache_read_input_tokens"),
            usage.get("output_tokens"),
        )
        step["attributes"] |= rest_of(message, _AROUND) | rest_of(inner, _MESSAGE)
        self.answer = spoken([{"role": "assistant", "content": parts}], "assistant")
        for part in parts:
            if part.get("type") == "tool_use":
                self._begin_call(part, received)

    def _begin_call(self, part: Wire, received: str) -> None:
        call = present(
            type="tool_call",
            tool_call_id=as_text(part.get("id")),
            tool_name=as_text(part.get("name")),
            args=as_text(part.get("input")),
            start_time=received,
        )
        self._calls[as_text(part.get("id"))] = call
        self._items.append(call)

    def _take_results(self, message: Wire, inner: Wire, received: str) -> None:
        parts = objects(inner.get("content"))
        results = [part for part in parts if as_text(part.get("tool_use_id")) in self._calls]
        for part in results:
            call = self._calls[as_text(part["tool_use_id"])]
            failed = part.get("is_error") is True
            said = spoken([{"role": "tool", "content": part.get("content")}], "tool")
            call |= present(result=said if part.get("content") is not None else "", end_time=received)
            call |= {"status_code": status(failed=failed)} | ({"status_message": said} if failed else {})
        self._sent.append(inner)
        if len(results) < len(parts) or not parts:
            self._take_other(message, received)

    def _take_end(self, message: Wire) -> None:
        subtype = as_text(message.get("subtype"))
        failed = message.get("is_error") is True or subtype.startswith("error")
        result = as_text(message.get("result"))
        self.answer = result or self.answer
        said = result or as_text(message.get("errors")) or subtype
        self.end = {"status_code": status(failed=failed)} | present(
            status_message=said if failed else "", real_total_cost=message.get("total_cost_usd")
        )
        self.result = rest_of(message, _RESULT)

    def _take_other(self, message: Wire, received: str) -> None:
        name = labelled(message.get("type"), message.get("subtype")) or "message"
        attributes = rest_of(message, ("type", "subtype", "receivedAtMs", "tccMetadata"))
        self._items.append(
            present(type="span", name=name, start_time=received, end_time=received, attributes=attributes)
        )
