"""The run that the current code belongs to.  Tasks and worker threads that a run starts inherit it."""

from contextvars import ContextVar
from typing import Final

from .execution import Execution

current_execution: Final[ContextVar[Execution | None]] = ContextVar("tcc_openai_agents_execution", default=None)

unrecorded: Final[ContextVar[bool]] = ContextVar("tcc_openai_agents_unrecorded", default=False)
"""Whether the current run, and the runs inside it, must not be recorded, because its configuration says so."""
