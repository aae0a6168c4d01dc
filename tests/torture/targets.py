"""One server that a spool is delivered to, with its books, and the uploaders that send to it and are killed."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import environ
from pathlib import Path
from typing import NamedTuple

from support import children
from support.faults import KEY
from support.worlds import PATIENCE, upload, wait_until
from torture.firewall import Firewall
from torture.observatory import Observatory, is_unexplained, served
from torture.stations import DAEMON

NOWHERE = "http://127.0.0.1:9"


class Uploader(NamedTuple):
    """A process that sends, the number by which its target knows it, and the log's size when it was started."""

    process: subprocess.Popen[bytes]
    generation: int
    log_size: int


class Target:
    """A server by name; uploaders that come and go.  Nobody else has its ledger."""

    def __init__(self, name: str, folder: Path, seed: int, modes: Sequence[str], elsewhere: str) -> None:
        self.name, self.folder, self.modes = name, folder, modes
        self.firewall = Firewall(is_on=False)
        self.books = Observatory(elsewhere, KEY, seed, self.firewall)
        self.chance = random.Random(seed)  # noqa: S311 -- moments, no secrets
        self.kills = 0
        self.url = NOWHERE
        self._seed = seed
        self._generation = 0
        self._clean: set[int] = set()
        self._uploaders: list[Uploader] = []

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Run the server for the length of the block.  At its end no uploader is left."""
        with served(self.books) as server:
            self.url = server.url
            try:
                yield
            finally:
                for uploader in self._uploaders:
                    children.kill(uploader.process)

    @property
    def state(self) -> Path:
        """Where this target's ledger and letters are."""
        return self.folder / "state" / self.name

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def environment(self, url: str = NOWHERE) -> dict[str, str]:
        """Return the environment variables of every process that knows this target by this URL."""
        return {
            "PATH": environ["PATH"],
            "HOME": str(self.folder),
            "TCC_SPOOL_DIR": str(self.folder / "spool"),
            "TCC_STATE_DIR": str(self.folder / "state"),
            "TCC_TARGET": self.name,
            "TCC_API_KEY": KEY,
            "TCC_BASE_URL": url,
        }

    def start(self, *command: str, mode: str | None = None) -> Uploader:
        """Start an uploader, and treat it in this way; without a ``mode`` in the next one that is its turn."""
        self._generation += 1
        mode = mode or self.modes[(self._seed + self._generation) % len(self.modes)]
        self.books.expect(self._generation, mode)
        url = NOWHERE if mode == "down" else f"{self.url}/g{self._generation}"
        with self._log.open("ab") as log:
            log_size = log.tell()
            program = [sys.executable, "-c", DAEMON, *command]
            process = children.start(program, env=self.environment(url), stdout=log, stderr=log)
        uploader = Uploader(process, self._generation, log_size)
        self._uploaders.append(uploader)
        return uploader

    def wait_for_first_line(self, daemon: Uploader) -> None:
        """Wait until a daemon has said something: now it handles signals, and begins to read."""
        wait_until(lambda: self._log.stat().st_size > daemon.log_size, "a daemon's first line")

    def wait_for(self, uploader: Uploader, seconds: float) -> None:
        """Wait until an uploader has sent something, or has ended; but not for long: there may be nothing to send."""
        deadline = time.monotonic() + seconds
        while self.books.latest < uploader.generation and uploader.process.poll() is None:
            if time.monotonic() > deadline:
                return
            time.sleep(0.005)

    def kill(self, uploader: Uploader, codes: Sequence[int] = ()) -> None:
        """Kill an uploader, unless it has ended by itself, which it may with one of these codes."""
        uploader.process.send_signal(signal.SIGKILL)
        code = uploader.process.wait()
        self.books.forget(uploader.generation)
        if code == -signal.SIGKILL:
            self.kills += 1
        else:
            self._ended(uploader, codes)

    def stop(self, daemon: Uploader) -> None:
        """End a daemon in good order."""
        daemon.process.terminate()
        self.finish(daemon)

    def finish(self, uploader: Uploader, codes: Sequence[int] = (0,)) -> None:
        """Wait for the end of an uploader, which must be one of these exit codes."""
        uploader.process.wait(timeout=PATIENCE)
        self.books.forget(uploader.generation)
        self._ended(uploader, codes)

    def _ended(self, uploader: Uploader, codes: Sequence[int]) -> None:
        code = uploader.process.returncode
        assert code in codes, f"an uploader to {self.name} ended with {code}"
        self._clean.add(uploader.generation)

    def deliver(self, keys: set[tuple[str, str]], after: str) -> Uploader:
        """Start a daemon whom nobody hinders, and wait until all of these have been stored, or held back."""
        daemon = self.start("daemon", "--after", after, mode="ok")
        self.wait_for_first_line(daemon)
        receipts = self.books.receipts
        wait_until(
            lambda: self.firewall.explains(keys - receipts.keys()),
            f"every record at {self.name}",
            progress=lambda: len(receipts),
        )
        return daemon

    def ask(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command that sends nothing.  What it says is kept beside the log."""
        done = upload(self.environment(), *command)
        with (self.folder / f"{self.name}.said").open("a") as said:
            said.write(done.stdout + done.stderr)
        return done

    @property
    def unexplained(self) -> int:
        """How many items came again without a reason."""
        return sum(is_unexplained(times, self._clean) for times in self.books.receipts.values())
