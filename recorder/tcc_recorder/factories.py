"""The functions that begin a run, attach a step or tool call to one, or record a whole run at once."""

from typing import TYPE_CHECKING, Final

from .builders import Run, Step, ToolCall
from .config import route_to
from .defaults import defaults
from .ids import given_id
from .items import RunChildren
from .records import run_lines
from .sink import emit
from .values import text

if TYPE_CHECKING:
    from tcc_schemas import RunRecord

_NO_RUN: Final = RunChildren(closed=True)
"""For a child that has only its run's id: no run will take it, so it is recorded alone."""


def run(
    run_id: str | None = None,
    session_id: str | None = None,
    conversational: bool | None = None,
    api_key: str | None = None,
    tcc_url: str | None = None,
) -> Run:
    """Begin a run.

    Without a ``run_id`` the run gets a new one.  Of ``api_key`` only a hash is recorded, so that no other key delivers
    the run; ``tcc_url`` is the full ingestion URL, if it is not the default one.
    """
    return Run(run_id, session_id, conversational, route_to(tcc_url, api_key))


def step(run_id: str, step_id: str | None = None, api_key: str | None = None, tcc_url: str | None = None) -> Step:
    """Begin an LLM call of a run of which only the id is known: a run of another process, or one that has ended."""
    return Step(text(run_id), given_id(step_id), route_to(tcc_url, api_key), _NO_RUN)


def tool_call(
    run_id: str,
    tool_call_id: str | None = None,
    tool_name: str | None = None,
    api_key: str | None = None,
    tcc_url: str | None = None,
) -> ToolCall:
    """Begin a tool call of a run of which only the id is known: a run of another process, or one that has ended."""
    return ToolCall(text(run_id), given_id(tool_call_id), route_to(tcc_url, api_key), _NO_RUN).name(tool_name)


def record(run: "RunRecord") -> str:
    """Record a whole run, with its steps and tool calls; return its run_id."""
    first, *children = run.to_items()
    if metadata := defaults.current():
        first["metadata"] = {**metadata, **(run.metadata or {})}
    emit(run_lines, (first, False), [(child, False) for child in children], route_to(None, None))
    return run.run_id
