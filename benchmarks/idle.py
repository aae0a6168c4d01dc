"""What a daemon costs that has little to do."""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from benchmarks import servers
from benchmarks.agent import record
from benchmarks.harness import Row, processor_seconds, row
from benchmarks.standard_run import fresh_inputs
from benchmarks.uploading import daemon, write_small_runs

import tcc_recorder as tcc

_PATIENCE = 600.0


def rows(quick: bool) -> Iterator[Row]:
    """Let a daemon deliver many segments and keep them for a day; then watch it while nothing, or little, happens."""
    repetitions, segments, seconds = (1, 100, 2) if quick else (5, 10_000, 60)
    with tempfile.TemporaryDirectory() as folder:
        spool = Path(folder, "spool")
        write_small_runs(spool, segments, 1)
        with (
            servers.holding(0) as server,
            daemon(server.url, Path(folder, "state"), spool, "--after", "keep 24h") as pid,
        ):
            _await(server, segments)
            time.sleep(1)  # the last answers are committed
            # a run of this key alone: records of another would wait for it
            with mock.patch.dict(os.environ, {"TCC_API_KEY": "benchmark"}):
                tcc.configure(spool_dir=str(spool))
                idle, appended = [], []
                for repetition in range(repetitions):
                    idle.append(_share(pid, seconds))
                    appended.append(_share(pid, seconds, first=repetition * seconds, append=True))
            tcc.configure(spool_dir=str(spool))  # seals what is open before its folder goes
            _await(server, repetitions * seconds)
    what = f"a daemon with {segments:,} segments in sight, {seconds} s"
    yield row(f"{what} of nothing: share of a core", idle, unit="%", at_most=0.5)
    yield row(f"{what} of one run per second: share of a core", appended, unit="%", at_most=0.5)


def _share(pid: int, seconds: int, *, first: int = 0, append: bool = False) -> float:
    """Return the percentage of a core that the daemon takes while as many seconds pass."""
    inputs = fresh_inputs(seconds, first)
    began, before = time.monotonic(), processor_seconds(pid)
    for number, x in enumerate(inputs, 1):
        if append:
            record(tcc, x)
        time.sleep(max(0.0, began + number - time.monotonic()))
    return 100 * (processor_seconds(pid) - before) / (time.monotonic() - began)


def _await(server: servers.Holding, requests: int) -> None:
    arrived, until = 0, time.monotonic() + _PATIENCE
    while (arrived := arrived + len(server.arrivals())) < requests:
        if time.monotonic() > until:
            raise TimeoutError(f"{arrived} of {requests} requests came in {_PATIENCE:g} s")
        time.sleep(0.1)
