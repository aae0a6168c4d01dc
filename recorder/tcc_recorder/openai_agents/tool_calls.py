"""The tool calls of one run: local tools, hosted tools (run by the model's provider), handoffs, and calls not run."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from tcc_recorder import Run, ToolCall

from .content import OutputToolCall, as_text
from .guard import guard

_ERROR_RESULT: Final = "An error occurred while running the tool"
"""If a tool raised, the SDK's default handler gives the model a result that begins with this."""


class _OpenTool:
    """A tool that is running, or whose call is not complete because its span has not ended."""

    def __init__(self, key: object, call: ToolCall, span_id: str | None) -> None:
        self.key = key
        self.call = call
        self.span_id = span_id
        self.task = _current_task()
        """What runs the tool."""
        self.returned: datetime | None = None


class ToolCalls:
    """The tool calls of ``run``.  ``content`` is whether arguments and results are recorded."""

    def __init__(self, run: Run, *, content: bool) -> None:
        self._run = run
        self._content = content
        self._open: list[_OpenTool] = []
        self._requested: dict[str | int, tuple[datetime, OutputToolCall]] = {}
        """By call id, or a number: what the model requested and has not begun yet, and when it was requested."""
        self.names: dict[str, None] = {}
        """The names of the tools that were called, in order (an ordered set)."""

    def requested(self, found: Iterable[OutputToolCall], began: datetime | None = None) -> None:
        """Record that the model requested these tools; hosted ones have run already."""
        for called in found:
            if not called.hosted:
                self.names[called.name] = None
                key = len(self._requested) if called.call_id is None else called.call_id
                self._requested[key] = datetime.now(UTC), called
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
        """Record that a tool begins.  :meth:`ended` gets the same ``key``."""
        request = self._take_requested(call_id, name)
        if request is not None:
            call_id = call_id if call_id is not None else request.call_id
            args = args if args is not None else request.args
        self._open.append(_OpenTool(key, self._begin(name, call_id, args), span_id))

    def ended(self, key: object, result: object) -> None:
        """Record that a tool returned.  If it has a span, the call ends with that, which knows if the tool failed."""
        tool = next((tool for tool in self._open if tool.key == key and tool.returned is None), None)
        if tool is None:
            return
        tool.returned = datetime.now(UTC)
        words = as_text(result)
        self._result(tool.call, words)
        if words is not None and words.startswith(_ERROR_RESULT):
            tool.call.status(2, words if self._content else "the tool raised")
        if tool.span_id is None:
            self._open.remove(tool)
            tool.call.end()

    def span_ended(self, span_id: str, began: datetime | None, ended: datetime | None, error: str | None) -> None:
        """Record that the span of a tool call ended.

        A span without an error does not tell that the tool returned: one that was cancelled looks the same.  Then the
        end of the run tells more.
        """
        tool = next((tool for tool in self._open if tool.span_id == span_id), None)
        if tool is None:
            return
        if began is not None:
            tool.call.start_time(began)
        if ended is not None:
            tool.call.end_time(ended)
        if error is None and tool.returned is None:
            tool.span_id = None
            return
        self._open.remove(tool)
        if error is None:
            tool.call.end()
        else:
            tool.call.error(error)

    def handed_off(self, names: Iterable[str | None], target: str) -> None:
        """Record that a handoff took place, by a tool with one of these names."""
        wanted = set(names)
        key = next((key for key, (_, called) in self._requested.items() if called.name in wanted), None)
        if key is None:  # a name could not be read; the turn's other tools have begun before
            key = next(iter(self._requested), None)
        if key is None:
            return
        call_id = self._requested[key][1].call_id
        call = self._not_run(*self._requested.pop(key))
        call.attributes({**({} if call_id is None else {"call_id": call_id}), "handoff_to": target})
        self._result(call, target)
        call.end()

    def stopped_by(self) -> BaseException | None:
        """Return the exception that stops a program, like SystemExit, if a tool that has not returned raised one.

        asyncio throws it out of the event loop, so that the tool's run gets to know nothing of it.
        """
        for tool in self._open:
            # Task.exception() would suppress asyncio's warning about an exception that was never retrieved.
            error = getattr(tool.task, "_exception", None)
            if isinstance(error, (SystemExit, KeyboardInterrupt)):
                return error
        return None

    def give_up(self, code: int, message: str) -> None:
        """End all open calls, because the run ended."""
        opened, self._open = self._open, []
        for tool in opened:
            with guard:
                if tool.returned is not None:  # only the end of its span is missing
                    tool.call.end_time(tool.returned).end()
                else:
                    tool.call.status(code, message).end()
        requested, self._requested = self._requested, {}
        for since, called in requested.values():
            with guard:
                self._not_run(since, called).status(code, f"not run: {message}").end()

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

    def _take_requested(self, call_id: str | None, name: str) -> OutputToolCall | None:
        """Remove and return the model's request for a tool: the one with this id, else one of a tool of this name.

        The model's answer and the hooks may not both know the call's id.
        """
        found = self._requested.pop(call_id, None) if call_id is not None else None
        if found is None:
            same = (key for key, (_, called) in self._requested.items() if called.name == name)
            key = next((key for key in same if call_id is None or type(key) is int), None)
            found = None if key is None else self._requested.pop(key)
        return None if found is None else found[1]

    def _result(self, call: ToolCall, words: str | None) -> None:
        if self._content and words is not None:
            call.result(words)


def _current_task() -> "asyncio.Task[Any] | None":
    with suppress(RuntimeError):  # there is no event loop: spans of another runner
        return asyncio.current_task()
    return None
