"""Puts our runner and our trace processor into the SDK, and removes them."""

from typing import Final

from agents import run as sdk
from agents.tracing import TracingProcessor, add_trace_processor
from agents.tracing.setup import get_trace_provider

from tcc_recorder.limited_log import log

from .guard import guard
from .runner import RecordingRunner
from .runner_call import Options
from .span_listener import SpanListener


class Installation:
    """Our runner and our trace processor in the SDK.  There is one installation per process."""

    def __init__(self) -> None:
        self._options: Final = Options(active=False)
        self._spans: Final = SpanListener(self._options)
        self._added = False

    def install(self, *, record_untraced: bool, max_step_prompt: int | None) -> None:
        """Put a runner in front of the default one, and listen to spans."""
        self._options.record_untraced = record_untraced
        self._options.max_step_prompt = max_step_prompt
        self._options.active = True
        self._add_runner()
        self._add_processor()

    def uninstall(self) -> None:
        """Remove the runner and the processor.  Ours stays, and only forwards calls, if another runner wraps it."""
        self._options.active = False
        self._remove_runner()
        self._remove_processor()

    @guard
    def _add_runner(self) -> None:
        if not hasattr(sdk, "set_default_agent_runner"):
            log.warning("this version of openai-agents has no default runner: runs are read from its tracing")
            return
        before = sdk.get_default_agent_runner()
        if not isinstance(before, RecordingRunner):
            sdk.set_default_agent_runner(RecordingRunner(before, self._options))

    @guard
    def _remove_runner(self) -> None:
        if not hasattr(sdk, "set_default_agent_runner"):
            return
        ours = sdk.get_default_agent_runner()
        if isinstance(ours, RecordingRunner) and not ours.was_patched:
            sdk.set_default_agent_runner(ours.inner)

    @guard
    def _add_processor(self) -> None:
        known = registered_processors()
        if self._spans not in known if known is not None else not self._added:
            self._added = True
            add_trace_processor(self._spans)

    @guard
    def _remove_processor(self) -> None:
        known = registered_processors()
        if known is not None and self._spans in known:
            get_trace_provider().set_processors([processor for processor in known if processor is not self._spans])


def registered_processors() -> tuple[TracingProcessor, ...] | None:
    """Return the trace processors of the SDK; None if it does not show them: ours can't be removed then."""
    known = getattr(getattr(get_trace_provider(), "_multi_processor", None), "_processors", None)
    return tuple(known) if isinstance(known, (tuple, list)) else None
