"""Runs, steps and tool calls, as an agent records them.

Their names, parameters, defaults and errors are those of the public ``contextcompany`` client, version 2.0.0.
"""

from collections.abc import Mapping
from typing import Any, Literal, Self

from . import unended
from .clock import now
from .defaults import defaults
from .feedback import feedback_route, submit
from .ids import given_id, new_id
from .items import NAME, OTHER, PROMPT, RESPONSE, Item, RunChildren
from .limited_log import log
from .records import Route, item_lines, journal_lines, run_lines
from .sink import emit, journal, keeps_journal
from .values import boolean, finite_number, holds_converted, json_text, snapshot, string_map, text, whole_number


class Run(Item):
    """One agent run.  Made by :func:`run`."""

    __slots__ = ("__weakref__",)
    _label, _kind, _id_member, _needs = "Run", "run", "run_id", PROMPT

    def __init__(self, run_id: str | None, session_id: str | None, conversational: bool | None, route: Route) -> None:
        own_id = given_id(run_id)
        super().__init__(own_id, own_id, route, RunChildren())
        self._put("session_id", session_id)
        if conversational is not None and (flag := boolean(conversational)) is not None:
            self._body["conversational"] = flag
        if metadata := defaults.current():
            self._body["metadata"] = metadata.copy()
        unended.watch(self)

    def __del__(self) -> None:
        if self._claim and unended.forget(self):
            self._record_unended("not ended: the run was dropped")

    @property
    def run_id(self) -> str:
        """The run's id: feedback, and children that are made elsewhere, refer to it."""
        return self._run_id

    def step(self, step_id: str | None = None) -> "Step":
        """Begin an LLM call of this run."""
        self._seen |= OTHER
        return Step(self._run_id, new_id() if step_id is None else given_id(step_id), self._route, self._children)

    def tool_call(self, tool_name: str | None = None, tool_call_id: str | None = None) -> "ToolCall":
        """Begin a tool call of this run."""
        self._seen |= OTHER
        ident = new_id() if tool_call_id is None else given_id(tool_call_id)
        return ToolCall(self._run_id, ident, self._route, self._children).name(tool_name)

    def prompt(self, user_prompt: str, system_prompt: str | None = None) -> Self:
        """Set what the run was asked."""
        self._seen |= PROMPT
        parts: dict[str, str] = {}
        if user_prompt is not None:
            parts["user_prompt"] = text(user_prompt)
        if system_prompt is not None:
            parts["system_prompt"] = text(system_prompt)
        before = self._body.get("prompt")
        if before and "full_input" in before:
            parts["full_input"] = before["full_input"]
        self._put_prompt(parts)
        self._write_journal()
        return self

    def full_input(self, value: object) -> Self:
        """Set the complete input of the run: a text, or a value that becomes JSON text."""
        self._seen |= OTHER
        parts = dict(self._body.get("prompt", ()))
        parts.pop("full_input", None)
        if value is not None:
            parts["full_input"], converted = json_text(value)
            self._converted |= converted
        return self._put_prompt(parts)

    def response(self, text: str) -> Self:
        """Set what the run answered."""
        self._seen |= OTHER
        if type(text) is not str:
            return self._put("response", text)
        self._body["response"] = text  # nearly always: here, as in the other setters, a call would double the cost
        return self

    def full_output(self, value: object) -> Self:
        """Set the complete output of the run: a text, or a value that becomes JSON text."""
        self._seen |= OTHER
        return self._put_json("full_output", value)

    def metadata(self, data: Mapping[str, str] | None = None, **kwargs: str) -> Self:
        """Add names and texts.  Several calls are merged; for the same name the last call wins."""
        self._seen |= OTHER
        known = self._body.setdefault("metadata", {})
        if data is not None:
            more = string_map(data)
            if more is None:
                log.warning(f"metadata is ignored: {type(data).__name__} is not a mapping")
            else:
                known.update(more)
                self._converted |= holds_converted(data)
        if kwargs:
            known.update(string_map(kwargs))
        self._write_journal()
        return self

    def feedback(self, score: Literal["thumbs_up", "thumbs_down"] | None = None, text: str | None = None) -> bool:
        """Record a user's feedback on this run; return whether that worked.

        Raises ValueError if both score and text are missing, or if the text has more than 2000 characters.
        """
        return submit(self._run_id, score, text, feedback_route(self._route))

    def _put_prompt(self, parts: dict[str, str]) -> Self:
        if parts:
            parts.setdefault("user_prompt", "")
            self._body["prompt"] = parts
        else:
            self._body.pop("prompt", None)
        return self

    def _missing(self) -> str:
        return "[TCC] Cannot end run: prompt is required. Call r.prompt(...) before r.end()"

    def _record(self, body: dict[str, Any]) -> None:
        # Forgotten together with the write of its record: a segment that starts before journals the run, a later one
        # does not.
        run, children = (body, self._converted), self._children.take()
        emit(run_lines, run, children, self._route, done=lambda: unended.ended(self))
        unended.ended(self)

    def _write_journal(self) -> None:
        """Journal the run as it is now, if it has a prompt; without one, nobody could tell what it was asked."""
        if self._seen & PROMPT and self._claim and keeps_journal():
            journal(journal_lines, [(dict(self._body), self._converted)], self._route, now())

    def _journal_lines(self) -> list[bytes]:
        if not self._seen & PROMPT:
            return []
        run = (dict(self._body or self._final), self._converted)
        return journal_lines([run, *self._children.ended()], self._route, now())

    def _record_unended(self, message: str) -> None:
        if not self._seen:
            return
        try:
            body = self._take(status_code=2)
        except RuntimeError:
            return  # another thread has just ended it
        body.setdefault("status_message", message)
        self._record(body)

    def _disown(self) -> None:
        self._children.closed = True


class _Child(Item):
    __slots__ = ()

    def attributes(self, value: object) -> Self:
        """Set further attributes: any JSON value, as it is now."""
        self._seen |= OTHER
        if value is None:
            self._body.pop("attributes", None)
        else:
            self._body["attributes"], converted = snapshot(value)
            self._converted |= converted
        return self

    def _record(self, body: dict[str, Any]) -> None:
        child = (body, self._converted)
        if self._children.add(child):
            emit(item_lines, child, self._route)
        elif keeps_journal():
            journal(journal_lines, [child], self._route, now())


class Step(_Child):
    """One LLM call.  Made by :meth:`Run.step` or :func:`step`."""

    __slots__ = ()
    _label, _kind, _id_member, _needs = "Step", "step", "step_id", PROMPT | RESPONSE

    def prompt(self, text: str) -> Self:
        """Set what the model was asked."""
        self._seen |= PROMPT
        if type(text) is not str:
            return self._put("prompt", text)
        self._body["prompt"] = text
        return self

    def response(self, text: str) -> Self:
        """Set what the model answered."""
        self._seen |= RESPONSE
        if type(text) is not str:
            return self._put("response", text)
        self._body["response"] = text
        return self

    def model(self, requested: str | None = None, used: str | None = None) -> Self:
        """Set the name of the model that was requested, and of the one that answered; None leaves a name as it was."""
        if type(requested) is str and type(used) is str:
            self._body["model_requested"] = requested
            self._body["model_used"] = used
            return self
        if requested is not None:
            self._put("model_requested", requested)
        if used is not None:
            self._put("model_used", used)
        return self

    def finish_reason(self, reason: str) -> Self:
        """Set why the model stopped."""
        if type(reason) is not str:
            return self._put("finish_reason", reason)
        self._body["finish_reason"] = reason
        return self

    def tokens(
        self, prompt_uncached: int | None = None, prompt_cached: int | None = None, completion: int | None = None
    ) -> Self:
        """Set the numbers of tokens; None leaves a number as it was."""
        if type(prompt_uncached) is int and type(prompt_cached) is int and type(completion) is int:
            body = self._body
            body["prompt_uncached_tokens"] = prompt_uncached
            body["prompt_cached_tokens"] = prompt_cached
            body["completion_tokens"] = completion
            return self
        self._put_number("prompt_uncached_tokens", prompt_uncached, whole_number)
        self._put_number("prompt_cached_tokens", prompt_cached, whole_number)
        self._put_number("completion_tokens", completion, whole_number)
        return self

    def cost(self, real_total: float) -> Self:
        """Set the cost, in USD."""
        self._put_number("real_total_cost", real_total, finite_number)
        return self

    def ttft_ms(self, value: float) -> Self:
        """Set the time to the first token, in milliseconds."""
        self._put_number("ttft_ms", value, finite_number)
        return self

    def tool_definitions(self, definitions: str) -> Self:
        """Set the tools that the model could call: JSON text, or a value that becomes JSON text."""
        return self._put_json("tool_definitions", definitions)

    def tool_call(self, tool_name: str | None = None, tool_call_id: str | None = None) -> "ToolCall":
        """Begin a tool call of the same run."""
        return ToolCall(self._run_id, given_id(tool_call_id), self._route, self._children).name(tool_name)

    def _missing(self) -> str:
        what = "response" if self._seen & PROMPT else "prompt"
        return f"[TCC] Cannot end step: {what} is required. Call s.{what}(...) before s.end()"


class ToolCall(_Child):
    """One tool call.  Made by :meth:`Run.tool_call`, :meth:`Step.tool_call` or :func:`tool_call`."""

    __slots__ = ()
    _label, _kind, _id_member, _needs = "ToolCall", "tool_call", "tool_call_id", NAME

    def name(self, tool_name: str | None) -> Self:
        """Set the tool's name."""
        self._seen = self._seen & ~NAME if tool_name is None else self._seen | NAME
        return self._put("tool_name", tool_name)

    def args(self, value: str | dict[str, Any]) -> Self:
        """Set the tool's arguments: a text, or the JSON text of the value as it is now."""
        return self._put_json("args", value)

    def result(self, value: str | dict[str, Any]) -> Self:
        """Set the tool's result: a text, or the JSON text of the value as it is now."""
        return self._put_json("result", value)

    def _missing(self) -> str:
        return (
            "[TCC] Cannot end tool call: name is required. "
            "Call tc.name(...) or pass it to tool_call('name') before tc.end()"
        )

    def _record(self, body: dict[str, Any]) -> None:
        if not body.get("tool_name"):
            body["tool_name"] = "unknown"
        super()._record(body)
