"""Runs recorded from spans alone, for the case that another runner replaced ours: each task span is a run.

Such a record has less detail: its prompt is the input of the first LLM call, its response the output of the last one,
and a run that was cancelled looks like a success.
"""

from typing import Any, Final

from agents.tracing import Span

from . import content, outcome
from .details import is_a, listed, member, word
from .execution import Execution, RunStart
from .guard import guard
from .span_data import attempt_of, error_of, times_of

_FAILED: Final = frozenset({"task", "agent", "turn"})
"""An error of a span of these types is an error of the run."""


class _Run:
    """A run, recorded from its task span."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.prompted = False
        self.last_output = ""
        self.error: str | None = None
        self.tool_error: str | None = None
        """The error of a tool, if no model was called after it."""


class _Answer:
    """The result of an LLM span, with the members of the SDK's model responses."""

    def __init__(self, data: Any) -> None:
        response = member(data, "response")
        self.output = listed(member(response, "output")) or listed(member(data, "output"))
        self.usage = member(response, "usage")
        self.response_id = member(response, "id")


class SpanRuns:
    """The open runs, found by the spans in them."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}
        self._parents: dict[str, str] = {}
        """For each open span, the task span around it."""

    def began(self, span: Span[Any], *, wanted: bool) -> None:
        """Record that a span outside of any recorded run began; ``wanted`` is whether a task span starts a run."""
        span_id, parent_id, data = word(span, "span_id"), word(span, "parent_id"), member(span, "span_data")
        if span_id is None:
            return
        task_id = self._parents.get(parent_id or "")
        kind = word(data, "type")
        if kind == "task" and wanted:
            parent = None if task_id is None else self._runs[task_id].execution.run_id
            self._runs[span_id] = _Run(_begun(span, parent))
            self._runs[span_id].execution.traced(word(span, "trace_id"))
            self._parents[span_id] = span_id
        elif task_id is not None:
            self._parents[span_id] = task_id
            execution = self._runs[task_id].execution
            if kind == "agent":
                execution.agent_began(word(data, "name") or "")
            elif kind in {"response", "generation"}:
                self._runs[task_id].tool_error = None
            elif kind == "function":
                execution.tool_began(span_id, word(data, "name") or "unknown", None, None, span_id)

    def ended(self, span: Span[Any]) -> None:
        """Record that a span ended."""
        span_id, data = word(span, "span_id"), member(span, "span_data")
        task_id = self._parents.pop(span_id or "", None)
        if task_id is None or span_id is None:
            return
        run = self._runs[task_id]
        error = error_of(span, content_wanted=run.execution.content)
        kind = word(data, "type")
        if kind in _FAILED and error is not None:
            run.error = run.error or error
        if kind == "task" or span_id == task_id:
            self._end(task_id, run)
        elif kind in {"response", "generation"}:
            _llm_ended(run, span_id, span)
        elif kind == "function":
            began, ended = times_of(span)
            run.execution.tool_calls.ended(span_id, member(data, "output"))
            run.execution.tool_calls.span_ended(span_id, began, ended, error)
            run.tool_error = run.tool_error or error
        elif kind == "handoff":
            run.execution.handed_off(word(data, "from_agent") or "", word(data, "to_agent") or "", ())

    def _end(self, task_id: str, run: _Run) -> None:
        del self._runs[task_id]
        for span_id in [span_id for span_id, task in self._parents.items() if task == task_id]:
            del self._parents[span_id]  # such a span ends after its run
        error = run.error or run.tool_error
        run.execution.ended(
            outcome.RunOutcome(0, response=run.last_output or None) if error is None else outcome.RunOutcome(2, error)
        )


def _begun(span: Span[Any], parent: str | None) -> Execution:
    name = word(member(span, "span_data"), "name")
    return Execution(
        RunStart(
            content=True,  # if a run's configuration excludes content, the SDK has left it out of the spans
            metadata={"workflow_name": name, "parent_run_id": parent},
            trace_metadata=member(span, "trace_metadata"),
        )
    )


@guard
def _llm_ended(run: _Run, span_id: str, span: Span[Any]) -> None:
    """Record an LLM call.  Its span is complete only when it ends."""
    data, execution = member(span, "span_data"), run.execution
    given = member(data, "input")
    if not run.prompted:
        run.prompted = True
        execution.prompted(given)
    system = word(member(data, "response"), "instructions")
    items = [{"role": "user", "content": given}] if is_a(given, str) else given
    execution.llm_began(execution.last_agent, None, system, items, None)
    attempt = attempt_of(span, content_wanted=True)
    execution.attempt_ended(span_id, attempt)
    if attempt.error is None:
        answer = _Answer(data)
        execution.llm_ended(answer)
        run.last_output = content.output_text(answer.output)
