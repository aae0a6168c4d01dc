"""The standard library alone: a file per run that is there as a whole or not at all."""

import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.agent import Input
from benchmarks.standard_run import to_record


def recorder(folder: str) -> Callable[[Input], object]:
    """Return what records one run."""
    spool = Path(folder)

    def record(x: Input) -> None:
        temporary = spool / f"{x['run_id']}.tmp"
        temporary.write_text(json.dumps(to_record(x)))
        temporary.rename(spool / f"{x['run_id']}.json")

    return record
