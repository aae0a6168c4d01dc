"""Runs ``tcc-upload`` in a process of its own, forked from one that has imported it already: a tenth of the time.

A command is the real one, with its own environment, directory, output and exit code; only the interpreter's start and
the imports are shared.  What a fresh interpreter does is tried by tests that start one.
"""

import io
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Final, NamedTuple

_COMMANDS: Final = ("replay", "bundle", "status", "verify", "runs", "show", "report", "dead", "doctor", "progress")
_CONTEXT: Final[ForkServerContext] = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [*(f"tcc_uploader.cli.{name}" for name in ("main", *_COMMANDS)), "tcc_uploader.ledger.postgres.store"]
)


class Done(NamedTuple):
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


def run_command(
    arguments: Sequence[str | Path], environment: Mapping[str, str], *, folder: Path, timeout: float
) -> Done:
    """Run the command to its end.  Raises TimeoutError."""
    with tempfile.TemporaryDirectory() as place:
        outputs = [Path(place, name) for name in ("stdout", "stderr")]
        process = _CONTEXT.Process(
            target=_become, args=([*map(os.fspath, arguments)], dict(environment), folder, outputs)
        )
        process.start()
        code = _ended(process, timeout)
        return Done(code, *(output.read_text(errors="surrogateescape") for output in outputs))


def _ended(process: ForkServerProcess, timeout: float) -> int:
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"the command did not end within {timeout} s")
    return process.exitcode


def _become(arguments: list[str], environment: dict[str, str], folder: Path, outputs: list[Path]) -> None:
    """Be the command."""
    for number, output in enumerate(outputs, 1):
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdout, sys.stderr = (io.TextIOWrapper(io.FileIO(number, "w", closefd=False)) for number in (1, 2))
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    sys.argv = ["tcc-upload", *arguments]
    from tcc_uploader.cli.main import run  # noqa: PLC0415 -- in the process that runs it

    run()
