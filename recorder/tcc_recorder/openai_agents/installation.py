"""Into the SDK and out of it again."""

from typing import Final

from agents import run as sdk
from agents.tracing import TracingProcessor, add_trace_processor
from agents.tracing.setup import get_trace_provider

from tcc_recorder.complaints import complaints

from .guard import guard
from .passage import Options
from .runner import RecordingRunner
from .spans import SpanListener


class Installation:
    """What of us is in the SDK.  There is one per process."""

    def __init__(self) -> None:
        self._options: Final = Options(active=False)
        self._spans: Final = SpanListener(self._options)
        self._listens = False

    def install(self, *, record_untraced: bool, max_step_prompt: int | None) -> None:
        """Put a runner in front of the default one, and listen to spans."""
        self._options.record_untraced = record_untraced
        self._options.max_step_prompt = max_step_prompt
        self._options.active = True
        self._put_runner()
        self._put_processor()

    def uninstall(self) -> None:
        """Take back the runner and the processor; where others stand on top of ours, ours only passes on."""
        self._options.active = False
        self._take_runner()
        self._take_processor()

    @guard
    def _put_runner(self) -> None:
        if not hasattr(sdk, "set_default_agent_runner"):
            complaints.complain("this version of openai-agents has no default runner: runs are read from its tracing")
            return
        before = sdk.get_default_agent_runner()
        if not isinstance(before, RecordingRunner):
            sdk.set_default_agent_runner(RecordingRunner(before, self._options))

    @guard
    def _take_runner(self) -> None:
        if not hasattr(sdk, "set_default_agent_runner"):
            return
        ours = sdk.get_default_agent_runner()
        if isinstance(ours, RecordingRunner) and not ours.was_patched:
            sdk.set_default_agent_runner(ours.inner)

    @guard
    def _put_processor(self) -> None:
        known = _processors()
        if self._spans not in known if known is not None else not self._listens:
            self._listens = True
            add_trace_processor(self._spans)

    @guard
    def _take_processor(self) -> None:
        known = _processors()
        if known is not None and self._spans in known:
            get_trace_provider().set_processors([processor for processor in known if processor is not self._spans])


def _processors() -> tuple[TracingProcessor, ...] | None:
    """Return the processors that listen; None where the SDK does not show them, and ours can't be taken out again."""
    known = getattr(getattr(get_trace_provider(), "_multi_processor", None), "_processors", None)
    return tuple(known) if isinstance(known, (tuple, list)) else None
