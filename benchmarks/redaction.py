"""Looking for secrets in every text of a run."""

import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.agent import record
from benchmarks.harness import Row, interleaved, ratios, row, seconds_of
from benchmarks.limit import finished_runs, write_finished
from benchmarks.standard_run import fresh_inputs

import tcc_recorder as tcc


def rows(quick: bool) -> Iterator[Row]:
    """Measure what ``secrets`` adds to recording, and what recording without content costs."""
    repetitions, runs = (2, 20) if quick else (9, 300)
    with tempfile.TemporaryDirectory() as folder:
        limit = partial(write_finished, os.open(f"{folder}/limit", os.O_WRONLY | os.O_CREAT | os.O_APPEND))
        use_spool = partial(tcc.configure, spool_dir=f"{folder}/spool", max_bytes=1 << 40)
        found = interleaved(
            repetitions,
            {
                "limit": lambda n: statistics.median(seconds_of(limit, finished_runs(runs, n))),
                "default": lambda n: _recording(runs, n, partial(use_spool, redact="status", content=True)),
                "secrets": lambda n: _recording(runs, n, partial(use_spool, redact="secrets", content=True)),
                "no content": lambda n: _recording(runs, n, partial(use_spool, redact="status", content=False)),
            },
        )
        added = [more - least for more, least in zip(found["secrets"], found["default"], strict=True)]
        yield row("what secrets adds to recording", ratios(added, found["limit"]), limit="L", at_most=15)
        yield row("recording without content", ratios(found["no content"], found["limit"]), limit="L")
        use_spool(redact="status", content=True)  # seals what is open before its folder goes


def _recording(runs: int, repetition: int, configure: Callable[[], None]) -> float:
    configure()
    return statistics.median(seconds_of(partial(record, tcc), fresh_inputs(runs, repetition * runs)))
