"""One run of an agent: everything that is told about it on the way becomes one record when it ends.

The SDK tells in three ways: what was passed to the runner and came back, hooks, and (if tracing is on) spans.  The
first says what the run was and how it ended, the second what happened in between; spans only add what they know better.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from tcc_recorder import Run
from tcc_recorder import run as begin_run
from tcc_recorder.values import text

from . import content, outcome
from .calls import Asked, Attempt, LlmCalls
from .guard import guard
from .outcome import Outcome
from .tools import ToolCalls

_NO_TRACE: Final = "no-op"


class Beginning(NamedTuple):
    """What is known of a run when it begins.

    ``content`` is whether prompts, outputs, arguments and results are recorded; ``trace_metadata`` is the user's own.
    """

    api: str
    agent: str
    given: object
    session_id: str | None
    content: bool
    metadata: Mapping[str, str | None]
    trace_metadata: Mapping[Any, object]
    model: object
    max_step_prompt: int | None


class Execution:
    """A run under way.  After :meth:`ended` nothing changes it any more, and it holds nothing of the run."""

    def __init__(self, beginning: Beginning) -> None:
        self.content = beginning.content
        self.model = beginning.model
        """What the run says about the model of all its agents."""
        self.last_agent = beginning.agent
        self.answered = False
        """Whether an agent gave its final output."""
        self._max_step_prompt = beginning.max_step_prompt
        self._run: Run | None = begin_run(session_id=beginning.session_id)
        self.run_id = self._run.run_id
        self._calls = LlmCalls(self._run, content=self.content)
        self._tools = ToolCalls(self._run, content=self.content)
        self._system: str | None = None
        self._handoffs: list[str] = []
        self._spans: set[str] = set()
        self._user = ""
        with guard:
            self._describe(self._run, beginning)
        self._run.prompt(None)  # type: ignore[arg-type]  # a run may end without one, if it says so
        with guard:
            self.asked(beginning.given)

    def asked(self, given: object) -> None:
        """Set what the run was given: the user's words, or a list of items."""
        if self._run is None or not self.content:
            return
        self._user, full = content.user_prompt(given)
        self._run.prompt(self._user)
        self._run.full_input(full)

    def traced(self, trace_id: str | None) -> None:
        """Note the run's trace."""
        if self._run is not None and trace_id and trace_id != _NO_TRACE:
            self._run.metadata(trace_id=trace_id)

    def agent_began(self, name: str) -> None:
        """Note that an agent takes over."""
        self.last_agent = name

    def llm_began(
        self, agent: str, model: str | None, system: str | None, items: Iterable[object], definitions: str | None
    ) -> None:
        """Note that a model is called."""
        if self._run is None:
            return
        prompt, left_out = content.step_prompt(system, items, self._max_step_prompt) if self.content else (None, 0)
        if self._system is None and system is not None and self.content:
            self._system = text(system)
            self._run.prompt(self._user, self._system)
        self._calls.began(Asked(agent, model, prompt, left_out, definitions))

    def llm_ended(self, response: object) -> None:
        """Note the model's answer."""
        if self._run is not None:
            self._tools.asked_for(self._calls.ended(response))

    def attempt_began(self) -> None:
        """See :meth:`LlmCalls.attempt_began`."""
        if self._run is not None:
            self._calls.attempt_began()

    def attempt_ended(self, span_id: str, attempt: Attempt) -> None:
        """See :meth:`LlmCalls.attempt_ended`; each span counts once, however often it is reported."""
        if self._run is not None and span_id not in self._spans:
            self._spans.add(span_id)
            self._calls.attempt_ended(attempt)

    def streamed(self, event: object) -> None:
        """See :meth:`LlmCalls.streamed`."""
        if self._run is not None:
            self._calls.streamed(event)

    def tool_began(self, key: object, name: str, call_id: str | None, args: str | None, span_id: str | None) -> None:
        """See :meth:`ToolCalls.began`."""
        if self._run is not None:
            self._tools.began(key, name, call_id, args, None if span_id == _NO_TRACE else span_id)

    def tool_ended(self, key: object, result: object) -> None:
        """See :meth:`ToolCalls.ended`."""
        if self._run is not None:
            self._tools.ended(key, result)

    def tool_span_ended(self, span_id: str, began: datetime | None, ended: datetime | None, error: str | None) -> None:
        """See :meth:`ToolCalls.span_ended`."""
        if self._run is not None:
            self._tools.span_ended(span_id, began, ended, error)

    def handed_off(self, source: str, target: str, tools: Iterable[str]) -> None:
        """Note that an agent gave the conversation to another, by a tool of one of these names."""
        if self._run is not None:
            self._handoffs.append(f"{source} > {target}")
            self._tools.handed_off(tools, target)

    def ended(self, result: Outcome, *sources: object) -> None:
        """Record it.  ``sources`` are what the SDK returned or raised: they tell of guardrails."""
        run, self._run = self._run, None
        if run is None:
            return
        if not self.content:
            result = result.without_content()
        # What fails in here may cost a detail, never the record.
        with guard:
            self._finish_calls(result, sources)
        with guard:
            self._finish_metadata(run, sources)
        with guard:
            run.response(result.response)  # type: ignore[arg-type]  # None leaves it out
            run.status(result.code, result.message)
        run.end()

    def _finish_calls(self, result: Outcome, sources: Iterable[object]) -> None:
        """End what is open.  Of an answer that it can't act on the SDK tells nobody but who gets its exception."""
        for source in sources:
            responses = content.member(content.member(source, "run_data"), "raw_responses")
            if responses:
                self._tools.asked_for(self._calls.unheard(responses[-1]))
        message = result.message or "the run ended without it"
        self._calls.give_up(result.code or 1, message)
        self._tools.give_up(result.code or 1, message)

    def _finish_metadata(self, run: Run, sources: Iterable[object]) -> None:
        notes = {
            "last_agent": self.last_agent,
            "tools": ", ".join(self._tools.names),
            "handoffs": ", ".join(self._handoffs),
            "guardrails": ", ".join(
                outcome.guardrails(*(s for source in sources for s in (source, content.member(source, "run_data"))))
            ),
        }
        run.metadata({name: value for name, value in notes.items() if value})

    def _describe(self, run: Run, beginning: Beginning) -> None:
        """Set what is known when it begins."""
        own = {**beginning.metadata, "agent": beginning.agent, "api": beginning.api}
        for name, value in beginning.trace_metadata.items():
            label = text(name)
            run.metadata({f"trace_metadata.{label}" if label in _OWN_NAMES else label: content.as_text(value) or ""})
        run.metadata({name: value for name, value in own.items() if value})


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
"""The metadata that we set ourselves; an entry of the user's under one of these names gets a prefix."""
