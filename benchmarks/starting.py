"""Starting a command of the uploader: processor time of a fresh process, from its start to its end."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.harness import Row, interleaved, ratios, row
from benchmarks.loopback import DOWN
from benchmarks.uploading import PROGRAM

_LIMIT = "python -c 'import click'"


def rows(quick: bool) -> Iterator[Row]:
    """Start each command by turns, with nothing to show and nothing to send."""
    with tempfile.TemporaryDirectory() as folder:
        spool, state = Path(folder, "spool"), Path(folder, "state")
        spool.mkdir()
        commands: dict[str, list[str | Path]] = {
            "python -c pass": [sys.executable, "-c", "pass"],
            _LIMIT: [sys.executable, "-c", "import click"],
            "--version": [PROGRAM, "--version"],
            "status": [PROGRAM, "status", "--spool", spool, "--state-dir", state],
            "replay": [PROGRAM, "replay", spool, "--state-dir", state],
        }
        measures = {what: partial(_processor_ms, command) for what, command in commands.items()}
        if not quick:
            interleaved(1, measures)  # fills the page cache, and the interpreter's cache of compiled files
        found = interleaved(1 if quick else 15, measures)
    limits = found[_LIMIT]
    yield row("python -c pass", found["python -c pass"], unit="ms")
    yield row(_LIMIT, limits, unit="ms")
    for command, goal in (("--version", 80), ("status", 200), ("replay", None)):
        what = f"tcc-upload {command}{' of an empty spool' if command != '--version' else ''}"
        yield row(what, found[command], unit="ms", at_most=goal)
        yield row(what, ratios(found[command], limits), limit=_LIMIT)


def _processor_ms(command: list[str | Path], _repetition: int) -> float:
    """Run a command to its end; return its processor time in milliseconds."""
    environment = os.environ | {"TCC_API_KEY": "benchmark", "TCC_BASE_URL": DOWN}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return 1e3 * (usage.ru_utime + usage.ru_stime)
