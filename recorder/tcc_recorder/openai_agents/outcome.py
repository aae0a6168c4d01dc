"""How a run ended, from what the SDK returned or raised.  Pure functions.

A run that returned a final output has status 0 (success).  One that was cancelled, was stopped after a turn, or waits
for an approval has status 1 (partial success); its message says which.  One that raised has status 2 (error), with the
exception's class and text.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from tcc_recorder.values import text

from .content import answer, member

_STOPPED: Final = (asyncio.CancelledError, KeyboardInterrupt, GeneratorExit)
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
    if isinstance(error, _STOPPED):
        return RunOutcome(1, "cancelled" if isinstance(error, asyncio.CancelledError) else f"cancelled by {name}")
    words = text(error)
    return RunOutcome(2, f"{name}: {words}" if words else name, short=name)


def returned(result: object) -> RunOutcome:
    """Return the outcome of ``run`` and ``run_sync``."""
    return _waiting(result) or RunOutcome(0, response=answer(member(result, "final_output")))


def streamed(result: object, task: "asyncio.Future[Any]", error: BaseException | None, *, answered: bool) -> RunOutcome:
    """Return the outcome of ``run_streamed`` when its task is done; ``error`` is its :func:`stream_error`.

    ``answered`` is whether an agent gave its final output, which may be None if it is typed.
    """
    final = member(result, "final_output")
    if task.cancelled():
        return RunOutcome(1, "cancelled", answer(final))
    if error is not None:
        return raised(error)
    for checked in _list(member(result, "input_guardrail_results")):
        if member(member(checked, "output"), "tripwire_triggered"):
            return RunOutcome(2, f"InputGuardrailTripwireTriggered: {_name(checked)}")
    if (waiting := _waiting(result)) is not None:
        return waiting
    if final is not None or answered:
        return RunOutcome(0, response=answer(final))
    turns, most = member(result, "current_turn"), member(result, "max_turns")
    if isinstance(turns, int) and isinstance(most, int) and turns > most:
        return RunOutcome(2, f"MaxTurnsExceeded: Max turns ({most}) exceeded")
    return RunOutcome(1, "stopped after a turn")


def stream_error(result: object, task: "asyncio.Future[Any]") -> BaseException | None:
    """Return what a streamed run raised.  Before SDK 0.14 an output guardrail raises in a separate task."""
    if task.cancelled():
        return None
    # Future.exception() would suppress asyncio's warning about an exception that was never retrieved.
    error = getattr(task, "_exception", None)
    checks = member(result, "_output_guardrails_task")
    if error is None and asyncio.isfuture(checks) and checks.done() and not checks.cancelled():
        error = getattr(checks, "_exception", None)
    error = error or member(result, "_stored_exception")
    return error if isinstance(error, BaseException) else None


def _waiting(result: object) -> RunOutcome | None:
    pending = member(result, "interruptions")
    if not pending:
        return None
    names = ", ".join(text(member(item, "tool_name") or member(item, "name") or "a tool") for item in pending)
    return RunOutcome(1, f"waiting for approval: {names}")


def guardrails(*sources: object) -> list[str]:
    """Return ``name: passed`` or the like for each guardrail that ran, from results or exceptions of the SDK."""
    notes: dict[str, None] = {}
    for source in sources:
        for names, verdict in (
            (("input_guardrail_results", "output_guardrail_results"), _tripwire),
            (("tool_input_guardrail_results", "tool_output_guardrail_results"), _behavior),
        ):
            for name in names:
                notes.update(dict.fromkeys(verdict(result) for result in _list(member(source, name))))
        if (result := member(source, "guardrail_result")) is not None:
            notes[_tripwire(result)] = None
    return list(notes)


def _list(value: object) -> Iterable[object]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _name(result: object) -> str:
    guardrail = member(result, "guardrail")
    named = getattr(guardrail, "get_name", None)
    return text(named() if callable(named) else member(guardrail, "name") or "guardrail")


def _tripwire(result: object) -> str:
    return f"{_name(result)}: {'triggered' if member(member(result, 'output'), 'tripwire_triggered') else 'passed'}"


def _behavior(result: object) -> str:
    behavior = member(member(result, "output"), "behavior")
    return f"{_name(result)}: {text(member(behavior, 'type') or 'passed')}"
