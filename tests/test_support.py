"""What tests rest on: a clock that waits for answers, and children that obey signals and outlive no test."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from support import children
from support.environment import bare_environment
from support.faults import FaultServer, Reply, SegmentFile, hold
from support.rigging import Rig, rig, server
from support.worlds import PATIENCE
from tcc_uploader.delivery.engine import Engine

__all__ = ["bare_environment", "rig", "server"]

TESTS = Path(__file__).parent


def pytest_run(*arguments: str | Path, first: str = ":") -> subprocess.CompletedProcess[str]:
    """Run pytest in a process of its own, started by a shell after the command ``first``."""
    command = ["/bin/sh", "-c", f'{first}; exec "$@"', "sh", sys.executable, "-m", "pytest", "-q"]
    options = ["-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *options, *arguments],
        cwd=TESTS.parent,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def test_the_simulated_clock_stands_still_while_an_answer_is_late(rig: Rig, server: FaultServer) -> None:
    """However long an answer takes in real time, it comes at the simulated moment at which its request was sent."""
    SegmentFile().run("r1").write(rig.spool)
    release = threading.Event()
    server.behaviour = lambda _: hold(release, Reply())
    looks: list[float] = []

    def until(engine: Engine) -> object:
        if server.requests and not engine.settlement.total.delivered:
            looks.append(rig.time.now)
            if len(looks) == 10:
                release.set()
        return engine.settlement.total.delivered

    rig.daemon(until)
    assert len(looks) >= 10
    assert len(set(looks)) == 1


def test_a_child_that_is_interrupted_ends() -> None:
    """A process that a test starts obeys SIGINT as one does that a user starts."""
    child = children.start(
        [sys.executable, "-c", "print('ready', flush=True); input()"], stdin=-1, stdout=-1, stderr=-1
    )
    assert child.stdout.readline() == b"ready\n"
    child.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in child.communicate(timeout=PATIENCE)[1]
    assert child.returncode == -signal.SIGINT


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_child_obeys_sigint_also_when_the_suite_was_started_with_it_ignored(workers: str) -> None:
    """A shell that runs ``make test &`` ignores SIGINT for all that it starts; here and in xdist's workers it ends."""
    name = test_a_child_that_is_interrupted_ends.__name__
    done = pytest_run("-n", workers, f"{__file__}::{name}", first="trap '' INT")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_child_of_a_test_that_fails_is_killed_and_its_pipes_are_closed(tmp_path: Path) -> None:
    """Neither it nor what it forked lives on, and no open pipe is found in a later test."""
    lock = tmp_path / "lock"
    (tmp_path / "test_fails.py").write_text(f"""
import gc, sys
from support import children

PROGRAM = '''
import fcntl, os, signal
file = open({str(lock)!r}, "w")
fcntl.flock(file, fcntl.LOCK_EX)
os.fork()
os.write(1, b"ready\\\\n")
signal.pause()
'''

def test_fails():
    child = children.start([sys.executable, "-c", PROGRAM], stdin=-1, stdout=-1, stderr=-1)
    assert child.stdout.readline() + child.stdout.readline() == b"an answer"

def test_later():
    gc.collect()
""")
    done = pytest_run("-W", "error", "--rootdir", tmp_path, "-p", "support.children", tmp_path / "test_fails.py")
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # waits for ever if a process lives that has it
