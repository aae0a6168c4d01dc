"""Processes that tests start.  None outlives its test, also when the test fails.

``start(command, …)`` takes what :class:`subprocess.Popen` takes.  The fixture :func:`no_child_is_left`, which every
test has, kills what is still running when the test ends, waits for it, and closes its pipes.
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


def start(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
    """Start a process in a session of its own, so that it can be killed together with what it forks."""
    process = subprocess.Popen(command, start_new_session=True, **options)
    _started.add(process)
    return process


def kill(process: subprocess.Popen[Any]) -> None:
    """Kill a process and its forked children; wait for it; close its pipes.  It may have ended already."""
    _started.discard(process)
    if process.poll() is None:  # while it is not waited for, its number is nobody else's
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):  # of what was not sent yet
                pipe.close()


def kill_all() -> None:
    """Kill everything that was started here and may still run."""
    while _started:
        kill(_started.pop())


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    """End, after each test, what it started."""
    try:
        yield
    finally:
        kill_all()
