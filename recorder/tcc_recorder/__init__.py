"""Record AI-agent runs without a network: to a local spool, which ``tcc-upload`` delivers to Observatory later.

::

    import tcc_recorder as tcc

    with tcc.run() as run:
        run.prompt("hello").response("hello to you")
"""

from typing import TYPE_CHECKING, Any

from tcc_schemas.version import __version__

from .builders import Run, Step, ToolCall
from .config import get_api_key, get_url
from .factories import run, step, tool_call
from .feedback import submit_feedback
from .posthoc import record
from .sink import configure, flush

if TYPE_CHECKING:
    from tcc_schemas import RunRecord

__all__ = [
    "Run",
    "RunRecord",
    "Step",
    "ToolCall",
    "__version__",
    "configure",
    "flush",
    "get_api_key",
    "get_url",
    "record",
    "run",
    "step",
    "submit_feedback",
    "tool_call",
]


def __getattr__(name: str) -> Any:
    if name == "RunRecord":  # pydantic costs more than all the rest: only who asks for it pays
        from tcc_schemas import RunRecord  # noqa: PLC0415 -- see above

        return RunRecord
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
