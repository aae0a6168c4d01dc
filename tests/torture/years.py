"""Months of a daemon's life, with a simulated clock: outages, restarts, rotated keys and prunes.  Nothing may grow."""

import gc
import os
import random
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from support.faults import KEY, FaultServer, Reply, SegmentFile, always
from support.rigging import Rig
from tcc_uploader.delivery.limits import Limits
from tcc_uploader.files import size_of
from tcc_uploader.inspect.status import status_report
from tcc_uploader.inspect.verify import verify_spools
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.ops.pruning import plan_pruning, prune
from tcc_uploader.sources.given import Sources

DAY: Final = 86_400.0
MONTH: Final = 30
_SEGMENTS, _RUNS = 6, 20
"""Segments a day, and runs in each."""
_OUTAGES: Final = 0.15
"""How many days have one; it lasts till midnight."""
KEPT: Final = 45 * DAY
"""What is older than this is pruned every month."""
_GROWTH: Final = 1.25
"""What a figure may be at the end, as a multiple of what it was after the first third."""


@dataclass(slots=True)
class Month:
    """How things stood when a month had ended; memory and files in bytes, the status in processor seconds."""

    memory: int
    handles: int
    ledger: int
    spool: int
    status: float


@dataclass
class Years:
    """What became of it all."""

    days: int = 0
    restarts: int = 0
    outages: int = 0
    keys: int = 1
    runs: int = 0
    pruned: int = 0
    lost: int = 0
    repeated: int = 0
    unexplained: int = 0
    """Days after which the counts did not add up."""
    grown: int = 0
    """Figures that grew."""
    months: list[dict[str, Any]] = field(default_factory=list)


def run_years(folder: Path, days: int, *, seed: int) -> Years:
    """Let a daemon live for so many simulated days."""
    chance, result = random.Random(seed), Years()  # noqa: S311 -- repeated by its seed
    with FaultServer() as server:
        life = _Life(Rig(folder, server), chance, result)
        for day in range(1, days + 1):
            life.day()
            if day % MONTH == 0:
                life.month()
        life.day(outages=0.0)
        result.lost = len(life.awaited)
    late, early = result.months[-1], result.months[len(result.months) // 3]
    result.grown = sum(late[name] > early[name] * _GROWTH for name in ("memory", "handles", "ledger", "spool"))
    result.grown += late["status"] > 2 * early["status"] + 0.05  # processor time of a shared machine
    return result


class _Life:
    def __init__(self, rig: Rig, chance: random.Random, result: Years) -> None:
        self.rig, self.chance, self.result = rig, chance, result
        self.awaited: set[str] = set()
        self._keys = [KEY]

    def day(self, outages: float = _OUTAGES) -> None:
        """Record, deliver and count for a day; the daemon is restarted once in it, or not at all."""
        rig, result = self.rig, self.result
        is_down = self.chance.random() < outages
        result.outages += is_down
        rig.server.behaviour = always(Reply(503 if is_down else 200))
        if self.chance.random() < 1 / 60:
            self._keys.insert(0, f"tcc_key_{len(self._keys):016}")
            result.keys += 1
        ends, restarts = (
            rig.time.now + DAY,
            sorted(self.chance.uniform(0, DAY) for _ in range(self.chance.randrange(3))),
        )
        due = sorted(rig.time.now + self.chance.uniform(0, DAY * 0.9) for _ in range(_SEGMENTS))
        for stops in (*(rig.time.now + after for after in restarts), ends):
            self._live(due, stops)
        result.days += 1
        result.restarts += len(restarts)
        if not is_down:
            self._take_receipts()
        rig.server.clear()
        with SqliteLedger.reading(rig.state) as ledger:
            result.unexplained += verify_spools(Sources([rig.spool]), ledger, whole=True).broken

    def _live(self, due: list[float], stops: float) -> None:
        def tell(_: object) -> bool:
            while due and due[0] <= self.rig.time.now:
                self._record(due.pop(0))
            return self.rig.time.now >= stops

        self.rig.daemon(
            tell, keep_for=DAY, limit=2 * DAY, limits=Limits(tick=120.0), api_keys=tuple(self._keys), in_flight=4
        )

    def _record(self, now: float) -> None:
        at = datetime.fromtimestamp(self.rig.time.clock.wall(), UTC).isoformat(timespec="milliseconds")
        segment = SegmentFile().later(at.replace("+00:00", "Z"))
        for _ in range(_RUNS):
            self.result.runs += 1
            name = f"run-{self.result.runs}"
            segment.run(name)
            self.awaited.add(name)
        segment.seal().write(self.rig.spool, f"{now:020.3f}.jsonl")

    def _take_receipts(self) -> None:
        received = Counter(ident for ids in self.rig.server.ids for ident in ids)
        self.result.repeated += received.total() - len(received) + len(received.keys() - self.awaited)
        self.awaited -= received.keys()

    def month(self) -> None:
        """Prune, then note how things stand."""
        rig = self.rig
        before = rig.time.clock.wall() - KEPT
        with rig.ledger() as ledger:
            plan = plan_pruning(ledger, before)
            prune(plan, ledger)
        self.result.pruned += plan.records
        began = time.process_time()
        with SqliteLedger.reading(rig.state) as ledger:
            status_report(rig.settings(), ledger, own=True)
        took = time.process_time() - began
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        now = Month(
            memory=pages * os.sysconf("SC_PAGE_SIZE"),
            handles=len(os.listdir("/proc/self/fd")),  # noqa: PTH208 -- names are enough
            ledger=size_of(rig.state / "ledger.sqlite3"),
            spool=sum(path.stat().st_size for path in rig.spool.iterdir()),
            status=took,
        )
        self.result.months.append(asdict(now))
