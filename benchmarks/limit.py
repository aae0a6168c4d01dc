"""L: the least that recording a standard run could cost.  All else is measured as a ratio to it."""

import os
from typing import Any

import orjson
from benchmarks.standard_run import fresh_inputs, to_record


def write_finished(descriptor: int, finished: dict[str, Any]) -> None:
    """Write a finished wire dict: one ``orjson.dumps``, one ``os.write``."""
    os.write(descriptor, orjson.dumps(finished))


def finished_runs(runs: int, repetition: int) -> list[dict[str, Any]]:
    """Return that many finished wire dicts, of fresh strings."""
    return [to_record(x) for x in fresh_inputs(runs, repetition * runs)]
