"""Which run the present code belongs to.  Tasks and worker threads that a run starts inherit it."""

from contextvars import ContextVar
from typing import Final

from .execution import Execution

execution: Final[ContextVar[Execution | None]] = ContextVar("tcc_openai_agents_execution", default=None)

unrecorded: Final[ContextVar[bool]] = ContextVar("tcc_openai_agents_unrecorded", default=False)
"""Whether the present run is not to be recorded, by its own configuration; nor are those inside it."""
