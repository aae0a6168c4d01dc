"""Recorders and daemons are killed, thousands of them, beside a server that misbehaves; then the books are compared.

The campaign is cut into worlds, each with a spool, a state and a server of its own.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from support import children
from support.faults import KEY, FaultServer
from support.worlds import PATIENCE, TCC_UPLOAD, wait_until
from torture.observatory import MODES, Key, Observatory, served, unexplained
from torture.stations import DAEMON

KILLER = Path(__file__).with_name("killer.py")
NOWHERE = "http://127.0.0.1:9"


@dataclass
class KillFigures:
    """The figures of a campaign."""

    recorder_kills: int = 0
    daemon_kills: int = 0
    recorded: int = 0
    """Runs, steps, tool calls and feedback for which the call had returned."""
    lost: int = 0
    receipts: int = 0
    repeated: int = 0
    """Receipts beyond the first, each explained by a kill or a lost answer."""
    unexplained: int = 0
    most: int = 0
    """Receipts of the item that came most often."""
    seconds: float = 0.0
    acts: Counter[str] = field(default_factory=Counter)
    exits: Counter[int] = field(default_factory=Counter)
    """Exit codes of ``tcc-upload verify``."""

    @property
    def kills(self) -> int:
        """Kills of both kinds."""
        return self.recorder_kills + self.daemon_kills

    def add(self, other: "KillFigures") -> None:
        """Add the figures of another world."""
        for name in ("recorder_kills", "daemon_kills", "recorded", "lost", "receipts", "repeated", "unexplained"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.most = max(self.most, other.most)
        self.acts += other.acts
        self.exits += other.exits


class KillWorld:
    """One spool, one state, one server; daemons that come and go."""

    def __init__(self, folder: Path, seed: int, modes: Sequence[str] = MODES) -> None:
        self.folder = folder
        self.modes = modes
        """How the server treats one daemon after the other: all of them in turn, from anywhere on."""
        self.chance = random.Random(seed)  # noqa: S311 -- moments, no secrets
        self.figures = KillFigures()
        self._seed = seed
        self._generation = 0
        self._killers: list[subprocess.Popen[bytes]] = []
        self._daemons: list[subprocess.Popen[bytes]] = []

    @property
    def spool(self) -> Path:
        """Where the recorders write."""
        return self.folder / "spool"

    def run(self, recorder_kills: int, killers: int = 2, pause: float = 0.1) -> KillFigures:
        """Kill so many recorders, and daemons meanwhile; deliver the rest; compare.  Raises AssertionError."""
        self.folder.mkdir(parents=True)
        with FaultServer() as elsewhere:
            self.books = Observatory(elsewhere.url, KEY, self._seed)
            with served(self.books) as self.server:
                self._start_killers(recorder_kills, killers, pause)
                try:
                    while any(killer.poll() is None for killer in self._killers):
                        self._kill_a_daemon()
                    self._check(self._deliver_the_rest())
                finally:
                    for process in (*self._killers, *self._daemons):
                        children.kill(process)
            assert elsewhere.connections == 0, "a redirect was followed"
        assert not self.books.faults, self.books.faults
        return self.figures

    def _start_killers(self, kills: int, number: int, pause: float) -> None:
        shares = [kills // number + (index < kills % number) for index in range(number)]
        for index, share in enumerate(shares):
            with (self.folder / f"told-{index}").open("wb") as told:
                command = [sys.executable, str(KILLER), str(share), str(pause), str(self._seed * 100 + index)]
                self._killers.append(children.start(command, env=self._environment(NOWHERE), stdout=told))

    def _environment(self, url: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TCC_SPOOL_DIR": str(self.spool),
            "TCC_STATE_DIR": str(self.folder / "state"),
            "TCC_TARGET": "here",
            "TCC_API_KEY": KEY,
            "TCC_BASE_URL": url,
        }

    def _daemon(self, mode: str) -> subprocess.Popen[bytes]:
        self._generation += 1
        self.books.expect(self._generation, mode)
        url = NOWHERE if mode == "down" else f"{self.server.url}/g{self._generation}"
        with (self.folder / "daemon.log").open("ab") as log:
            command = [sys.executable, "-c", DAEMON, "daemon", "--after", "delete"]
            daemon = children.start(command, env=self._environment(url), stderr=log)
        self._daemons.append(daemon)
        return daemon

    def _kill_a_daemon(self) -> None:
        daemon = self._daemon(self.modes[(self._seed + self._generation) % len(self.modes)])
        if self.chance.random() < 0.8:  # the others die somewhere in their start
            deadline = time.monotonic() + 2.0
            while self.books.latest < self._generation and time.monotonic() < deadline:
                time.sleep(0.005)
        time.sleep(self.chance.uniform(0.0, 0.9))  # not a wait for anything: the moment of the kill is what varies
        daemon.send_signal(signal.SIGKILL)
        assert daemon.wait() == -signal.SIGKILL, "the daemon ended by itself"
        self.books.forget(self._generation)
        self.figures.daemon_kills += 1

    def _deliver_the_rest(self) -> set[Key]:
        told: set[Key] = set()
        for file in self.folder.glob("told-*"):
            for kind, _, ident in (line.partition(":") for line in file.read_text().split()):
                if kind == "kills":
                    self.figures.recorder_kills += int(ident)
                else:
                    told.add((kind, ident))
        assert all(killer.wait() == 0 for killer in self._killers)
        daemon = self._daemon("ok")
        wait_until(lambda: told <= self.books.receipts.keys(), "every record")
        wait_until(lambda: not list(self.spool.iterdir()), "an empty spool")
        daemon.terminate()
        assert daemon.wait(timeout=PATIENCE) == 0
        return told

    def _check(self, told: set[Key]) -> None:
        figures, receipts = self.figures, self.books.receipts
        figures.recorded = len(told)
        figures.lost = len(told - receipts.keys())
        figures.receipts = sum(map(len, receipts.values()))
        figures.repeated = figures.receipts - len(receipts)
        figures.unexplained = sum(map(unexplained, receipts.values()))
        figures.most = max(map(len, receipts.values()))
        figures.acts = self.books.acts
        assert not figures.lost
        assert not figures.unexplained, [times for times in receipts.values() if unexplained(times)][:3]
        for key, times in receipts.items():
            lost = sum(receipt.lost for receipt in times)
            assert len(times) <= 1 + figures.daemon_kills + lost, key
            assert len({receipt.digest for receipt in times}) == 1, key
        assert not list((self.folder / "state" / "here").glob("dead/*.json"))
        verify = subprocess.run(
            [TCC_UPLOAD, "verify"], env=self._environment(NOWHERE), check=False, capture_output=True, text=True
        )
        figures.exits[verify.returncode] += 1
        assert verify.returncode in (0, 65), verify.stdout + verify.stderr


def run_kills(
    kills: int, folder: Path, *, at_once: int = 250, seed: int = 1, modes: Sequence[str] = MODES
) -> KillFigures:
    """Kill at least so many processes, recorders and daemons together."""
    total, began = KillFigures(), time.monotonic()
    number = 0
    while total.kills < kills:
        number += 1
        place = folder / f"world-{number}"
        total.add(KillWorld(place, seed + 7 * number, modes).run(min(at_once, kills - total.kills)))
        shutil.rmtree(place)  # one that failed stays, to be looked at
        total.seconds = time.monotonic() - began
        rate = f"{total.kills:,} kills, {total.daemon_kills:,} of daemons, in {total.seconds:,.0f} s"
        print(f"world {number}: {rate}; {total.recorded:,} recorded, {total.lost} lost", flush=True)  # noqa: T201
    return total
