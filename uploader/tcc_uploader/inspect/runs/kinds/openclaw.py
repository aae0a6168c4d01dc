"""OpenClaw: the events of its plug-in hooks, in their order.

Shapes: the hooks of OpenClaw's plug-in interface, and a request of the official package.  An ``llm_input`` and the next
``llm_output`` are a step; a ``before_tool_call`` and the next ``after_tool_call`` of the same tool are a tool call.
"""

from typing import Final

import orjson

from tcc_uploader.inspect.runs.messages import as_text
from tcc_uploader.model.body import Wire

from .items import iso_of_ms, labelled, members, needed, objects, present, rest_of, status, tokens, total

_BODY: Final = ("events", "metadata", "framework")
_INPUT: Final = ("model", "prompt", "systemPrompt", "historyMessages")
_OUTPUT: Final = ("model", "assistantTexts", "usage")
_CALL: Final = ("toolName", "toolCallId", "params", "result", "error")
_OWN: Final = ("tcc.runId", "tcc.sessionId")


def read(body: Wire) -> list[Wire]:
    """Return what a body says.  Raises NotUnderstoodError if it has no events."""
    reading = _Reading()
    events = needed(body, "events")
    for event in events:
        reading.take(event)
    metadata = members(body.get("metadata"))
    contexts = [members(event.get("context")) for event in events]
    agent = next((name for each in contexts if (name := as_text(each.get("agentId")))), "")
    times = [time for event in events if (time := iso_of_ms(event.get("timestamp")))]
    run = present(
        type="run",
        start_time=times[0] if times else "",
        end_time=times[-1] if times else "",
        session_id=as_text(metadata.get("tcc.sessionId")),
        prompt=reading.prompt,
        response=reading.answer,
        metadata=rest_of(metadata, _OWN) | present(agent=agent),
        attributes=rest_of(body, _BODY) | reading.rest,
    )
    return [run | reading.end, *reading.items]


class _Reading:
    """Takes events in their order, and pairs each beginning with its end."""

    def __init__(self) -> None:
        self.items: list[Wire] = []
        self.end: Wire = {}
        self.rest: Wire = {}
        """What else is told of the end."""
        self.prompt = ""
        self.answer = ""
        self._step: Wire | None = None
        self._calls: dict[str, Wire] = {}

    def take(self, event: Wire) -> None:
        """Take the next event."""
        told, at = members(event.get("event")), iso_of_ms(event.get("timestamp"))
        match event.get("hook"):
            case "llm_input":
                self._step = self._begun("step", told, at, _INPUT, prompt=_sent(told))
                self._step |= present(model_requested=as_text(told.get("model")), step_id=f"call {len(self.items)}")
                self.prompt = self.prompt or as_text(told.get("prompt"))
            case "llm_output":
                self._end_step(told, at)
            case "before_tool_call":
                call = self._begun("tool_call", told, at, _CALL, args=as_text(told.get("params")))
                call |= present(tool_name=as_text(told.get("toolName")), tool_call_id=f"call {len(self.items)}")
                self._calls[_key(told)] = call
            case "after_tool_call":
                self._end_call(told, at)
            case "agent_end":
                self._end_run(told)
            case hook:
                span = self._begun("span", told, at, (), name=labelled(hook) or "event")
                span |= present(end_time=at)

    def _begun(self, kind: str, told: Wire, at: str, known: tuple[str, ...], **texts: str) -> Wire:
        item = present(type=kind, start_time=at, **texts) | {"attributes": rest_of(told, known)}
        self.items.append(item)
        return item

    def _end_step(self, told: Wire, at: str) -> None:
        step = self._step or self._begun("step", {}, at, ())
        self._step = None
        said, usage = told.get("assistantTexts"), members(told.get("usage"))
        texts = said if isinstance(said, list) else [said]
        self.answer = "\n".join(map(as_text, texts)) or self.answer
        step |= present(
            end_time=at, model_used=as_text(told.get("model")), response="\n".join(map(as_text, texts))
        ) | tokens(total(usage.get("input"), usage.get("cacheWrite")), usage.get("cacheRead"), usage.get("output"))
        step["attributes"] |= rest_of(told, _OUTPUT)

    def _end_call(self, told: Wire, at: str) -> None:
        call = self._calls.pop(_key(told), None) or self._begun("tool_call", {}, at, ())
        error = as_text(told.get("error"))
        call |= {"status_code": status(failed=bool(error))} | present(
            tool_name=as_text(told.get("toolName")),
            args=as_text(told.get("params")),
            end_time=at,
            result=as_text(told.get("result")),
            status_message=error,
        )
        call["attributes"] |= rest_of(told, _CALL)

    def _end_run(self, told: Wire) -> None:
        if isinstance(told.get("success"), bool):
            error = as_text(told.get("error"))
            self.end = {"status_code": status(failed=not told["success"])} | present(status_message=error)
        self.rest = rest_of(told, ("success", "error"))


def _sent(told: Wire) -> str:
    """Return what was sent to a model: a prompt alone as it is, with what stands before it as messages."""
    prompt = as_text(told.get("prompt"))
    system, history = as_text(told.get("systemPrompt")), objects(told.get("historyMessages"))
    if not system and not history:
        return prompt
    before = [{"role": "system", "content": system}] if system else []
    return orjson.dumps([*before, *history, {"role": "user", "content": prompt}]).decode()


def _key(told: Wire) -> str:
    """Return what the two events of a tool call have in common."""
    return as_text(told.get("toolCallId")) or as_text(told.get("toolName"))
