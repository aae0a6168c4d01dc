"""Hooks that record a run, and forward every call to the client's own hooks."""

import asyncio
from collections.abc import Iterable
from typing import Any

from agents import Agent, Handoff, RunHooks
from agents.models import get_default_model
from agents.tracing import get_current_span, get_current_trace

from tcc_recorder.values import text

from . import content
from .execution import Execution
from .guard import guard


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
            self._execution.llm_began(
                _name(agent),
                _model_name(self._execution.model or agent.model),
                system,
                items,
                content.definitions(agent.tools, _handoffs(agent)) if self._execution.content else None,
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
            call_id = content.member(context, "tool_call_id")
            arguments = content.as_text(content.member(context, "tool_arguments"))
            span = get_current_span()
            span_id = span.span_id if span is not None and span.span_data.type == "function" else None
            self._execution.tool_began(_key(context, tool), _name(tool), call_id, arguments, span_id)
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
            names = [name for name, _, _, agent in _handoff_tools(source) if agent == _name(target)]
            names += [name for name, _, _ in _handoffs(source)]
            self._execution.handed_off(_name(source), _name(target), names)
        return self._inner.on_handoff(*args, **kwargs)

    def _trace(self) -> None:
        trace = get_current_trace()
        self._execution.traced(None if trace is None else trace.trace_id)


def _arguments(args: tuple[Any, ...], kwargs: dict[str, Any], *names: str) -> list[Any]:
    """Return the named arguments, which the SDK passes by position or by name."""
    return [args[index] if index < len(args) else kwargs[name] for index, name in enumerate(names)]


def _name(value: object) -> str:
    return text(content.member(value, "name") or type(value).__name__)


def _key(context: object, tool: object) -> object:
    """Return a key that is the same at the start and the end of one tool call."""
    call_id = content.member(context, "tool_call_id")
    return (id(tool), asyncio.current_task()) if call_id is None else call_id


def _model_name(model: object) -> str | None:
    """Return the name of the requested model; a model object may have a name or not."""
    if model is None:
        return get_default_model()
    name = model if isinstance(model, str) else content.member(model, "model")
    return text(name) if isinstance(name, str) else None


def _handoff_tools(agent: Agent[Any]) -> Iterable[tuple[str, str | None, object, str]]:
    """Yield name, description, schema and target agent of each handoff tool of an agent."""
    for handoff in agent.handoffs:
        if isinstance(handoff, Handoff):
            yield handoff.tool_name, handoff.tool_description, handoff.input_json_schema, handoff.agent_name
        else:
            name = Handoff.default_tool_name(handoff)
            yield name, Handoff.default_tool_description(handoff), None, handoff.name


def _handoffs(agent: Agent[Any]) -> list[tuple[str, str | None, object]]:
    return [(name, description, schema) for name, description, schema, _ in _handoff_tools(agent)]
