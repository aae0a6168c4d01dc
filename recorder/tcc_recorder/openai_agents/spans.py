"""A tracing processor: what spans know better than hooks.  A record is whole without it."""

from typing import Any, Final

from agents import run as sdk
from agents.tracing import Span, Trace, TracingProcessor

from tcc_recorder.complaints import complaints

from .current import execution, unrecorded
from .fallback import SpanRuns
from .guard import guard
from .passage import Options
from .runner import RecordingRunner
from .spantexts import attempt_of, error_of, times_of

_LLM: Final = frozenset({"response", "generation"})


class SpanListener(TracingProcessor):
    """Adds to the current run's record what its spans tell: attempts, exact times, errors of tools."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._strangers = SpanRuns()

    def on_trace_start(self, trace: Trace) -> None:
        """Do nothing: a trace is no run."""

    def on_trace_end(self, trace: Trace) -> None:
        """Do nothing: a trace is no run."""

    @guard
    def on_span_start(self, span: Span[Any]) -> None:
        """Note when a request to a model begins."""
        current = execution.get()
        if current is None:
            self._strangers.began(span, wanted=self._options.active and _displaced() and not unrecorded.get())
        elif span.span_data.type in _LLM:
            current.attempt_began()

    @guard
    def on_span_end(self, span: Span[Any]) -> None:
        """Tell the run that this code belongs to what the span knows."""
        current = execution.get()
        data = span.span_data
        if current is None:
            self._strangers.ended(span)
        elif data.type in _LLM:
            current.attempt_ended(span.span_id, attempt_of(span, content_wanted=current.content))
        elif data.type == "function":
            began, ended = times_of(span)
            current.tool_span_ended(span.span_id, began, ended, error_of(span, content_wanted=current.content))

    def shutdown(self) -> None:
        """Do nothing: each record is written when its run ends."""

    def force_flush(self) -> None:
        """Do nothing: see above."""


def _displaced() -> bool:
    """Return whether runs can't pass through our runner, and say so."""
    find = getattr(sdk, "get_default_agent_runner", None)
    if find is not None and isinstance(find(), RecordingRunner):
        return False
    complaints.complain("another runner took the place of ours: runs are read from tracing, which tells less")
    return True
