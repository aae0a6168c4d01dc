"""Hooks that record a run, and forward every call to the client's own hooks."""

import sys
from typing import Any

from agents import Handoff, RunHooks
from agents.tracing import get_current_span, get_current_trace

from tcc_recorder.values import text

from . import content
from .details import is_a, member, word
from .execution import Execution
from .guard import guard
from .model_request import handoff_tools, sent_to_model


class RecordingHooks(RunHooks[Any]):
    """The hooks of a recorded run.

    None of the methods is a coroutine function.  Each records, calls the client's hook and returns its coroutine, which
    the SDK awaits.  So the client's hooks are called at the same time, with the same arguments, at the same stack depth
    as without us.
    """

    def __init__(self, execution: Execution, inner: RunHooks[Any] | None) -> None:
        self._execution = execution
        self._inner: RunHooks[Any] = RunHooks() if inner is None else inner
        own = type(self).__dict__
        with guard:
            for name in dir(self._inner):
                if name.startswith("on_") and name not in own:  # a hook of a newer SDK that we don't know
                    setattr(self, name, getattr(self._inner, name))

    def on_agent_start(self, *args: Any, **kwargs: Any) -> Any:
        """Record that an agent starts."""
        with guard:
            _, agent = _arguments(args, kwargs, "context", "agent")
            self._execution.agent_began(_name(agent))
            self._trace()
        return self._inner.on_agent_start(*args, **kwargs)

    def on_agent_end(self, *args: Any, **kwargs: Any) -> Any:
        """Record that an agent gave its final output; the output itself is in the run's result."""
        with guard:
            self._execution.answered = True
        return self._inner.on_agent_end(*args, **kwargs)

    def on_llm_start(self, *args: Any, **kwargs: Any) -> Any:
        """Record that an LLM call begins."""
        with guard:
            _, agent, system, items = _arguments(args, kwargs, "context", "agent", "system_prompt", "input_items")
            request = sent_to_model(sys._getframe(1), agent, self._execution.model)  # noqa: SLF001 -- see sent_to_model
            self._execution.llm_began(
                _name(agent),
                request.model,
                text(system) if is_a(system, str) else None,
                items,
                content.definitions(request.tools, request.handoffs) if self._execution.content else None,
            )
            self._trace()
        return self._inner.on_llm_start(*args, **kwargs)

    def on_llm_end(self, *args: Any, **kwargs: Any) -> Any:
        """Record that an LLM call ends."""
        with guard:
            *_, response = _arguments(args, kwargs, "context", "agent", "response")
            self._execution.llm_ended(response)
        return self._inner.on_llm_end(*args, **kwargs)

    def on_tool_start(self, *args: Any, **kwargs: Any) -> Any:
        """Record that a tool is about to run."""
        with guard:
            context, _, tool = _arguments(args, kwargs, "context", "agent", "tool")
            span = get_current_span()
            traced = word(member(span, "span_data"), "type") == "function"
            self._execution.tool_began(
                _key(context, tool),
                _name(tool),
                word(context, "tool_call_id"),
                content.as_text(member(context, "tool_arguments")),
                word(span, "span_id") if traced else None,
            )
        return self._inner.on_tool_start(*args, **kwargs)

    def on_tool_end(self, *args: Any, **kwargs: Any) -> Any:
        """Record that a tool returned its result."""
        with guard:
            context, _, tool, result = _arguments(args, kwargs, "context", "agent", "tool", "result")
            self._execution.tool_calls.ended(_key(context, tool), result)
        return self._inner.on_tool_end(*args, **kwargs)

    def on_handoff(self, *args: Any, **kwargs: Any) -> Any:
        """Record that an agent hands off to another."""
        with guard:
            _, source, target = _arguments(args, kwargs, "context", "from_agent", "to_agent")
            names = [word(tool, "tool_name") for tool in handoff_tools(source)]
            self._execution.handed_off(_name(source), _name(target), [*names, Handoff.default_tool_name(target)])
        return self._inner.on_handoff(*args, **kwargs)

    def _trace(self) -> None:
        self._execution.traced(word(get_current_trace(), "trace_id"))


def _arguments(args: tuple[Any, ...], kwargs: dict[str, Any], *names: str) -> list[Any]:
    """Return the named arguments, which the SDK passes by position or by name."""
    return [args[index] if index < len(args) else kwargs[name] for index, name in enumerate(names)]


def _name(value: object) -> str:
    return word(value, "name") or type(value).__name__


def _key(context: object, tool: object) -> object:
    """Return a key that is the same at the start and the end of one tool call."""
    return word(context, "tool_call_id") or (id(context), id(tool))
