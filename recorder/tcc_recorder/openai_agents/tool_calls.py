"""The tool calls of one run: local tools, hosted tools (run by the model's provider), handoffs, and calls not run."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from tcc_recorder import Run, ToolCall
from tcc_recorder.values import text

from .content import OutputToolCall, as_text

_ERROR_RESULT: Final = "An error occurred while running the tool"
"""If a tool raised, the SDK's default handler gives the model a result that begins with this."""


class _OpenTool:
    """A tool that is running, or that has returned but whose span has not ended."""

    def __init__(self, call: ToolCall, span_id: str | None) -> None:
        self.call = call
        self.span_id = span_id
        self.returned: datetime | None = None


class ToolCalls:
    """The tool calls of ``run``.  ``content`` is whether arguments and results are recorded."""

    def __init__(self, run: Run, *, content: bool) -> None:
        self._run = run
        self._content = content
        self._open: dict[object, _OpenTool] = {}
        self._requested: dict[str, tuple[datetime, OutputToolCall]] = {}
        """By call id: what the model requested and has not begun yet, and when it was requested."""
        self.names: dict[str, None] = {}
        """The names of the tools that were called, in order (an ordered set)."""

    def requested(self, found: Iterable[OutputToolCall], began: datetime | None = None) -> None:
        """Record that the model requested these tools; hosted ones have run already."""
        for called in found:
            if called.call_id is not None:
                self.names[called.name] = None
                self._requested[called.call_id] = datetime.now(UTC), called
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
        """Record that a tool begins.  :meth:`ended` gets the same ``key``; no other open call has it."""
        request = self._requested.pop(call_id, None) if call_id is not None else self._requested_by_name(name)
        if request is not None:
            call_id = request[1].call_id
            args = args if args is not None else request[1].args
        self._open[key] = _OpenTool(self._begin(name, call_id, args), span_id)

    def ended(self, key: object, result: object) -> None:
        """Record that a tool returned.  If it has a span, the call ends with that, which knows if the tool failed."""
        tool = self._open.get(key)
        if tool is None:
            return
        tool.returned = datetime.now(UTC)
        words = as_text(result)
        self._result(tool.call, words)
        if words is not None and words.startswith(_ERROR_RESULT):
            tool.call.status(2, words if self._content else "the tool raised")
        if tool.span_id is None:
            del self._open[key]
            tool.call.end()

    def span_ended(self, span_id: str, began: datetime | None, ended: datetime | None, error: str | None) -> None:
        """Record that the span of a tool call ended."""
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
        """Record that a handoff took place, by a tool with one of these names."""
        wanted = set(names)
        call_id = next((call_id for call_id, (_, called) in self._requested.items() if called.name in wanted), None)
        if call_id is None:
            return
        call = self._not_run(*self._requested.pop(call_id))
        call.attributes({"call_id": call_id, "handoff_to": target})
        self._result(call, target)
        call.end()

    def give_up(self, code: int, message: str) -> None:
        """End all open calls, because the run ended."""
        for tool in self._take_open():
            if tool.returned is not None:  # only the end of its span is missing
                tool.call.end_time(tool.returned).end()
            else:
                tool.call.status(code, message).end()
        requested, self._requested = self._requested, {}
        for since, called in requested.values():
            self._not_run(since, called).status(code, f"not run: {message}").end()

    def _take_open(self) -> list[_OpenTool]:
        tools, self._open = list(self._open.values()), {}
        return tools

    def _begin(self, name: str, call_id: str | None, args: str | None) -> ToolCall:
        self.names[name] = None
        # A record needs a unique id, but some models use the same call ids in each run: so it gets a new id.
        call = self._run.tool_call(name)
        if call_id is not None:
            call.attributes({"call_id": call_id})
        if self._content and args is not None:
            call.args(args)
        return call

    def _not_run(self, since: datetime, called: OutputToolCall) -> ToolCall:
        return self._begin(called.name, called.call_id, called.args).start_time(since)

    def _requested_by_name(self, name: str) -> tuple[datetime, OutputToolCall] | None:
        """Remove and return the model's request for a tool of which the hooks don't know the call id."""
        call_id = next((call_id for call_id, (_, called) in self._requested.items() if text(called.name) == name), None)
        return None if call_id is None else self._requested.pop(call_id)

    def _result(self, call: ToolCall, words: str | None) -> None:
        if self._content and words is not None:
            call.result(words)
