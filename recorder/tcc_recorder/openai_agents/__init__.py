"""Record every run of the OpenAI Agents SDK (the ``openai-agents`` package).

::

    import tcc_recorder.openai_agents

    tcc_recorder.openai_agents.install()

From then on each ``Runner.run``, ``Runner.run_sync`` and ``Runner.run_streamed`` of the process becomes one record,
with a step for each LLM call and a tool call for each tool, even if the SDK's own tracing is switched off.

This package may import the SDK and the public names of ``tcc_recorder``; nothing else in ``tcc_recorder`` may import
it.  Importing it does not import the SDK; :func:`install` does.  Begin with ``runner.py`` and ``runner_call.py`` (where
a run enters), then ``execution.py`` (how it becomes a record).
"""

from typing import TYPE_CHECKING, Final

from .guard import guard

if TYPE_CHECKING:
    from .installation import Installation

__all__ = ["failures", "install", "uninstall"]

_made: Final[list["Installation"]] = []
"""The only installation of the process, after :func:`install` has made it."""


def install(*, record_untraced: bool = False, max_step_prompt: int | None = None) -> None:
    """Record every run from now on; a second call only changes the options.

    ``record_untraced`` also records runs whose own ``RunConfig`` says ``tracing_disabled=True``, and what runs inside
    them.  ``max_step_prompt`` limits the prompt of a step, in characters: the oldest items of a long history are left
    out.

    Raises ImportError if ``openai-agents`` is not installed, ValueError if ``max_step_prompt`` is below 1.
    """
    if max_step_prompt is not None and max_step_prompt < 1:
        raise ValueError(f"[TCC] max_step_prompt must be a number of characters above 0, not {max_step_prompt}")
    if not _made:
        try:
            from .installation import Installation  # noqa: PLC0415 -- it imports the SDK, which takes seconds
        except ModuleNotFoundError as error:
            if error.name != "agents":
                raise
            raise ImportError(
                "[TCC] openai-agents is not installed. Run: pip install 'tcc-offline[openai-agents]'"
            ) from error
        _made.append(Installation())
    _made[0].install(record_untraced=record_untraced, max_step_prompt=max_step_prompt)


def uninstall() -> None:
    """Record no more runs; those that have begun are still recorded when they end."""
    if _made:
        _made[0].uninstall()


def failures() -> int:
    """Return how often recording failed in this process.  Each failure was logged; none reached the program."""
    return guard.failures
