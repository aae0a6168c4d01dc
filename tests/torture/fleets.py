"""Daemons that share a ledger are killed and frozen, their connections and database fail; then the books are compared.

Each daemon has a copy of the spool.  An episode: a segment is put into each copy, and while it is sent one thing fails;
when all of it is delivered, what came twice is compared with what that failure may cost.  A lease of a minute is not
waited for: the database is told that it is over, which is what the others see when it is.
"""

import random
import signal
import subprocess
import time
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from support import children, pg_proxy
from support.faults import FaultServer, Reply, Request, SegmentFile
from support.fleet import Fleet, Machine
from support.pg_proxy import Proxy
from support.postgres import Postgres
from support.shell import COMMAND
from support.worlds import PATIENCE, wait_until

WORKERS: Final = 3
RUNS: Final = 60
UNDER_WAY: Final = 48 + 100
"""What an event may send twice at most: records in flight, and what was answered since the last commit."""
WORST: Final = {
    "nothing": 0,
    "killed": UNDER_WAY,
    "frozen": UNDER_WAY,
    "connections ended": 0,
    "cut before a commit": 0,
    "cut after a commit": 0,
    "database crashed": UNDER_WAY * WORKERS,
}
"""Each event, with the most records that may be received twice because of it."""


@dataclass
class FleetFigures:
    """What a campaign counted."""

    events: Counter[str] = field(default_factory=Counter)
    twice: Counter[str] = field(default_factory=Counter)
    """By event: how many records were received again."""
    most: Counter[str] = field(default_factory=Counter)
    """By event: the most that were received again for one of them."""
    records: int = 0
    poison: int = 0
    """Records that the server refuses."""
    lost: int = 0
    unexplained: int = 0
    """Records that were received again beyond what the event may cost."""
    altered: int = 0
    """Segments whose counts are wrong, and letters that are missing or too many."""
    seconds: float = 0.0


class FleetWorld:
    """Daemons, the server to which they deliver, and the database that they share."""

    def __init__(self, folder: Path, server: FaultServer, postgres: Postgres, proxy: Proxy, seed: int) -> None:
        self._fleet = Fleet(folder, server, postgres)
        self._server, self._postgres, self._proxy = server, postgres, proxy
        self._chance = random.Random(seed)  # noqa: S311 -- a seed repeats it
        self._url = f"postgresql://owner@/{self._fleet.database}?host={proxy.folder}"
        self._machines: list[Machine] = []
        self._episodes: list[tuple[str, int]] = []
        """The event of each, and the number of its first record."""
        self._daemons: list[subprocess.Popen[str]] = []
        self._events: Mapping[str, Callable[[], None]] = {
            "nothing": lambda: None,
            "killed": self._kill,
            "frozen": self._freeze,
            "connections ended": self._end_connections,
            "cut before a commit": lambda: self._cut("before"),
            "cut after a commit": lambda: self._cut("after"),
            "database crashed": self._crash,
        }
        self.figures = FleetFigures()
        server.behaviour = self._answer

    def run(self, events: int) -> FleetFigures:
        """Let so many things happen, each kind in turn."""
        began = time.monotonic()
        for number in range(WORKERS):
            self._machines.append(machine := self._fleet.machine(self._url))
            machine.spool = self._fleet.folder / f"spool{number}"
            machine.spool.mkdir()
            machine.environment["TCC_SPOOL_DIR"] = str(machine.spool)
            self._daemons.append(self._start(machine))
        for number in range(events):
            self._episode(list(self._events)[number % len(self._events)])
        for daemon in self._daemons:
            daemon.send_signal(signal.SIGTERM)
        for daemon in self._daemons:
            assert daemon.wait(PATIENCE) == 0
        self._compare_books()
        self.figures.seconds = time.monotonic() - began
        return self.figures

    def _episode(self, event: str) -> None:
        wait_until(self._all_alive, "the daemons")
        self._episodes.append((event, self.figures.records))
        self._record(RUNS, self._machines, poison=self._chance.randrange(RUNS))
        self._server.wait_for(lambda: len(self._fleet.receipts()) > self.figures.records - RUNS * 4 // 5)
        self._events[event]()
        wait_until(self._all_settled, f"the end of what follows {event}")

    def _record(self, runs: int, machines: Sequence[Machine], poison: int | None = None) -> None:
        """Put a segment into the spools of some machines; the server refuses the run with the number ``poison``."""
        segment = SegmentFile()
        for run in range(runs):
            segment.run(f"{'poison' if run == poison else 'run'}-{self.figures.records + run}")
        segment.seal()
        for machine in machines:
            segment.write(machine.spool, f"20260131t120000z-{self.figures.records:016x}.jsonl")
        self.figures.records += runs
        self.figures.poison += poison is not None

    def _answer(self, request: Request) -> Reply:
        time.sleep(0.005)
        return Reply(422 if request.ids[0].startswith("poison") else 200)

    def _count_again(self) -> None:
        """Count what was received again for the event in whose episode it was recorded: it may come a moment later."""
        again: Counter[int] = Counter()
        firsts = [first for _, first in self._episodes]
        for ident, times in self._fleet.receipts().items():
            if not ident.startswith("poison"):
                again[bisect(firsts, int(ident.rpartition("-")[2])) - 1] += times - 1
        for number, (event, _) in enumerate(self._episodes):
            self.figures.events[event] += 1
            self.figures.twice[event] += again[number]
            self.figures.most[event] = max(self.figures.most[event], again[number])
            self.figures.unexplained += max(0, again[number] - WORST[event])

    def _all_alive(self) -> bool:
        assert all(daemon.poll() is None for daemon in self._daemons)
        return self._fleet.rows("SELECT count(*) FROM tcc.worker WHERE until > statement_timestamp()") == [(WORKERS,)]

    def _all_settled(self) -> bool:
        """Whether all is delivered; what was refused is dead when its daemon has sent something else."""
        delivered = self._fleet.rows("SELECT count(*) FROM tcc.delivered")
        return delivered == [(self.figures.records - self.figures.poison,)]

    def _compare_books(self) -> None:
        """Let a fresh machine settle what is open, and compare what was received with what the ledger says."""
        machine = self._fleet.machine()
        spools = [each.spool for each in self._machines]
        machine.run("replay", *spools, code=65)
        machine.run("verify", *spools)
        figures, receipts = self.figures, self._fleet.receipts()
        self._count_again()
        figures.lost = figures.records - len(receipts)
        rows = "sum(records), sum(delivered), sum(dead), bool_and(finished)"
        right = [(figures.records, figures.records - figures.poison, figures.poison, True)]
        figures.altered += self._fleet.rows(f"SELECT {rows} FROM tcc.segment") != right  # noqa: S608 -- our own text
        figures.altered += self._fleet.rows("SELECT count(body) FROM tcc.letter WHERE fate = 'dead'") != [
            (figures.poison,)
        ]

    def _start(self, machine: Machine) -> subprocess.Popen[str]:
        with (machine.spool.parent / f"log{machine.spool.name}").open("a") as log:
            return children.start(
                [COMMAND, "daemon", "--after", "keep"], env=machine.environment, stdout=log, stderr=log, text=True
            )

    def _one(self) -> int:
        return self._chance.randrange(WORKERS)

    def _kill(self) -> None:
        which = self._one()
        children.kill(self._daemons[which])
        self._end_lease(self._daemons[which].pid)
        self._daemons[which] = self._start(self._machines[which])

    def _freeze(self) -> None:
        which = self._one()
        frozen = self._daemons[which]
        frozen.send_signal(signal.SIGSTOP)
        self._end_lease(frozen.pid)
        wait_until(self._all_settled, "the others to go on")
        frozen.send_signal(signal.SIGCONT)
        self._record(1, [self._machines[which]])  # to send it, it must claim it, and learns that its time is over
        wait_until(self._all_alive, "the frozen one to begin anew")

    def _end_lease(self, pid: int) -> None:
        self._fleet.rows(f"UPDATE tcc.worker SET until = statement_timestamp() WHERE name LIKE '%:{pid}'")  # noqa: S608

    def _end_connections(self) -> None:
        self._fleet.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'tcc-upload' AND datname = current_database()"
        )

    def _cut(self, where: str) -> None:
        self._proxy.cut = where  # type: ignore[assignment]
        wait_until(lambda: self._proxy.cut is None or self._all_settled(), "a commit")
        self._proxy.cut = None

    def _crash(self) -> None:
        self._postgres.stop("immediate")
        self._postgres.start()


@contextmanager
def fleet_world(folder: Path, postgres: Postgres, seed: int) -> Iterator[FleetWorld]:
    """Give a world; whatever it started ends with the block."""
    with ExitStack() as stack:
        server = stack.enter_context(FaultServer())
        proxy = stack.enter_context(pg_proxy.running(postgres.folder))
        stack.callback(children.kill_all)
        folder.mkdir(exist_ok=True)
        yield FleetWorld(folder, server, postgres, proxy, seed)


def run_fleets(events: int, folder: Path, postgres: Postgres, seed: int, *, at_once: int = 140) -> FleetFigures:
    """Let at least so many things happen, in worlds of ``at_once`` each."""
    total = FleetFigures()
    for number in range(-(-events // at_once)):
        with fleet_world(folder / f"world-{number}", postgres, seed + number) as world:
            figures = world.run(min(at_once, events - number * at_once))
        for name in ("events", "twice"):
            getattr(total, name).update(getattr(figures, name))
        total.most |= figures.most
        for name in ("records", "poison", "lost", "unexplained", "altered", "seconds"):
            setattr(total, name, getattr(total, name) + getattr(figures, name))
        print(f"world {number}: {figures}", flush=True)  # noqa: T201
    return total
