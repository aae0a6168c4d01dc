"""Record AI-agent runs without a network: in a local spool, from which ``tcc-upload`` delivers them later.

::

    import tcc_recorder as tcc

    with tcc.run() as run:
        run.prompt("hello").response("hello to you")

It may import ``tcc_schemas`` and orjson, never the uploader; importing it must stay fast, so it loads neither pydantic
nor logging.  Begin with ``builders.py`` (what an agent calls), then ``sink.py`` (where the records go) and
``spool/writer.py`` (how they reach the disk).
"""

from typing import TYPE_CHECKING, Any

from tcc_schemas.version import __version__

from .builders import Run, Step, ToolCall
from .config import get_api_key, get_url
from .factories import record, run, step, tool_call
from .feedback import submit_feedback
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
    if name == "RunRecord":  # it needs pydantic, which takes longer to import than all the rest
        from tcc_schemas import RunRecord  # noqa: PLC0415 -- see above

        return RunRecord
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
