"""What happens to the processes that record."""

import copy
import os
from pathlib import Path

from support.faults import AT
from tcc_recorder.spool.segment import Segment
from tcc_recorder.spool.writer import SpoolWriter
from tcc_schemas.endpoints import CUSTOM_PATH
from tcc_schemas.lines import encode


def forked(segment: Segment | None) -> Segment | None:
    """Return what a forked child has of its parent's segment: the open file, and counts of its own."""
    if segment is None:
        return None
    child = copy.copy(segment)
    child._descriptor = os.dup(segment._descriptor)
    child.tally = copy.copy(segment.tally)
    return child


def killed(writer: SpoolWriter) -> None:
    """End a writer's process: its file is closed without a seal."""
    if writer._segment is not None:
        writer._segment.close()
        writer._segment = None


def tear(writer: SpoolWriter, size: int) -> None:
    """Write the first ``size`` bytes of a line that is never completed."""
    if writer._segment is not None and size and Path(writer._segment.path).exists():
        line = encode("run", "never", b"{}" * 60, at=AT, run_id="never", path=CUSTOM_PATH)
        with Path(writer._segment.path).open("ab") as file:
            file.write(line[:size])


def ends_torn(path: Path) -> bool:
    """Whether a flip took the last newline of a file that is being written."""
    return path.exists() and not path.read_bytes().endswith(b"\n")
