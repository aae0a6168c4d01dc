"""One call of the inner runner: what is known before the call, and what it returns or raises."""

import dataclasses
from contextlib import suppress
from contextvars import Token
from types import TracebackType
from typing import Any, Final, Self, cast

from agents import Agent, RunConfig, RunResultStreaming
from agents.lifecycle import RunHooksBase
from agents.run import RunOptions
from agents.run_state import RunState
from agents.tracing import get_current_trace

from tcc_recorder.values import given_text

from . import outcome
from .current import current_execution, unrecorded
from .details import is_a, member, read, true
from .execution import Execution, RunStart
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


class RunnerCall:
    """A context manager around a call of the inner runner.

    The caller passes ``kwargs`` to the inner runner and stores its result in ``result``.  The context manager itself
    raises nothing; an exception of the inner runner passes through.
    """

    def __init__(self, api: str, agent: Agent[Any], given: object, kwargs: RunOptions[Any], options: Options) -> None:
        self.kwargs = kwargs
        self.result: object = None
        self._call = (api, agent, given)
        self._options = options
        self._execution: Execution | None = None
        self._execution_token: Token[Execution | None] | None = None
        self._unrecorded_token: Token[bool] | None = None

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
        if not self._options.active or is_a(hooks, RecordingHooks):  # another RecordingRunner already records it
            return
        config = _ConfigReader(self.kwargs.get("run_config"))
        if (unrecorded.get() or true(config.get("tracing_disabled"))) and not self._options.record_untraced:
            self._unrecorded_token = unrecorded.set(True)
            return
        begun = Execution(self._start_values(config) or RunStart(self._call[0]))
        self._execution = begun
        self._execution_token = current_execution.set(begun)
        # A value of another type goes to the SDK unchanged, so that the client sees the SDK's own error about it.
        if hooks is None or isinstance(hooks, RunHooksBase):
            self.kwargs = cast(RunOptions[Any], {**self.kwargs, "hooks": RecordingHooks(begun, hooks)})

    @guard
    def _leave(self) -> None:
        """Code after the call belongs to the outer run again, if there is one."""
        if self._execution_token is not None:
            current_execution.reset(self._execution_token)
        if self._unrecorded_token is not None:
            unrecorded.reset(self._unrecorded_token)

    @guard
    def _end(self, error: BaseException | None) -> None:
        begun = self._execution
        if begun is None:
            return
        if error is None and is_a(self.result, RunResultStreaming):
            watch(cast(RunResultStreaming, self.result), begun)
        else:
            begun.ended(self._outcome(error, begun), self.result if error is None else error)

    def _outcome(self, error: BaseException | None, begun: Execution) -> outcome.RunOutcome:
        """Return how the run ended.  Whatever is wrong with its details, it failed only if it raised."""
        with guard:
            return outcome.returned(self.result) if error is None else outcome.raised(begun.stopped_by() or error)
        return outcome.RunOutcome(0) if error is None else outcome.RunOutcome(2, type(error).__name__)

    @guard
    def _start_values(self, config: "_ConfigReader") -> RunStart:
        api, agent, given = self._call
        state = given if is_a(given, RunState) else None
        parent = current_execution.get()
        group_id = config.get("group_id")
        session = self.kwargs.get("session")
        session_id, known = self._session_id(state, session, group_id)
        return RunStart(
            api=api,
            agent=given_text(member(agent, "name")),
            given=given if state is None else member(state, "_original_input"),
            session_id=session_id,
            session=None if known else session,
            content=true(config.get("trace_include_sensitive_data")),  # if that can't be read, nothing is recorded
            metadata={
                "workflow_name": given_text(config.get("workflow_name")),
                "group_id": given_text(group_id),
                "previous_response_id": given_text(self.kwargs.get("previous_response_id")),
                "parent_run_id": None if parent is None else parent.run_id,
                "resumed": None if state is None else "true",
            },
            trace_metadata=config.get("trace_metadata"),
            model=config.get("model"),
            max_step_prompt=self._options.max_step_prompt,
        )

    def _session_id(self, state: object, session: object, group_id: object) -> tuple[str | None, bool]:
        """Return the id of the conversation: from the first source that has one, in the SDK's order, then the trace.

        Also return whether that is final: a session may get its id only when it is used for the first time.
        """
        found = given_text(self.kwargs.get("conversation_id")) or given_text(member(state, "_conversation_id"))
        if not found and session is not None:
            with suppress(Exception):  # asked again at the end of the run, and then told
                found = given_text(read(session, "session_id"))
        known = bool(found) or session is None
        found = found or given_text(group_id) or given_text(member(get_current_trace(), "group_id"))
        return found or None, known


class _ConfigReader:
    """Reads a run's configuration, which may be an object, a dict, or None."""

    def __init__(self, given: Any) -> None:
        self._given = given

    @guard
    def get(self, name: str) -> Any:
        """Return a setting, else its default; None if this version of the SDK does not have it."""
        given = self._given
        if given is not None and (not is_a(given, dict) or name in given):
            return member(given, name)
        field = _DEFAULTS.get(name)
        if field is None:
            return None
        if field.default_factory is not dataclasses.MISSING:
            return field.default_factory()  # it may depend on the environment, as the SDK reads it
        return None if field.default is dataclasses.MISSING else field.default
