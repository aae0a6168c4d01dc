"""A trace processor: adds details that only spans have.  A record is complete without it."""

from typing import Any, Final

from agents import run as sdk
from agents.tracing import Span, Trace, TracingProcessor

from tcc_recorder.limited_log import log

from .current import current_execution, unrecorded
from .details import member, word
from .guard import guard
from .runner import RecordingRunner
from .runner_call import Options
from .span_data import attempt_of, error_of, times_of
from .span_runs import SpanRuns

_LLM: Final = frozenset({"response", "generation"})


class SpanListener(TracingProcessor):
    """Adds the details of spans to the current run: attempts, exact times, errors of tools."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._span_runs = SpanRuns()

    def on_trace_start(self, trace: Trace) -> None:
        """Do nothing: a trace is not a run."""

    def on_trace_end(self, trace: Trace) -> None:
        """Do nothing: a trace is not a run."""

    @guard
    def on_span_start(self, span: Span[Any]) -> None:
        """Record that a request to a model begins, or a span outside of any recorded run."""
        current = current_execution.get()
        if current is None:
            self._span_runs.began(span, wanted=self._options.active and _runner_replaced() and not unrecorded.get())
        elif word(member(span, "span_data"), "type") in _LLM:
            current.llm_calls.attempt_began()

    @guard
    def on_span_end(self, span: Span[Any]) -> None:
        """Add the span's details to the current run."""
        current = current_execution.get()
        if current is None:
            self._span_runs.ended(span)
            return
        kind, span_id = word(member(span, "span_data"), "type"), word(span, "span_id")
        if kind in _LLM:
            current.attempt_ended(span_id, attempt_of(span, content_wanted=current.content))
        elif kind == "function" and span_id is not None:
            began, ended = times_of(span)
            current.tool_calls.span_ended(span_id, began, ended, error_of(span, content_wanted=current.content))

    def shutdown(self) -> None:
        """Do nothing: each record is written when its run ends."""

    def force_flush(self) -> None:
        """Do nothing: see above."""


def _runner_replaced() -> bool:
    """Return whether another runner replaced ours, so that runs don't pass through it; log that."""
    find = getattr(sdk, "get_default_agent_runner", None)
    if find is not None and isinstance(find(), RecordingRunner):
        return False
    log.warning("another runner took the place of ours: runs are read from tracing, which tells less")
    return True
