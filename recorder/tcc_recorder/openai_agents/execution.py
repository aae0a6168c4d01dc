"""One run of an agent: collects everything about it, and records it when it ends.

There are three sources: the arguments and the result of the runner, the hooks, and, if tracing is on, spans.  The first
tells how the run began and ended, the hooks what happened in between; spans only add details.
"""

import asyncio
import atexit
import weakref
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from tcc_recorder import Run
from tcc_recorder import run as begin_run
from tcc_recorder.forks import check, on_fork
from tcc_recorder.values import given_text, text

from . import content, outcome
from .details import listed, member, pairs
from .guard import guard
from .llm_calls import Attempt, LlmCalls, LlmRequest
from .outcome import RunOutcome
from .tool_calls import ToolCalls

_NO_TRACE: Final = "no-op"


class RunStart(NamedTuple):
    """What is known about a run when it begins.

    ``content`` is whether prompts, outputs, arguments and results are recorded; ``trace_metadata`` is the user's.
    ``session`` is one whose id can't be asked for before the run has used it.
    """

    api: str = ""
    agent: str = ""
    given: object = ""
    session_id: str | None = None
    session: object = None
    content: bool = False
    metadata: Mapping[str, str | None] = MappingProxyType({})
    trace_metadata: object = None
    model: object = None
    max_step_prompt: int | None = None


class Execution:
    """A run that is being recorded.

    What continues or ends a call is told to ``llm_calls`` and ``tool_calls`` directly; after :meth:`ended` they have no
    open calls, the other methods here do nothing, and the run's data is released.
    """

    _run: Run | None = None
    """None after it has ended."""

    def __init__(self, start: RunStart) -> None:
        self.content = start.content
        self.model = start.model
        """The model that the run's configuration sets for all agents."""
        self.last_agent = start.agent
        self.answered = False
        """Whether an agent gave its final output."""
        self.task: asyncio.Future[Any] | None = None
        """What runs the agents, if the run is streamed."""
        self._max_step_prompt = start.max_step_prompt
        self._session = start.session
        self._run = begin_run(session_id=start.session_id)
        self.run_id = self._run.run_id
        _unended[self._run] = weakref.ref(self)
        self.llm_calls = LlmCalls(self._run, content=self.content)
        self.tool_calls = ToolCalls(self._run, content=self.content)
        self._system: str | None = None
        self._handoffs: list[str] = []
        self._spans: set[str] = set()
        self._user = ""
        with guard:
            self._describe(self._run, start)
        self._run.prompt(None)  # type: ignore[arg-type]  # after this call a run may end without a prompt
        with guard:
            self.prompted(start.given)

    def __del__(self) -> None:
        with guard:
            self.dropped("not ended: the run was dropped")

    def prompted(self, given: object) -> None:
        """Set the run's input: the user's text, or a list of items."""
        if self._run is None or not self.content:
            return
        self._user, full = content.user_prompt(given)
        self._run.prompt(self._user)
        self._run.full_input(full)

    def traced(self, trace_id: str | None) -> None:
        """Remember the run's trace."""
        if self._run is not None and trace_id and trace_id != _NO_TRACE:
            self._run.metadata(trace_id=trace_id)

    def agent_began(self, name: str) -> None:
        """Record that an agent starts, or takes over."""
        self.last_agent = name

    def llm_began(
        self, agent: str, model: str | None, system: str | None, items: object, definitions: str | None
    ) -> None:
        """Record that a model is called."""
        if self._run is None:
            return
        sent = content.step_prompt(system, items, self._max_step_prompt) if self.content else None
        prompt, left_out = (None, 0) if sent is None else sent
        if self._system is None and system is not None and self.content:
            self._system = system
            self._run.prompt(self._user, self._system)
        self.llm_calls.began(LlmRequest(agent, model, prompt, left_out, definitions))

    def llm_ended(self, response: object) -> None:
        """Record that the model answered."""
        if self._run is not None:
            self.tool_calls.requested(self.llm_calls.ended(response))

    def attempt_ended(self, span_id: str | None, attempt: Attempt) -> None:
        """See :meth:`LlmCalls.attempt_ended`; a span that is reported twice counts once."""
        if self._run is not None and span_id not in self._spans:
            if span_id is not None:
                self._spans.add(span_id)
            self.llm_calls.attempt_ended(attempt)

    def tool_began(self, key: object, name: str, call_id: str | None, args: str | None, span_id: str | None) -> None:
        """See :meth:`ToolCalls.began`."""
        if self._run is not None:
            self.tool_calls.began(key, name, call_id, args, None if span_id == _NO_TRACE else span_id)

    def handed_off(self, source: str, target: str, tools: Iterable[str | None]) -> None:
        """Record that an agent handed off to another one, by a tool with one of these names."""
        if self._run is not None:
            self._handoffs.append(f"{source} > {target}")
            self.tool_calls.handed_off(tools, target)

    def ended(self, result: RunOutcome, *sources: object) -> None:
        """Record the run.  ``sources`` are what the SDK returned or raised: they hold the results of guardrails."""
        run, self._run = self._run, None
        if run is None:
            return
        _unended.pop(run, None)
        if not self.content:
            result = result.without_content()
        # An error here may cost a detail, never the record.
        with guard:
            self._finish_calls(result, sources)
        with guard:
            self._finish_metadata(run, sources)
        with guard:
            if self._session is not None and (found := given_text(member(self._session, "session_id"))):
                run._put("session_id", found)  # noqa: SLF001 -- the builders take it at the start only
        run.response(result.response)  # type: ignore[arg-type]  # None leaves it out
        run.status(result.code, result.message)
        run.end()
        self.task = self._session = None

    def dropped(self, message: str) -> None:
        """Record the run, if it has not ended: nobody is left to tell how it ended, or the process exits."""
        check()
        if self._run not in _unended:  # it has ended, or belongs to the parent of this forked process
            return
        error = self.stopped_by()
        self.ended(outcome.RunOutcome(2, message) if error is None else outcome.raised(error))

    def stopped_by(self) -> BaseException | None:
        """Return the exception that stops the program, if this run raised it outside of the runner's task."""
        error = getattr(self.task, "_exception", None) or self.tool_calls.stopped_by()
        return error if isinstance(error, (SystemExit, KeyboardInterrupt)) else None

    def _finish_calls(self, result: RunOutcome, sources: Iterable[object]) -> None:
        """End the open calls.  An answer that the SDK can't process is in its exception only; no hook gets it."""
        for source in sources:
            responses = listed(member(member(source, "run_data"), "raw_responses"))
            if responses:
                self.tool_calls.requested(self.llm_calls.ended_without_hook(responses[-1]))
        message = result.message or "the run ended without it"
        self.llm_calls.give_up(result.code or 1, message)
        self.tool_calls.give_up(result.code or 1, message)

    def _finish_metadata(self, run: Run, sources: Iterable[object]) -> None:
        found = [one for source in sources for one in (source, member(source, "run_data"))]
        notes = {
            "last_agent": self.last_agent,
            "tools": ", ".join(self.tool_calls.names),
            "handoffs": ", ".join(self._handoffs),
            "guardrails": ", ".join(outcome.guardrails(*found)),
        }
        run.metadata({name: value for name, value in notes.items() if value})

    def _describe(self, run: Run, start: RunStart) -> None:
        """Set the metadata that is known at the start."""
        own = {**start.metadata, "agent": start.agent, "api": start.api}
        for name, value in pairs(start.trace_metadata):
            label = text(name)
            run.metadata({f"trace_metadata.{label}" if label in _OWN_NAMES else label: content.as_text(value) or ""})
        run.metadata({name: value for name, value in own.items() if value})


_unended: Final[dict[Run, weakref.ref[Execution]]] = {}
"""The runs of this process that have not ended.  An execution that nobody holds any more still needs its run."""


def _record_all() -> None:
    for execution in [found for reference in list(_unended.values()) if (found := reference()) is not None]:
        with guard:
            execution.dropped("not ended: the process exited")


atexit.register(_record_all)  # it runs before the sink's, which was registered earlier
on_fork(_unended.clear)

_OWN_NAMES: Final = frozenset(
    (
        "agent",
        "api",
        "group_id",
        "guardrails",
        "handoffs",
        "last_agent",
        "parent_run_id",
        "previous_response_id",
        "resumed",
        "tools",
        "trace_id",
        "workflow_name",
    )
)
"""Metadata that we set; user metadata with one of these names gets a prefix."""
