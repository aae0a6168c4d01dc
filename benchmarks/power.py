"""What surviving a loss of power costs: syncs per record, counted by strace."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Row, row, unmeasured

_PROGRAM = """
import sys
from concurrent.futures import ThreadPoolExecutor
import tcc_recorder as tcc
from benchmarks.agent import record
from benchmarks.standard_run import fresh_inputs
threads, runs = int(sys.argv[1]), int(sys.argv[2])
with ThreadPoolExecutor(threads) as pool:
    list(pool.map(lambda x: record(tcc, x), fresh_inputs(runs)))
"""
_THREADS = 8


def rows(quick: bool) -> Iterator[Row]:
    """Count with one thread, where each end() stands alone, and with several that can share a sync."""
    alone, shared = "fdatasyncs per record, durability power", f"the same, {_THREADS} threads"
    if not shutil.which("strace"):
        yield unmeasured(alone, "strace is not installed")
        yield unmeasured(shared, "strace is not installed")
        return
    repetitions, runs = (1, 40) if quick else (5, 1000)
    found = [(_syncs(1, runs) / runs, _syncs(_THREADS, runs) / runs) for _ in range(repetitions)]
    yield row(alone, [figure for figure, _ in found], unit="", at_most=1)
    together = row(shared, [figure for _, figure in found], unit="")
    yield together._replace(goal="< 1", holds=max(figure for _, figure in found) < 1)


def _syncs(threads: int, runs: int) -> int:
    """Return how often a program that records so many runs calls fdatasync."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace")
        environment = {"PYTHONPATH": ":".join(sys.path), "TCC_SPOOL_DIR": f"{folder}/spool", "TCC_DURABILITY": "power"}
        command = ["strace", "-f", "-e", "trace=fdatasync", "-o", str(trace), sys.executable, "-c", _PROGRAM]
        subprocess.run([*command, str(threads), str(runs)], env=environment, check=True, timeout=300)
        return trace.read_text().count("fdatasync(")
