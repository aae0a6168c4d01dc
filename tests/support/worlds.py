"""A spool for one test, and real processes that use it: agents, the sandbox server, the daemon."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import children

TCC_UPLOAD = str(Path(sys.executable).with_name("tcc-upload"))


PATIENCE = 100.0
"""Seconds that a test waits for something before it fails: long, because the machine may be busy."""


def upload(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a ``tcc-upload`` command to its end."""
    command = [TCC_UPLOAD, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE)


def wait_until(
    condition: Callable[[], object],
    what: str,
    seconds: float = PATIENCE,
    progress: Callable[[], object] = lambda: None,
) -> None:
    """Wait until ``condition()`` is true; after ``seconds`` without ``progress()`` fail with a message about ``what``.

    ``progress()`` returns something that changes while the wait is not in vain.
    """
    deadline, before = time.monotonic() + seconds, progress()
    while not condition():
        if (now := progress()) != before:
            deadline, before = time.monotonic() + seconds, now
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.01)


@dataclass
class World:
    """A spool, a state directory and a sandbox server for one test."""

    folder: Path
    url: str

    @property
    def spool(self) -> Path:
        """The spool to which the agents write."""
        return self.folder / "spool"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of every process in this world."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TCC_SPOOL_DIR": str(self.spool),
            "TCC_STATE_DIR": str(self.folder / "state"),
            "TCC_TARGET": "here",
            "TCC_API_KEY": "key-of-this-world",
            "TCC_BASE_URL": self.url,
        }

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a process; its standard output is a pipe."""
        return children.start(command, env=self.environment, stdout=subprocess.PIPE, text=True)

    def agent(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a Python program that records."""
        return self.start(sys.executable, "-c", program, *arguments)

    def daemon(self) -> subprocess.Popen[str]:
        """Start a daemon that removes what is delivered, and wait for its first line: after this it handles signals."""
        command = [TCC_UPLOAD, "daemon", "--after", "delete"]
        process = children.start(command, env=self.environment, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        process.stderr.readline()
        return process

    def upload(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a ``tcc-upload`` command to its end."""
        return upload(self.environment, *arguments)

    def receipts(self) -> dict[tuple[str, str], dict[str, int]]:
        """Return, for each (kind, id), how often each digest was received."""
        counts: dict[tuple[str, str], dict[str, int]] = {}
        with sqlite3.connect(f"{(self.folder / 'receipts').as_uri()}?mode=ro", uri=True) as database:
            rows = database.execute("SELECT kind, id, digest, count(*) FROM receipts GROUP BY kind, id, digest")
            for kind, ident, digest, times in rows:
                counts.setdefault((kind, ident), {})[digest] = times
        database.close()
        return counts

    def received(self, ids: set[str]) -> bool:
        """Whether runs with all these ids were received."""
        return ids <= {ident for kind, ident in self.receipts() if kind == "run"}


def stop(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> int:
    """Send a process a signal, wait for its end, and return its exit code."""
    process.send_signal(number)
    process.communicate(timeout=PATIENCE)
    return process.returncode


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give a world whose sandbox server runs."""
    sandbox = children.start(
        [TCC_UPLOAD, "sandbox", "--db", str(tmp_path / "receipts"), "--key", "key-of-this-world"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert sandbox.stdout is not None
    yield World(tmp_path, sandbox.stdout.readline().strip())
    assert stop(sandbox) == 0
