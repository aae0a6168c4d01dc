"""Recording a run, in the agent's thread."""

import gc
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from benchmarks.agent import begun, record
from benchmarks.harness import Row, interleaved, ratios, row, seconds_of, unmeasured
from benchmarks.limit import finished_runs, write_finished
from benchmarks.standard_run import fresh_inputs

import tcc_recorder as tcc

THREADS, PROCESSES = 8, 4
_PATIENCE = 120.0
"""Seconds that a process waits for the others."""


def rows(quick: bool) -> Iterator[Row]:
    """Measure one thread, the distribution of end(), threads and processes."""
    repetitions, runs = (2, 40) if quick else (9, 1000)
    with tempfile.TemporaryDirectory() as folder:
        limit = partial(write_finished, os.open(f"{folder}/limit", os.O_WRONLY | os.O_CREAT | os.O_APPEND))
        use_spool = partial(tcc.configure, spool_dir=f"{folder}/spool", max_bytes=1 << 40)
        found = interleaved(
            repetitions,
            {
                "limit": lambda n: statistics.median(seconds_of(limit, finished_runs(runs, n))),
                "recording": lambda n: _median_recording(runs, n, partial(use_spool, journal=False)),
                "journal": lambda n: _median_recording(runs, n, partial(use_spool, journal=True)),
            },
        )
        yield row("L itself", [seconds * 1e6 for seconds in found["limit"]], unit="us")
        yield row("record a standard run", ratios(found["recording"], found["limit"]), limit="L", at_most=2.45)
        yield row("the same, journal on", ratios(found["journal"], found["limit"]), limit="L", at_most=5.2)
        use_spool(journal=False)
        yield _tail(repetitions, 50 if quick else 6000)
        yield from _threads(repetitions, runs, limit)
        yield from _processes(repetitions, runs, folder)
        tcc.configure(spool_dir=f"{folder}/spool")  # seals what is open before its folder goes


def _median_recording(runs: int, repetition: int, configure: Callable[[], None]) -> float:
    configure()
    return statistics.median(seconds_of(partial(record, tcc), fresh_inputs(runs, repetition * runs)))


def _tail(repetitions: int, runs: int) -> Row:
    """Compare the slow ends of end() with its median, over so many runs that some of them seal a segment."""
    found = []
    for repetition in range(repetitions):
        seconds: list[float] = []
        for part in range(0, runs, 500):
            begun_runs = [begun(tcc, x) for x in fresh_inputs(min(500, runs - part), repetition * runs + part)]
            gc.collect()
            gc.freeze()  # the benchmark's own heap of inputs is not the agent's to walk
            seconds += seconds_of(lambda run: run.end(), begun_runs)
            gc.unfreeze()
        ordered = sorted(seconds)
        found.append(ordered[int(0.999 * len(ordered))] / statistics.median(ordered))
    return row("p99.9 of end(), seals included", found, limit="its median", at_most=10)


def _threads(repetitions: int, runs: int, limit: Callable[[Any], None]) -> Iterator[Row]:
    against = "the ratio of one thread"
    what = f"{THREADS} threads on one recorder: the ratio of processor time to L, with L in as many threads"
    yield row(what, _with_threads(repetitions, runs, limit), limit=against, at_most=1.3)
    if not hasattr(os, "sched_setaffinity"):
        yield unmeasured("the same, all on one processor", "this system does not say where threads run")
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield row("the same, all on one processor", _with_threads(repetitions, runs, limit), limit=against)
    finally:
        os.sched_setaffinity(0, allowed)


def _with_threads(repetitions: int, runs: int, limit: Callable[[Any], None]) -> list[float]:
    """Return each repetition's ratio to L in several threads, divided by that in one."""
    single, several = [], []
    for n in range(repetitions):
        for threads, found in ((1, single), (THREADS, several)):
            limits = _seconds_in_threads(limit, finished_runs(runs, n), threads)
            recordings = _seconds_in_threads(partial(record, tcc), fresh_inputs(runs, n * runs), threads)
            found.append(recordings / limits)
    return ratios(several, single)


def _seconds_in_threads(call: Callable[[Any], None], inputs: list[Any], threads: int) -> float:
    """Return the processor time of all threads: how long each waits for Python's lock depends on what else runs."""
    shares = [inputs[first::threads] for first in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        began = time.process_time()
        list(pool.map(partial(_all, call), shares))
        return time.process_time() - began


def _all(call: Callable[[Any], None], inputs: list[Any]) -> None:
    for value in inputs:
        call(value)


def _processes(repetitions: int, runs: int, folder: str) -> Iterator[Row]:
    single, several = [], []
    for n in range(repetitions):
        for processes, found in ((1, single), (PROCESSES, several)):
            limits, recordings = _seconds_in_processes(processes, runs, n, folder)
            found.append(recordings / limits)
    what = f"{PROCESSES} processes on one spool: the ratio to L, with L in as many processes"
    yield row(what, ratios(several, single), limit="the ratio of one process", at_most=1.3)


def _seconds_in_processes(processes: int, runs: int, repetition: int, folder: str) -> tuple[float, float]:
    """Return the seconds of all processes together for L, and for recording."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(processes, timeout=_PATIENCE), context.SimpleQueue()
    arguments = (barrier, results, runs, repetition, folder)
    started = [context.Process(target=_one_process, args=arguments) for _ in range(processes)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    if any(process.exitcode for process in started):
        raise RuntimeError("a process that records could not begin, or failed: see what it said")
    found = [results.get() for _ in started]
    return sum(limit for limit, _ in found), sum(recording for _, recording in found)


def _one_process(barrier: Any, results: Any, runs: int, repetition: int, folder: str) -> None:
    # L has a file for each process, too: appending to one together would wait for each other, and cost more
    descriptor = os.open(f"{folder}/limit-{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    tcc.configure(spool_dir=f"{folder}/spool", max_bytes=1 << 40)
    tcc.run().prompt("the first record makes the segment").end()
    finished, inputs = finished_runs(runs, repetition), fresh_inputs(runs, repetition * runs)
    barrier.wait()
    limit = sum(seconds_of(partial(write_finished, descriptor), finished))
    barrier.wait()
    results.put((limit, sum(seconds_of(partial(record, tcc), inputs))))
