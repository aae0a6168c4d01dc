"""One call of the runner on its way through ours: what is known before it, and what comes back."""

import dataclasses
from contextvars import Token
from types import TracebackType
from typing import Any, Final, Self, cast

from agents import Agent, RunConfig, RunResultStreaming
from agents.lifecycle import RunHooksBase
from agents.run import RunOptions
from agents.run_state import RunState
from agents.tracing import get_current_trace

from tcc_recorder.values import given_text

from . import content, outcome
from .current import execution, unrecorded
from .execution import Beginning, Execution
from .guard import guard
from .hooks import RecordingHooks
from .streams import watch

_DEFAULTS: Final = {field.name: field for field in dataclasses.fields(RunConfig)}


@dataclasses.dataclass
class Options:
    """How to record; ``active`` is whether to record at all."""

    active: bool = True
    record_untraced: bool = False
    max_step_prompt: int | None = None


class Passage:
    """A block around the call of the inner runner, which gets ``kwargs`` and whose answer is put into ``result``.

    Nothing is raised by the block itself.  What the inner runner raises passes through it.
    """

    def __init__(self, api: str, agent: Agent[Any], given: object, kwargs: RunOptions[Any], options: Options) -> None:
        self.kwargs = kwargs
        self.result: object = None
        self._call = (api, agent, given)
        self._options = options
        self._execution: Execution | None = None
        self._belongs: Token[Execution | None] | None = None
        self._hides: Token[bool] | None = None

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()
        self._end(error)

    @guard
    def _begin(self) -> None:
        hooks = self.kwargs.get("hooks")
        if not self._options.active or isinstance(hooks, RecordingHooks):  # another one of us records it already
            return
        settings = _Settings(self.kwargs.get("run_config"))
        if (unrecorded.get() or settings.get("tracing_disabled") is True) and not self._options.record_untraced:
            self._hides = unrecorded.set(True)
            return
        begun = Execution(self._beginning(settings))
        self._execution = begun
        # What is no RunHooks goes through as it is: the SDK's own error about it is the client's to see.
        if hooks is None or isinstance(hooks, RunHooksBase):
            self.kwargs = cast(RunOptions[Any], {**self.kwargs, "hooks": RecordingHooks(begun, hooks)})
        self._belongs = execution.set(begun)

    @guard
    def _leave(self) -> None:
        """Give the code behind the block back to the outer run, if there is one."""
        if self._belongs is not None:
            execution.reset(self._belongs)
        if self._hides is not None:
            unrecorded.reset(self._hides)

    @guard
    def _end(self, error: BaseException | None) -> None:
        begun = self._execution
        if begun is None:
            return
        if error is not None:
            begun.ended(outcome.raised(error), error)
        elif isinstance(self.result, RunResultStreaming):
            watch(self.result, begun)
        else:
            begun.ended(outcome.returned(self.result), self.result)

    def _beginning(self, settings: "_Settings") -> Beginning:
        api, agent, given = self._call
        state = given if isinstance(given, RunState) else None
        parent = execution.get()
        group_id = settings.get("group_id")
        return Beginning(
            api=api,
            agent=given_text(content.member(agent, "name")),
            given=given if state is None else content.member(state, "_original_input"),
            session_id=self._session_id(state, group_id),
            content=settings.get("trace_include_sensitive_data") is not False,
            metadata={
                "workflow_name": given_text(settings.get("workflow_name")),
                "group_id": given_text(group_id),
                "previous_response_id": given_text(self.kwargs.get("previous_response_id")),
                "parent_run_id": None if parent is None else parent.run_id,
                "resumed": None if state is None else "true",
            },
            trace_metadata=settings.get("trace_metadata") or {},
            model=settings.get("model"),
            max_step_prompt=self._options.max_step_prompt,
        )

    def _session_id(self, state: object, group_id: object) -> str | None:
        """Return what the run's conversation is known by: the SDK's own order, then what the trace around it says."""
        found = (
            self.kwargs.get("conversation_id")
            or content.member(state, "_conversation_id")
            or content.member(self.kwargs.get("session"), "session_id")
            or group_id
            or content.member(get_current_trace(), "group_id")
        )
        return given_text(found) or None


class _Settings:
    """A run's configuration, which may be an object, a dict, or missing; it is only ever read."""

    def __init__(self, given: object) -> None:
        self._given = given

    def get(self, name: str) -> Any:
        """Return a setting, else its default; None if this version of the SDK does not have it."""
        given = self._given
        if isinstance(given, dict):
            if name in given:
                return given[name]
        elif given is not None:
            return content.member(given, name)
        field = _DEFAULTS.get(name)
        if field is None:
            return None
        if field.default_factory is not dataclasses.MISSING:
            return field.default_factory()  # where it depends on the environment, the SDK's own reading counts
        return None if field.default is dataclasses.MISSING else field.default
