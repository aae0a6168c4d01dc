"""The tool calls of one run: those that ran here, those that the model's provider ran, handoffs, and those not run."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from tcc_recorder import Run, ToolCall
from tcc_recorder.values import text

from .content import Called, as_text

_TOLD_THE_MODEL: Final = "An error occurred while running the tool"
"""How the SDK's own failure handler begins the result that the model gets in place of the exception."""


class _Open:
    """A tool that is running, or that has run and whose span has not ended."""

    def __init__(self, call: ToolCall, span_id: str | None) -> None:
        self.call = call
        self.span_id = span_id
        self.returned: datetime | None = None


class ToolCalls:
    """The tool calls of ``run``.  ``content`` is whether arguments and results are recorded."""

    def __init__(self, run: Run, *, content: bool) -> None:
        self._run = run
        self._content = content
        self._open: dict[object, _Open] = {}
        self._asked: dict[str, tuple[datetime, Called]] = {}
        """What the model asked for, and when, and nobody has begun yet; by call id."""
        self.names: dict[str, None] = {}
        """The names of what was called, in order."""

    def asked_for(self, found: Iterable[Called], began: datetime | None = None) -> None:
        """Note the tools that the model asked for; hosted ones have run by then."""
        for called in found:
            if called.call_id is not None:
                self.names[called.name] = None
                self._asked[called.call_id] = datetime.now(UTC), called
                continue
            call = self._begin(called.name, None, called.args)
            if began is not None:
                call.start_time(began)
            call.attributes({"hosted": True, **({"status": called.status} if called.status else {})})
            self._result(call, called.result)
            if called.error is not None or called.status in {"failed", "incomplete"}:
                call.error(called.error if called.error and self._content else f"status: {called.status}")
            else:
                call.end()

    def began(self, key: object, name: str, call_id: str | None, args: str | None, span_id: str | None) -> None:
        """Note that a tool runs.  ``key`` is the same for the end of this call, and for no other call under way."""
        asked = self._asked.pop(call_id, None) if call_id is not None else self._asked_by_name(name)
        if asked is not None:
            call_id = asked[1].call_id
            args = args if args is not None else asked[1].args
        self._open[key] = _Open(self._begin(name, call_id, args), span_id)

    def ended(self, key: object, result: object) -> None:
        """Note a tool's result; its span, if there is one, knows whether that tells of an error."""
        tool = self._open.get(key)
        if tool is None:
            return
        tool.returned = datetime.now(UTC)
        words = as_text(result)
        self._result(tool.call, words)
        if words is not None and words.startswith(_TOLD_THE_MODEL):
            tool.call.status(2, words if self._content else "the tool raised")
        if tool.span_id is None:
            del self._open[key]
            tool.call.end()

    def span_ended(self, span_id: str, began: datetime | None, ended: datetime | None, error: str | None) -> None:
        """Note that the span of a tool call ended."""
        key = next((key for key, tool in self._open.items() if tool.span_id == span_id), None)
        if key is None:
            return
        tool = self._open.pop(key)
        if began is not None:
            tool.call.start_time(began)
        if ended is not None:
            tool.call.end_time(ended)
        if error is None:
            tool.call.end()
        else:
            tool.call.error(error)

    def handed_off(self, names: Iterable[str], target: str) -> None:
        """Note that a handoff took place, by a tool of one of these names."""
        wanted = set(names)
        call_id = next((call_id for call_id, (_, called) in self._asked.items() if called.name in wanted), None)
        if call_id is None:
            return
        call = self._not_run(*self._asked.pop(call_id))
        call.attributes({"call_id": call_id, "handoff_to": target})
        self._result(call, target)
        call.end()

    def give_up(self, code: int, message: str) -> None:
        """End what is still open with the run."""
        for tool in self._take_open():
            if tool.returned is not None:  # only its span is missing
                tool.call.end_time(tool.returned).end()
            else:
                tool.call.status(code, message).end()
        asked, self._asked = self._asked, {}
        for since, called in asked.values():
            self._not_run(since, called).status(code, f"not run: {message}").end()

    def _take_open(self) -> list[_Open]:
        tools, self._open = list(self._open.values()), {}
        return tools

    def _begin(self, name: str, call_id: str | None, args: str | None) -> ToolCall:
        self.names[name] = None
        # Not every model makes call ids that differ from run to run, and a record's id must: so it gets its own.
        call = self._run.tool_call(name)
        if call_id is not None:
            call.attributes({"call_id": call_id})
        if self._content and args is not None:
            call.args(args)
        return call

    def _not_run(self, since: datetime, called: Called) -> ToolCall:
        return self._begin(called.name, called.call_id, called.args).start_time(since)

    def _asked_by_name(self, name: str) -> tuple[datetime, Called] | None:
        """Return what the model asked for, for a tool whose hooks don't tell the call id."""
        call_id = next((call_id for call_id, (_, called) in self._asked.items() if text(called.name) == name), None)
        return None if call_id is None else self._asked.pop(call_id)

    def _result(self, call: ToolCall, words: str | None) -> None:
        if self._content and words is not None:
            call.result(words)
