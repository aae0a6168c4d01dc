"""Replaying: the whole pipeline, beside the plainest clients that post the same bodies from memory."""

import contextlib
import io
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock
from urllib.parse import urlsplit

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
    repetitions, few, many = (1, 100, 200) if quick else (5, 4000, 12_000)
    with tempfile.TemporaryDirectory() as folder:
        spools = _Spools(Path(folder, "few"), Path(folder, "many"))
        # a run of this key alone: records of another would wait for it
        with mock.patch.dict(os.environ, {"TCC_API_KEY": "benchmark"}):
            record_runs(spools.few, few)
            record_runs(spools.many, many)
        yield from _at_once(spools, repetitions, 20 if quick else 200)
        for in_flight in (32, 128):
            shares = [_shares_of_flight(spools.many, in_flight, many // 10) for _ in range(repetitions)]
            what = f"replay, {_LATENCY * 1000:g} ms of latency, {in_flight} in flight: runs per second"
            yield row(what, [whole for whole, _ in shares], limit="in flight ÷ latency")
            steady = f"{what}, after the first tenth"  # it begins with two requests, and one more with each answer
            yield row(steady, [share for _, share in shares], limit="in flight ÷ latency", at_least=0.9)


class _Spools(NamedTuple):
    """Two sizes: the difference of the times that they take is free of what the start takes."""

    few: Path
    many: Path


class _Took(NamedTuple):
    """Seconds and processor seconds for each run."""

    seconds: float
    processor: float


class _Round(NamedTuple):
    """One repetition.  ``replay``: from process start to end; ``slope``: for each run more."""

    replay: _Took
    slope: _Took
    loop: _Took
    raw: _Took
    contextcompany: float


def _at_once(spools: _Spools, repetitions: int, contextcompany_runs: int) -> Iterator[Row]:
    loop, raw = "a bare httpx.Client loop", "a bare socket"
    what, whole = "replay to nginx, the slope", "replay to nginx, from process start to end"
    if servers.NGINX is None:
        yield unmeasured(what, "nginx is not installed")
        return
    few, many = bodies(spools.few), bodies(spools.many)
    with servers.nginx() as url:
        rounds = [_round(url, spools, few, len(many), contextcompany_runs, n) for n in range(repetitions)]
    slopes, loops, raws = [r.slope for r in rounds], [r.loop for r in rounds], [r.raw for r in rounds]
    yield row(f"{raw}, the same bodies from memory", [1 / r.seconds for r in raws], unit="runs/s")
    yield row(f"{loop}, the same bodies from memory", [1 / r.seconds for r in loops], unit="runs/s")
    yield row(f"{loop}: processor time", _processors(loops, raws), limit=raw)
    yield row(f"{what}: processor time", _processors(slopes, raws), limit=raw)
    yield row(f"{what}: processor time", _processors(slopes, loops), limit=loop, at_most=1.15)
    yield row(f"{what}: runs per second", _speeds(slopes, loops), limit=loop, at_least=0.9)
    replays = [r.replay for r in rounds]
    yield row(f"{whole}: processor time", _processors(replays, loops), limit=loop)
    yield row(f"{whole}: runs per second", _speeds(replays, loops), limit=loop)
    speeds = [r.contextcompany / r.replay.seconds for r in rounds]
    yield row(f"{whole}: runs per second", speeds, limit="contextcompany", at_least=8)


def _processors(ours: list[_Took], limits: list[_Took]) -> list[float]:
    return ratios([took.processor for took in ours], [took.processor for took in limits])


def _speeds(ours: list[_Took], limits: list[_Took]) -> list[float]:
    return ratios([took.seconds for took in limits], [took.seconds for took in ours])


def _round(url: str, spools: _Spools, few: list[bytes], many: int, contextcompany_runs: int, repetition: int) -> _Round:
    """Measure everything once.  The clients in this process have no start: all their time is slope."""
    short = _replayed(url, spools.few)
    raw, loop = _took(_post_raw, url, few), _took(_post, url, few)
    long = _replayed(url, spools.many)
    more = many - len(few)
    slope = _Took((long.seconds - short.seconds) / more, (long.processor - short.processor) / more)
    inputs = fresh_inputs(contextcompany_runs, repetition * contextcompany_runs)
    whole = _Took(long.seconds / many, long.processor / many)
    return _Round(whole, slope, loop, raw, _contextcompany(url, inputs))


def _took(post: Callable[[str, list[bytes]], None], url: str, kept: list[bytes]) -> _Took:
    began, processor = time.perf_counter(), time.process_time()
    post(url, kept)
    return _Took((time.perf_counter() - began) / len(kept), (time.process_time() - processor) / len(kept))


def _post(url: str, kept: list[bytes]) -> None:
    headers = {"Authorization": "Bearer benchmark", "Content-Type": "application/json"}
    with httpx.Client(headers=headers) as client:
        for body in kept:
            client.post(f"{url}/v1/custom", content=body).raise_for_status()


def _post_raw(url: str, kept: list[bytes]) -> None:
    """Post with a socket alone.  Nothing of the answer is read but whether it is complete, and good."""
    place = urlsplit(url)
    head = b"POST /v1/custom HTTP/1.1\r\nHost: %b\r\nAuthorization: Bearer benchmark\r\nContent-Type: application/json"
    with socket.create_connection((place.hostname or "", place.port or 80)) as connection:
        for body in kept:
            start = b"%b\r\nContent-Length: %d\r\n\r\n" % (head % place.netloc.encode(), len(body))
            connection.sendall(start + body)
            answer = connection.recv(4096)
            while not answer.endswith(b"\r\n\r\n"):
                answer += connection.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200")


def _contextcompany(url: str, inputs: list[Any]) -> float:
    environment = {"TCC_API_KEY": "benchmark", "TCC_BASE_URL": url}
    with mock.patch.dict(os.environ, environment), contextlib.redirect_stdout(io.StringIO()) as said:
        seconds = statistics.fmean(seconds_of(partial(record, contextcompany), inputs))
    assert not said.getvalue(), f"contextcompany failed: {said.getvalue()[:500]}"
    return seconds


def _shares_of_flight(spool: Path, in_flight: int, first: int) -> tuple[float, float]:
    """Return what was used of the limit, by all requests and by those after the first."""
    with servers.holding(_LATENCY) as server:
        _replayed(server.url, spool, "--in-flight", str(in_flight))
        arrived = server.arrivals()
    whole, rest = (
        (len(some) - 1) / (some[-1] - some[0]) / (in_flight / _LATENCY) for some in (arrived, arrived[first:])
    )
    return whole, rest


def _replayed(url: str, spool: Path, *arguments: str) -> Ran:
    with tempfile.TemporaryDirectory() as state:
        return uploaded(url, Path(state), "replay", spool, *arguments)
