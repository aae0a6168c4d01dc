"""Runs the ``tcc-upload`` command in real processes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support import children
from support.commands import run_command
from support.faults import KEY, FaultServer
from support.worlds import PATIENCE

COMMAND = Path(sys.executable).with_name("tcc-upload")


class Shell:
    """Runs the command with one test's settings, and keeps everything that it printed."""

    def __init__(self, folder: Path, server: FaultServer) -> None:
        self.spool = folder / "spool"
        self.state = folder / "state" / "here"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TCC_API_KEY": KEY,
            "TCC_BASE_URL": server.url,
            "TCC_SPOOL_DIR": str(self.spool),
            "TCC_STATE_DIR": str(self.state.parent),
            "TCC_TARGET": self.state.name,
        }
        self.printed = ""

    def run(self, *arguments: str | Path, code: int | None = 0, **environment: str) -> str:
        """Run a command to its end, check its exit code (None: any), and return its standard output."""
        done = run_command(arguments, self.environment | environment, folder=Path.cwd(), timeout=PATIENCE)
        self.printed += done.stdout + done.stderr
        assert code in (done.returncode, None), done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def run_anyhow(self, *arguments: str | Path) -> None:
        """Run a command to its end, whatever its exit code, and keep what it printed."""
        done = run_command(arguments, self.environment, folder=self.spool.parent, timeout=PATIENCE)
        self.printed += done.stdout + done.stderr
        assert "Traceback" not in self.printed

    def json(self, *arguments: str | Path, code: int | None = 0, **environment: str) -> dict[str, object]:
        """Run a command with ``--json``; return the printed object."""
        value = json.loads(self.run(*arguments, "--json", code=code, **environment))
        assert isinstance(value, dict)
        return value

    def json_list(self, *arguments: str | Path) -> list[dict[str, object]]:
        """Run a command with ``--json``; return the printed list."""
        value = json.loads(self.run(*arguments, "--json"))
        assert isinstance(value, list)
        return value

    def status(self, **environment: str) -> Any:
        """Return what ``status --json`` tells, whatever it makes of that."""
        return self.json("status", code=None, **environment)

    def status_text(self, **environment: str) -> str:
        """Return what ``status`` prints, whatever it makes of that."""
        return self.run("status", code=None, **environment)

    @contextmanager
    def daemon(self, *arguments: str, end: int = signal.SIGTERM, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """Run the daemon in the block; then send it the signal ``end``, and check that it exits with code 0.

        It removes what is delivered, unless ``--after`` is among the arguments.
        """
        process = children.start(
            [COMMAND, "daemon", *(() if "--after" in arguments else ("--after", "delete")), *arguments],
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        try:
            self.printed += process.stdout.readline()  # after its first line it handles signals
            yield process
            process.send_signal(end)
            printed, _ = process.communicate(timeout=PATIENCE)
            self.printed += printed
            assert process.returncode == 0, printed
            assert "Traceback" not in printed
        finally:
            children.kill(process)

    def files(self) -> Mapping[Path, bytes]:
        """Return the content of every file in the state directory, by path."""
        return {path: path.read_bytes() for path in self.state.rglob("*") if path.is_file()}
