"""Replaying: the whole pipeline, beside the plainest client that posts the same bodies from memory."""

import contextlib
import io
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import contextcompany
import httpx
from benchmarks import servers
from benchmarks.agent import record
from benchmarks.harness import Row, ratios, row, seconds_of, unmeasured
from benchmarks.standard_run import fresh_inputs
from benchmarks.uploading import Ran, bodies, record_runs, uploaded

_LATENCY = 0.05
"""Seconds that the far server takes."""


def rows(quick: bool) -> Iterator[Row]:
    """Measure a server that answers at once, then one that is 50 ms away."""
    repetitions, runs = (1, 100) if quick else (5, 4000)
    with tempfile.TemporaryDirectory() as folder:
        spool = Path(folder, "spool")
        # a run of this key alone: records of another would wait for it
        with mock.patch.dict(os.environ, {"TCC_API_KEY": "benchmark"}):
            record_runs(spool, runs)
        yield from _at_once(spool, repetitions, 20 if quick else 200)
        for in_flight, goal in ((32, 0.9), (128, 0.7)):
            figures = [_share_of_flight(spool, in_flight) for _ in range(repetitions)]
            what = f"replay, {_LATENCY * 1000:g} ms of latency, {in_flight} in flight: runs per second"
            yield row(what, figures, limit="in flight ÷ latency", at_least=goal)


class _Round(NamedTuple):
    """Seconds and processor seconds of one repetition, per run."""

    replay: float
    replay_processor: float
    loop: float
    loop_processor: float
    contextcompany: float


def _at_once(spool: Path, repetitions: int, contextcompany_runs: int) -> Iterator[Row]:
    what, loop = "replay to nginx, from process start to end", "a bare httpx.Client loop"
    if servers.NGINX is None:
        yield unmeasured(what, "nginx is not installed")
        return
    kept = bodies(spool)
    with servers.nginx() as url:
        rounds = [_round(url, spool, kept, contextcompany_runs, n) for n in range(repetitions)]
    replays, loops = [r.replay for r in rounds], [r.loop for r in rounds]
    theirs = [r.contextcompany for r in rounds]
    yield row(f"{loop}, the same bodies from memory", [1 / seconds for seconds in loops], unit="runs/s")
    yield row(f"{what}: runs per second", ratios(loops, replays), limit=loop, at_least=0.65)
    cpu = ratios([r.replay_processor for r in rounds], [r.loop_processor for r in rounds])
    yield row(f"{what}: processor time", cpu, limit=loop, at_most=1.5)
    yield row(f"{what}: runs per second", ratios(theirs, replays), limit="contextcompany", at_least=8)


def _round(url: str, spool: Path, kept: list[bytes], contextcompany_runs: int, repetition: int) -> _Round:
    ran = _replayed(url, spool)
    began, processor = time.perf_counter(), time.process_time()
    _post(url, kept)
    loop, loop_processor = time.perf_counter() - began, time.process_time() - processor
    inputs = fresh_inputs(contextcompany_runs, repetition * contextcompany_runs)
    n = len(kept)
    return _Round(ran.seconds / n, ran.processor / n, loop / n, loop_processor / n, _contextcompany(url, inputs))


def _post(url: str, kept: list[bytes]) -> None:
    headers = {"Authorization": "Bearer benchmark", "Content-Type": "application/json"}
    with httpx.Client(headers=headers) as client:
        for body in kept:
            client.post(f"{url}/v1/custom", content=body).raise_for_status()


def _contextcompany(url: str, inputs: list[Any]) -> float:
    environment = {"TCC_API_KEY": "benchmark", "TCC_BASE_URL": url}
    with mock.patch.dict(os.environ, environment), contextlib.redirect_stdout(io.StringIO()) as said:
        seconds = statistics.fmean(seconds_of(partial(record, contextcompany), inputs))
    assert not said.getvalue(), f"contextcompany failed: {said.getvalue()[:500]}"
    return seconds


def _share_of_flight(spool: Path, in_flight: int) -> float:
    with servers.holding(_LATENCY) as server:
        _replayed(server.url, spool, "--in-flight", str(in_flight))
        arrived = server.arrivals()
    return (len(arrived) - 1) / (arrived[-1] - arrived[0]) / (in_flight / _LATENCY)


def _replayed(url: str, spool: Path, *arguments: str) -> Ran:
    with tempfile.TemporaryDirectory() as state:
        return uploaded(url, Path(state), "replay", spool, *arguments)
