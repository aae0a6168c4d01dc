"""Starts processes for tests, and kills each when its test ends, also if the test fails.

``start(command, …)`` takes the arguments of :class:`subprocess.Popen`.  The fixture :func:`no_child_is_left`, which
every test has, kills the processes that still run, waits for them, and closes their pipes.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

_started: set[subprocess.Popen[Any]] = set()
_lasting: list[subprocess.Popen[Any]] = []


def start(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
    """Start a process in a new session, so that it can be killed together with its children."""
    process = subprocess.Popen(command, start_new_session=True, **options)
    _started.add(process)
    return process


def start_lasting(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
    """Start a process that outlives the test: a fixture of a longer life must kill it, by the id of its group."""
    process = subprocess.Popen(command, start_new_session=True, **options)
    _lasting.append(process)
    return process


def kill(process: subprocess.Popen[Any]) -> None:
    """Kill a process, which may have ended already, and its children; wait for it, and close its pipes."""
    _started.discard(process)
    if process.poll() is None:  # before wait(), no other process can get its pid
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):  # close() flushes unsent bytes
                pipe.close()


def kill_all() -> None:
    """Kill all processes that :func:`start` started and that may still run."""
    while _started:
        kill(_started.pop())


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    """After each test, kill the processes that it started."""
    try:
        yield
    finally:
        kill_all()
