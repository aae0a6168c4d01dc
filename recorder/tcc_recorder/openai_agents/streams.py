"""Streamed runs: they go on in a task of the SDK's, read or not, so that the task says when they end."""

import asyncio

from agents import RunResultStreaming

from tcc_recorder.complaints import complaints

from . import content, outcome
from .execution import Execution
from .guard import guard


def watch(result: RunResultStreaming, execution: Execution) -> None:
    """Record ``execution`` when the streamed run of ``result`` ends."""
    with guard:
        _listen(result, execution)
    task = content.member(result, "run_loop_task") or content.member(result, "_run_impl_task")
    if not asyncio.isfuture(task):
        complaints.complain("this version of openai-agents does not show when a streamed run ends: it is not followed")
        execution.ended(outcome.Outcome(1, "streamed: its end is unknown"), result)
        return

    @guard
    def ended(_: object) -> None:
        vars(result._event_queue).pop("put_nowait", None)  # noqa: SLF001 -- the client may keep the result for long
        error = outcome.stream_error(result, task)
        execution.ended(outcome.streamed(result, task, error, answered=execution.answered), result, error)

    @guard
    def done(_: object) -> None:
        # Before 0.14 the run does not wait for the verdict of input guardrails that run beside it.
        checks = content.member(result, "_input_guardrails_task")
        if asyncio.isfuture(checks) and not checks.done() and not task.cancelled():
            checks.add_done_callback(ended)
        else:
            ended(task)

    task.add_done_callback(done)


def _listen(result: RunResultStreaming, execution: Execution) -> None:
    """Look at each event when it is put on its way: also those that nobody ever takes."""
    events = content.member(result, "_event_queue")
    put = getattr(events, "put_nowait", None)
    if put is None:
        complaints.complain("this version of openai-agents hides its stream events: no times to the first token")
        return

    def put_nowait(event: object) -> None:
        with guard:
            if content.member(event, "type") == "raw_response_event":
                execution.streamed(content.member(event, "data"))
        put(event)

    events.put_nowait = put_nowait
