"""How a run ended, from what the SDK returned or raised.  Pure functions.

A run that returned a final output has status 0 (success).  One that was cancelled, was stopped after a turn, or waits
for an approval has status 1 (partial success); its message says which.  One that raised has status 2 (error), with the
exception's class and text.
"""

import asyncio
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from tcc_recorder.values import text

from .content import as_text
from .details import count, is_a, listed, member, true, word
from .guard import guard

_STOPPED: Final = (asyncio.CancelledError, KeyboardInterrupt, GeneratorExit, SystemExit)
"""Exceptions that end a run from outside: the run itself did not fail."""


class RunOutcome(NamedTuple):
    """Status code, message and final output, as they are recorded; ``message`` is None for a success."""

    code: int
    message: str | None = None
    response: str | None = None
    short: str | None = None
    """The message without content: an exception's text may quote prompts and results."""

    def without_content(self) -> "RunOutcome":
        """Return it without the output, and with the short message."""
        return RunOutcome(self.code, self.short or self.message)


def raised(error: BaseException) -> RunOutcome:
    """Return the outcome of a run that raised."""
    name = type(error).__name__
    words = text(error)
    if is_a(error, asyncio.CancelledError):
        return RunOutcome(1, "cancelled")
    if issubclass(type(error), _STOPPED):
        return RunOutcome(
            1, f"cancelled by {name}: {words}" if words else f"cancelled by {name}", short=f"cancelled by {name}"
        )
    if is_a(error.__context__, GeneratorExit):  # what was to be done at the end failed, for the event loop is gone
        return RunOutcome(1, "cancelled by GeneratorExit")
    return RunOutcome(2, f"{name}: {words}" if words else name, short=name)


def returned(result: object) -> RunOutcome:
    """Return the outcome of ``run`` and ``run_sync``."""
    return _waiting(result) or RunOutcome(0, response=as_text(member(result, "final_output")))


def streamed(result: object, task: "asyncio.Future[Any]", error: BaseException | None, *, answered: bool) -> RunOutcome:
    """Return the outcome of ``run_streamed`` when its task is done; ``error`` is its :func:`stream_error`.

    ``answered`` is whether an agent gave its final output, which may be None if it is typed.
    """
    final = member(result, "final_output")
    if task.cancelled():
        return RunOutcome(1, "cancelled", as_text(final))
    if error is not None:
        return raised(error)
    for checked in listed(member(result, "input_guardrail_results")):
        if member(member(checked, "output"), "tripwire_triggered") is True:
            return RunOutcome(2, f"InputGuardrailTripwireTriggered: {_name(checked)}")
    if (waiting := _waiting(result)) is not None:
        return waiting
    if final is not None or answered:
        return RunOutcome(0, response=as_text(final))
    turns, most = count(result, "current_turn"), count(result, "max_turns")
    if turns is not None and most is not None and turns > most:
        return RunOutcome(2, f"MaxTurnsExceeded: Max turns ({most}) exceeded")
    return RunOutcome(1, "stopped after a turn")


def stream_error(result: object, task: "asyncio.Future[Any]") -> BaseException | None:
    """Return what a streamed run raised.  Before SDK 0.14 an output guardrail raises in a separate task."""
    if task.cancelled():
        return None
    # Future.exception() would suppress asyncio's warning about an exception that was never retrieved.
    error = getattr(task, "_exception", None)
    checks = future(result, "_output_guardrails_task")
    if error is None and checks is not None and checks.done() and not checks.cancelled():
        error = getattr(checks, "_exception", None)
    error = member(result, "_stored_exception") if error is None else error
    return error if is_a(error, BaseException) else None


def future(result: object, name: str) -> "asyncio.Future[Any] | None":
    """Return a member that is a task or another future; None if it is anything else."""
    found = member(result, name)
    with guard:
        return found if asyncio.isfuture(found) else None
    return None


def _waiting(result: object) -> RunOutcome | None:
    pending = listed(member(result, "interruptions"))
    if not pending:
        return None
    names = ", ".join(word(item, "tool_name") or word(item, "name") or "a tool" for item in pending)
    return RunOutcome(1, f"waiting for approval: {names}")


def guardrails(*sources: object) -> list[str]:
    """Return ``name: passed`` or the like for each guardrail that ran, from results or exceptions of the SDK."""
    return list(dict.fromkeys(note for source in sources for note in _notes(source)))


def _notes(source: object) -> Iterator[str]:
    for name in ("input_guardrail_results", "output_guardrail_results"):
        yield from map(_tripwire, listed(member(source, name)))
    for name in ("tool_input_guardrail_results", "tool_output_guardrail_results"):
        yield from map(_behavior, listed(member(source, name)))
    if (result := member(source, "guardrail_result")) is not None:
        yield _tripwire(result)


def _name(result: object) -> str:
    guardrail = member(result, "guardrail")
    with guard:
        named = member(guardrail, "get_name")
        return text(named()) if callable(named) else word(guardrail, "name") or "guardrail"
    return "guardrail"


def _tripwire(result: object) -> str:
    return (
        f"{_name(result)}: {'triggered' if true(member(member(result, 'output'), 'tripwire_triggered')) else 'passed'}"
    )


def _behavior(result: object) -> str:
    behavior = member(member(result, "output"), "behavior")
    return f"{_name(result)}: {word(behavior, 'type') or 'passed'}"
