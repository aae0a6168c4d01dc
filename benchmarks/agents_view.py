"""Waiting: what one run costs the agent, beside the client that sends each item itself."""

import contextlib
import io
import os
import statistics
import tempfile
from collections.abc import Iterator
from functools import partial
from typing import Any

import contextcompany
from benchmarks import loopback
from benchmarks.agent import record
from benchmarks.gateway import GATEWAY, serving
from benchmarks.harness import Row, interleaved, ratios, row, seconds_of
from benchmarks.standard_run import fresh_inputs

import tcc_recorder as tcc

_AT_ONCE, _NEVER = "a server that answers at once", "one that never answers"


def rows(quick: bool) -> Iterator[Row]:
    """Measure both against a server that answers at once, then against one that never does."""
    repetitions, runs = (2, 5) if quick else (7, 100)
    os.environ["TCC_API_KEY"] = "benchmark"
    with (
        tempfile.TemporaryDirectory() as spool,
        tempfile.TemporaryDirectory() as other,
        loopback.answering() as answering,
        loopback.silent() as silent,
        serving(GATEWAY, other) as gateway,
    ):
        tcc.configure(spool_dir=spool)
        found = interleaved(
            repetitions,
            {
                "theirs": partial(_median, contextcompany, answering, runs),
                "theirs, gateway": partial(_median, contextcompany, gateway.url, runs),
                "ours": partial(_median, tcc, answering, 10 * runs),
                "ours, silent": partial(_median, tcc, silent, 10 * runs),
            },
        )
        tcc.configure(spool_dir=spool)  # seals what is open before its folder goes
        yield row(f"contextcompany, {_AT_ONCE}", [s * 1e3 for s in found["theirs"]], unit="ms")
        yield row(f"contextcompany, {_AT_ONCE}", ratios(found["theirs"], found["ours"]), limit="ours", at_least=100)
        with_gateway = ratios(found["theirs, gateway"], found["theirs"])
        yield row("contextcompany, with the gateway", with_gateway, limit=f"contextcompany, {_AT_ONCE}")
        unchanged = ratios(found["ours, silent"], found["ours"])
        yield row(f"ours, {_NEVER}", unchanged, limit=f"ours, {_AT_ONCE}", at_most=1.2)
        if not quick:
            yield row(f"contextcompany, {_NEVER}: one run", [_median(contextcompany, silent, 1, 0)], unit="s")


def _median(client: Any, url: str, runs: int, repetition: int) -> float:
    """Return the median seconds of a run with this client."""
    os.environ["TCC_BASE_URL"] = url
    with contextlib.redirect_stdout(io.StringIO()):  # contextcompany prints what fails
        return statistics.median(seconds_of(partial(record, client), fresh_inputs(runs, repetition * runs)))
