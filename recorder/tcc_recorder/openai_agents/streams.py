"""Streamed runs.  A task of the SDK runs them, even if nobody reads the events; when it is done, the run has ended."""

import asyncio

from agents import RunResultStreaming

from tcc_recorder.limited_log import log

from . import content, outcome
from .execution import Execution
from .guard import guard


def watch(result: RunResultStreaming, execution: Execution) -> None:
    """Record ``execution`` when the streamed run of ``result`` ends."""
    with guard:
        _listen(result, execution)
    task = content.member(result, "run_loop_task") or content.member(result, "_run_impl_task")
    if not asyncio.isfuture(task):
        log.warning(
            "this version of openai-agents does not show when a streamed run ends: it is recorded now, as unfinished"
        )
        execution.ended(outcome.RunOutcome(1, "streamed: its end is unknown"), result)
        return

    @guard
    def ended(_: object) -> None:
        vars(result._event_queue).pop("put_nowait", None)  # noqa: SLF001 -- the client may keep the result, and with it all of ours
        error = outcome.stream_error(result, task)
        execution.ended(outcome.streamed(result, task, error, answered=execution.answered), result, error)

    @guard
    def done(_: object) -> None:
        # Before SDK 0.14 the run's task does not wait for input guardrails that run in parallel.
        checks = content.member(result, "_input_guardrails_task")
        if asyncio.isfuture(checks) and not checks.done() and not task.cancelled():
            checks.add_done_callback(ended)
        else:
            ended(task)

    task.add_done_callback(done)


def _listen(result: RunResultStreaming, execution: Execution) -> None:
    """Look at each event when it is put into the queue, even if nobody reads it from there."""
    events = content.member(result, "_event_queue")
    put = getattr(events, "put_nowait", None)
    if put is None:
        log.warning("this version of openai-agents hides its stream events: no times to the first token")
        return

    def put_nowait(event: object) -> None:
        with guard:
            if content.member(event, "type") == "raw_response_event":
                execution.llm_calls.streamed(content.member(event, "data"))
        put(event)

    events.put_nowait = put_nowait
