"""Real processes for one test: a daemon that scans often, commands, and programs that record."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support import children
from support.faults import KEY, FaultServer
from support.worlds import PATIENCE, upload

DAEMON = """
from functools import partial
from tcc_uploader.cli import daemon
from tcc_uploader.delivery.engine import Engine, Limits
from tcc_uploader.spool import removal
daemon.Engine = partial(Engine, limits=Limits(rescan=0.3))
removal.ABANDONED_AFTER = 5.0
from tcc_uploader.cli.main import run
run()
"""
"""Scans follow each other closely, so that kills meet removals, too."""

BECOME = """
import os, sys
import httpx, tcc_recorder
import tcc_uploader.spool.watch
from tcc_uploader.cli import daemon, dead, main, replay, status, verify
from tcc_uploader.settings_file import TomlFile
TomlFile()  # the first model that is built loads more of pydantic
import watchdog.observers.inotify, watchdog.observers.polling
import encodings.ascii, encodings.idna, encodings.latin_1
httpx.Client().close()  # what is loaded late may lie where nobody else may read
user, group, *others = map(int, os.environ["BECOME"].split())
os.setgroups(others)
os.setgid(group)
os.setuid(user)
"""
"""Import everything, then become another user: BECOME holds user, group and further groups."""


class Station:
    """A spool and a state, and a server that may be told to misbehave."""

    def __init__(self, folder: Path, server: FaultServer) -> None:
        self.folder, self.server = folder, server
        self.spool, self.state, self.log = folder / "spool", folder / "state" / "here", folder / "daemon.log"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of every process here."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TCC_SPOOL_DIR": str(self.spool),
            "TCC_STATE_DIR": str(self.state.parent),
            "TCC_TARGET": self.state.name,
            "TCC_API_KEY": KEY,
            "TCC_BASE_URL": self.server.url,
        }

    def start(self, program: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a Python program; what it says goes to the log."""
        with self.log.open("ab") as log:
            command = [sys.executable, "-c", program, *arguments]
            return children.start(command, env={**self.environment, **environment}, stderr=log, stdout=log)

    @contextmanager
    def daemon(self, program: str = DAEMON, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run the daemon for the length of the block.  It must still run at the end, and exit with 0 on SIGTERM."""
        process = self.start(program, "daemon", "--after", "delete", **environment)
        try:
            yield process
            assert process.poll() is None, self.log.read_text()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE) == 0, self.log.read_text()
        finally:
            children.kill(process)
        assert "Traceback" not in self.log.read_text()

    def run(self, program: str, *arguments: str, code: int = 0, **environment: str) -> None:
        """Run a Python program to its end."""
        assert self.start(program, *arguments, **environment).wait(timeout=PATIENCE) == code, self.log.read_text()

    def upload(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return upload(self.environment, *arguments)

    @property
    def received(self) -> set[str]:
        """The ids that the server has."""
        return {ident for ids in self.server.ids for ident in ids}
