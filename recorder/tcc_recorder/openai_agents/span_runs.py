"""Runs recorded from spans alone, for the case that another runner replaced ours: each task span is a run.

Such a record has less detail: its prompt is the input of the first LLM call, its response the output of the last one,
and a run that was cancelled looks like a success.
"""

from typing import Any, Final

from agents.tracing import Span

from tcc_recorder.values import text

from . import content, outcome
from .execution import Execution, RunStart
from .guard import guard
from .span_data import attempt_of, error_of, times_of

_FAILED: Final = frozenset({"task", "agent", "turn"})
"""An error of a span of these types is an error of the run."""


class _Run:
    """A run, recorded from its task span."""

    def __init__(self, execution: Execution, trace_id: str) -> None:
        self.execution = execution
        self.trace_id = trace_id
        self.prompted = False
        self.last_output = ""
        self.error: str | None = None
        self.tool_error: str | None = None
        """The error of a tool, if no model was called after it."""


class _Answer:
    """The result of an LLM span, with the members of the SDK's model responses."""

    def __init__(self, data: Any) -> None:
        response = content.member(data, "response")
        self.output = content.member(response, "output") or content.member(data, "output") or []
        self.usage = content.member(response, "usage")
        self.response_id = content.member(response, "id")


class SpanRuns:
    """The open runs, found by the spans in them."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}
        self._parents: dict[str, str] = {}
        """For each open span, the task span around it."""

    def began(self, span: Span[Any], *, wanted: bool) -> None:
        """Record that a span outside of any recorded run began; ``wanted`` is whether a task span starts a run."""
        task_id = self._parents.get(span.parent_id or "")
        kind = span.span_data.type
        if kind == "task" and wanted:
            parent = None if task_id is None else self._runs[task_id].execution.run_id
            self._runs[span.span_id] = _Run(_begun(span, parent), span.trace_id)
            self._runs[span.span_id].execution.traced(span.trace_id)
            self._parents[span.span_id] = span.span_id
        elif task_id is not None:
            self._parents[span.span_id] = task_id
            execution = self._runs[task_id].execution
            if kind == "agent":
                execution.agent_began(text(span.span_data.name))
            elif kind in {"response", "generation"}:
                self._runs[task_id].tool_error = None
            elif kind == "function":
                execution.tool_began(span.span_id, text(span.span_data.name), None, None, span.span_id)

    def ended(self, span: Span[Any]) -> None:
        """Record that a span ended."""
        task_id = self._parents.pop(span.span_id, None)
        if task_id is None:
            return
        run = self._runs[task_id]
        error = error_of(span, content_wanted=run.execution.content)
        kind = span.span_data.type
        if kind in _FAILED and error is not None:
            run.error = run.error or error
        if kind == "task":
            self._end(task_id, run)
        elif kind in {"response", "generation"}:
            _llm_ended(run, span)
        elif kind == "function":
            began, ended = times_of(span)
            run.execution.tool_calls.ended(span.span_id, span.span_data.output)
            run.execution.tool_calls.span_ended(span.span_id, began, ended, error)
            run.tool_error = run.tool_error or error
        elif kind == "handoff":
            run.execution.handed_off(text(span.span_data.from_agent), text(span.span_data.to_agent), ())

    def _end(self, task_id: str, run: _Run) -> None:
        del self._runs[task_id]
        for span_id in [span_id for span_id, task in self._parents.items() if task == task_id]:
            del self._parents[span_id]  # such a span ends after its run
        error = run.error or run.tool_error
        run.execution.ended(
            outcome.RunOutcome(0, response=run.last_output or None) if error is None else outcome.RunOutcome(2, error)
        )


def _begun(span: Span[Any], parent: str | None) -> Execution:
    name = text(content.member(span.span_data, "name") or "")
    return Execution(
        RunStart(
            api="",
            agent="",
            given="",
            session_id=None,
            content=True,  # if a run's configuration excludes content, the SDK has left it out of the spans
            metadata={"workflow_name": name, "parent_run_id": parent},
            trace_metadata=content.member(span, "trace_metadata") or {},
            model=None,
            max_step_prompt=None,
        )
    )


@guard
def _llm_ended(run: _Run, span: Span[Any]) -> None:
    """Record an LLM call.  Its span is complete only when it ends."""
    data, execution = span.span_data, run.execution
    given = content.member(data, "input") or []
    if not run.prompted:
        run.prompted = True
        execution.prompted(given)
    system = content.member(content.member(data, "response"), "instructions")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    execution.llm_began(execution.last_agent, None, system if isinstance(system, str) else None, items, None)
    attempt = attempt_of(span, content_wanted=True)
    execution.attempt_ended(span.span_id, attempt)
    if attempt.error is None:
        answer = _Answer(data)
        execution.llm_ended(answer)
        run.last_output = content.output_text(answer.output)
