"""From end() to the request at the server, with an idle daemon between."""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from benchmarks import servers
from benchmarks.agent import begun
from benchmarks.harness import Row, row
from benchmarks.standard_run import fresh_inputs
from benchmarks.uploading import daemon

import tcc_recorder as tcc

_PAUSE = 0.02
"""Seconds between looks at the server: the daemon becomes idle meanwhile."""
_PATIENCE = 60.0


def rows(quick: bool) -> Iterator[Row]:
    """Record run by run, each when the one before has arrived."""
    runs = 10 if quick else 1000
    lateness = sorted(_lateness() * 1e3 for _ in range(runs))
    with tempfile.TemporaryDirectory() as folder:
        spool = Path(folder, "spool")
        with servers.holding(0) as server, daemon(server.url, Path(folder, "state"), spool):
            # a run of this key alone: records of another would wait for it
            with mock.patch.dict(os.environ, {"TCC_API_KEY": "benchmark"}):
                tcc.configure(spool_dir=str(spool))
                _milliseconds(server, -1)  # the daemon is up, and has a connection
                found = sorted(_milliseconds(server, number) for number in range(runs))
            tcc.configure(spool_dir=str(spool))  # seals what is open before its folder goes
    yield row("this machine's timer: how much later than asked a sleep of 1 ms ends", lateness, unit="ms")
    yield row("the same, p99", [_p99(lateness)], unit="ms")
    yield row("from end() to the whole request at the server", found, unit="ms", at_most=20)
    yield row("the same, p99", [_p99(found)], unit="ms", at_most=100)


def _milliseconds(server: servers.Holding, number: int) -> float:
    run = begun(tcc, fresh_inputs(1, number)[0])
    began = time.monotonic()
    run.end()
    while not (arrived := server.arrivals()):
        if time.monotonic() - began > _PATIENCE:
            raise TimeoutError(f"the daemon has sent nothing for {_PATIENCE:g} s")
        time.sleep(_PAUSE)
    time.sleep(_PAUSE)
    return (arrived[0] - began) * 1e3


def _lateness() -> float:
    began = time.monotonic()
    time.sleep(0.001)
    return time.monotonic() - began - 0.001


def _p99(ordered: list[float]) -> float:
    return ordered[int(0.99 * len(ordered))]
