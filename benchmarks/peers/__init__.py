"""Other ways to record a run offline, in the agent's thread, from fresh strings.

Each is a module of this package with ``recorder(folder)``, which returns what records one run.  It runs in a process
and in a virtual environment of the peers' own, and measures L beside itself.
"""

import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import loopback
from benchmarks.agent import Input
from benchmarks.harness import Row, ratios, row, seconds_of, unmeasured
from benchmarks.limit import finished_runs, write_finished
from benchmarks.standard_run import fresh_inputs

_ROOT = Path(__file__).parents[2]
_VENV = Path(__file__).parents[1] / ".peers"
_PEERS = {  # by module: what it is, and what has to be installed for it
    "json_lines": ("json.dumps, open, append, close", []),
    "file_per_run": ("a file per run: json.dumps, temporary name, rename", []),
    "contextcompany_alone": ("contextcompany, its builders alone", ["contextcompany==2.0.0"]),
    "contextcompany_sending": ("contextcompany, a server that answers at once", ["contextcompany==2.0.0"]),
    "opentelemetry_file": (
        "OpenTelemetry SDK, batches to an OTLP JSON file",
        ["opentelemetry-sdk", "opentelemetry-exporter-otlp-json-file"],
    ),
    "persist_queue": ("persist-queue, SQLite", ["persist-queue"]),
    "langfuse_down": ("langfuse, server down", ["langfuse"]),
    "langsmith_down": ("langsmith, server down", ["langsmith"]),
    "opik_down": ("opik, server down", ["opik"]),
    "wandb_offline": ("wandb, offline", ["wandb"]),
    "mlflow_files": ("mlflow, file store", ["mlflow-skinny"]),
}
_BUDGET = 10.0
"""Seconds that a peer may record for, all its repetitions together: a slow one records fewer runs."""
_PATIENCE = 120.0
"""Seconds until a peer, or its installation, is given up on."""


def rows(quick: bool) -> Iterator[Row]:
    """Measure one peer after the other; with ``quick`` only those that need no installation."""
    repetitions, runs = (2, 20) if quick else (5, 500)
    python = sys.executable if quick else _python_of_peers()
    with loopback.answering() as url:
        environment = {**os.environ, "TCC_BASE_URL": url, "TCC_API_KEY": "benchmark"}
        for module, (what, packages) in _PEERS.items():
            if packages and quick:
                yield unmeasured(what, "--quick installs nothing")
                continue
            try:
                _pip_install(python, packages)
                limits, figures = _measured(python, module, repetitions, runs, environment)
            except subprocess.TimeoutExpired:
                yield unmeasured(what, f"not done after {_PATIENCE:.0f} s")
            except subprocess.CalledProcessError as error:
                yield unmeasured(what, (error.stderr.strip().splitlines() or [f"exit code {error.returncode}"])[-1])
            else:
                yield row(what, ratios(figures, limits), limit="L")


def measure(module: str, repetitions: int, runs: int, result: Path) -> None:
    """Write a peer's medians, and L's, to ``result`` (in the peer's own process)."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # threads of the peer may write still
        limit = partial(write_finished, os.open(f"{folder}/limit", os.O_WRONLY | os.O_CREAT | os.O_APPEND))
        record = importlib.import_module(f"benchmarks.peers.{module}").recorder(folder)
        seconds_of(record, fresh_inputs(3))  # what happens once has happened
        limits, figures = [], []
        for n in range(repetitions):
            limits.append(statistics.median(seconds_of(limit, finished_runs(runs, n))))
            inputs = _for_seconds(_BUDGET / repetitions, fresh_inputs(runs, n * runs))
            figures.append(statistics.median(seconds_of(record, inputs)))
        result.write_text(json.dumps([limits, figures]))


def _measured(python: str, module: str, repetitions: int, runs: int, environment: dict[str, str]) -> Any:
    """Return the medians of L and of the peer, one per repetition.

    Raises CalledProcessError if the peer fails, TimeoutExpired if it takes too long.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "result")
        command = [python, "-m", "benchmarks.peers", module, str(repetitions), str(runs), str(result)]
        subprocess.run(
            command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=True, timeout=_PATIENCE
        )
        return json.loads(result.read_text())


def _for_seconds(seconds: float, inputs: Iterable[Input]) -> Iterator[Input]:
    ends = time.monotonic() + seconds
    for value in inputs:
        yield value
        if time.monotonic() > ends:
            return


def _python_of_peers() -> str:
    """Return the interpreter of the peers' virtual environment, made if there is none."""
    python = str(_VENV / "bin" / "python")
    if not _VENV.exists():
        venv.create(_VENV, with_pip=True)
    _pip_install(python, ["orjson"])
    return python


def _pip_install(python: str, packages: list[str]) -> None:
    if packages:
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE)
