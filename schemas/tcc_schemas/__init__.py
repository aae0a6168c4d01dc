"""What recorder and uploader share: the wire items, the spool's line format, default directories and endpoints.

It may import neither half.  Begin with ``lines.py``, which describes the format completely.  The models need pydantic,
which is slow to import: they are loaded when first used, so that recording a run does not load it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .items import Batch, Feedback, Prompt, RunItem, RunRecord, StepItem, ToolCallItem
    from .records import Seal, SegmentHeader

__all__ = [
    "Batch",
    "Feedback",
    "Prompt",
    "RunItem",
    "RunRecord",
    "Seal",
    "SegmentHeader",
    "StepItem",
    "ToolCallItem",
]

_RECORDS = frozenset({"Seal", "SegmentHeader"})


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(".records" if name in _RECORDS else ".items", __name__), name)
