"""The functions that begin a run, or attach a step or tool call to one."""

from typing import Final

from .builders import Run, Step, ToolCall
from .config import route
from .ids import given_id
from .items import Family
from .values import text

_NO_FAMILY: Final = Family(closed=True)
"""Of a child that is made by its run's id alone."""


def run(
    run_id: str | None = None,
    session_id: str | None = None,
    conversational: bool | None = None,
    api_key: str | None = None,
    tcc_url: str | None = None,
) -> Run:
    """Begin a run.

    ``run_id`` is made up if it is not given.  ``api_key`` is only hashed, so that no other key delivers the run;
    ``tcc_url`` is the full ingestion URL, if it is not the usual one.
    """
    return Run(run_id, session_id, conversational, route(api_key, tcc_url))


def step(run_id: str, step_id: str | None = None, api_key: str | None = None, tcc_url: str | None = None) -> Step:
    """Begin an LLM call of a run that is known by its id alone: one of another process, or one that has ended."""
    return Step(text(run_id), given_id(step_id), route(api_key, tcc_url), _NO_FAMILY)


def tool_call(
    run_id: str,
    tool_call_id: str | None = None,
    tool_name: str | None = None,
    api_key: str | None = None,
    tcc_url: str | None = None,
) -> ToolCall:
    """Begin a tool call of a run that is known by its id alone: one of another process, or one that has ended."""
    return ToolCall(text(run_id), given_id(tool_call_id), route(api_key, tcc_url), _NO_FAMILY).name(tool_name)
