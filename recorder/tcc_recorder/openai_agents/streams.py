"""Streamed runs.  A task of the SDK runs them, even if nobody reads the events; when it is done, the run has ended."""

from agents import RunResultStreaming

from tcc_recorder.limited_log import log

from . import outcome
from .details import member, word
from .execution import Execution
from .guard import guard


def watch(result: RunResultStreaming, execution: Execution) -> None:
    """Record ``execution`` when the streamed run of ``result`` ends."""
    with guard:
        _listen(result, execution)
    task = outcome.future(result, "run_loop_task") or outcome.future(result, "_run_impl_task")
    if task is None:
        log.warning(
            "this version of openai-agents does not show when a streamed run ends: it is recorded now, as unfinished"
        )
        execution.ended(outcome.RunOutcome(1, "streamed: its end is unknown"), result)
        return

    def ended(_: object) -> None:
        found = outcome.RunOutcome(1, "streamed: its end is unknown")
        error = None
        with guard:  # the client may keep the result, and with it all of ours
            vars(member(result, "_event_queue")).pop("put_nowait", None)
        with guard:
            stopped, error = execution.stopped_by(), outcome.stream_error(result, task)
            found = outcome.streamed(result, task, error, answered=execution.answered)
            found = outcome.raised(stopped) if stopped is not None and found.code else found
        with guard:
            execution.ended(found, result, error)

    @guard
    def done(_: object) -> None:
        # Before SDK 0.14 the run's task does not wait for input guardrails that run in parallel.
        checks = outcome.future(result, "_input_guardrails_task")
        if checks is not None and not checks.done() and not task.cancelled():
            checks.add_done_callback(ended)
        else:
            ended(task)

    execution.task = task
    task.add_done_callback(done)


def _listen(result: RunResultStreaming, execution: Execution) -> None:
    """Look at each event when it is put into the queue, even if nobody reads it from there."""
    events = member(result, "_event_queue")
    put = member(events, "put_nowait")
    if not callable(put):
        log.warning("this version of openai-agents hides its stream events: no times to the first token")
        return

    def put_nowait(event: object) -> None:
        with guard:
            if word(event, "type") == "raw_response_event":
                execution.llm_calls.streamed(member(event, "data"))
        put(event)

    events.put_nowait = put_nowait
