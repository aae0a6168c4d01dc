"""One history: recorders, a spool, an uploader, a server, a disk, a watcher and a clock, in one process, from one seed.

The uploader is the real engine in its real loop (``Engine.run_for_ever``), on real files, with the real ledger and
recorder.  Whatever they ask of time, disk, threads and watcher comes to a *seam*, where another actor may go on,
an operation may fail, or a process may die.  When recorders and operators have ended, all faults end, and *quiet
rounds* follow: the uploader that lives then must deliver everything within ten of them, and so must the next one.
"""

import heapq
import logging
import random
import tempfile
import traceback
from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from queue import Empty
from typing import Final

from simulation.disks import Killed, disk_of
from simulation.faults import Faults
from simulation.server import Pool, Server, parts_of
from simulation.surroundings import Inbox, Letters, Watcher, ledger_of
from simulation.turns import Turns
from simulation.writers import Writer, operate
from support.faults import KEY
from tcc_recorder.spool import segment as segment_file
from tcc_schemas.endpoints import origin_of
from tcc_uploader.clock import Clock
from tcc_uploader.delivery.engine import Engine, Limits
from tcc_uploader.delivery.events import Listener
from tcc_uploader.delivery.host import Host
from tcc_uploader.inspect.verify import verify_spools
from tcc_uploader.model.ledger import Unavailable
from tcc_uploader.settings import Settings
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool.removal import ABANDONED_AFTER

URL: Final = "http://127.0.0.1:9"
ROUNDS: Final = 10
"""The quiet rounds in which a living uploader must deliver everything.  A round is one scan."""
PATIENCE: Final = 300.0
"""Seconds that pass before each quiet round: the longest that an uploader waits after a failure."""
LIMITS: Final = Limits(tick=5.0)


class Violation(AssertionError):  # noqa: N818 -- pytest prints this name
    """A promise was broken."""


class World:
    """A history; :meth:`run` runs it."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.chance = random.Random(seed)  # noqa: S311 -- makes histories, no secrets
        self.spool, self.state = folder / "spool", folder / "state"
        self.now, self.jump = 1_000.0, 0.0
        self.trace: list[str] = []
        """The seams in the order in which they were reached."""
        self.turns = Turns(self.chance, self.chance.choice((0.02, 0.1, 0.3)))
        self.faults = Faults(self.chance)
        self.server = Server(self)
        self.writers: list[Writer] = []
        self.written: set[bytes] = set()
        """The bodies of all items that a recorder was given."""
        self.promised: set[bytes] = set()
        """Those of them that a recorder said it had recorded."""
        self.dropped: set[bytes] = set()
        """Those of them that an operator dropped."""
        self.committed: set[int] = set()
        """The digests of what the ledger says was delivered."""
        self.uploaders = 0
        """How many uploaders were started."""
        self.quiet = False
        self.hear: Listener = lambda _: None
        """Hears what the uploaders tell."""
        self._numbers = count(1_000_000)
        self._late: list[tuple[float, int, Callable[[], None]]] = []
        self._tell: Callable[[Path], None] | None = None
        self._linger = self.chance.randint(0, 6)
        self._rounds = 0
        self._leapt = self._kept_all = self._closed = False
        self.engine: Engine

    def run(self) -> None:
        """Run the history to its end.  Raises Violation."""
        segment_file._process.cache_clear()
        try:
            for _ in range(self.chance.randint(1, 3)):
                self.start_writer()
            self.turns.start(lambda: operate(self))
            while not self._upload():
                self.now += 5.0  # whatever restarts the daemon waits a moment
            sent, self._rounds = len(self.server.sent), 0
            self.check(self._upload(), "the next uploader ended early")
            again = self.server.sent[sent:]
            self.check(not again, f"the next uploader sent again: {again[:3]}")
        finally:
            self.turns.finish()
            for writer in self.writers:
                writer.system.release()

    def check(self, kept: object, broken: str) -> None:
        """Raise Violation if a promise was not kept."""
        if not kept:
            raise Violation(f"{broken}; the last seams: {' · '.join(self.trace[-40:])}")

    def seam(self, name: str) -> None:
        """Let another actor go on, perhaps; if this is the uploader, it may be killed or told to stop."""
        self.trace.append(name)
        self.turns.seam(narrow=name.startswith("was "))
        if not name.startswith(("record ", "was ")) and self.faults.hit("uploader dies"):
            raise Killed

    def start_writer(self, parent: Writer | None = None) -> None:
        """Let another process record; a fork of ``parent`` if it is given."""
        self.turns.start(Writer(self, parent).act)

    def new_number(self) -> int:
        """Return a number that was not used before; all have the same length."""
        return next(self._numbers)

    def wall(self) -> float:
        """Return the wall clock's time."""
        return 1_790_000_000.0 + self.now + self.jump

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Make a call in some simulated seconds."""
        heapq.heappush(self._late, (self.now + seconds, self.new_number(), call))

    def changed(self, path: Path) -> None:
        """Let the watcher tell of a file: now, later, twice, or never."""
        if self._tell is None or self.faults.hit("event lost"):
            return
        tell = self._tell
        if self.faults.hit("event late"):
            self.later(self.chance.choice((0.01, 1.0, 40.0)), lambda: tell(path))
        else:
            tell(path)
        if self.faults.hit("event twice"):
            self.later(self.chance.random() * 10.0, lambda: tell(path))

    def scanned(self) -> None:
        """Note that the spool was listed."""
        self._rounds += self._closed
        self._leapt = False

    def wait(self, inbox: Inbox, seconds: float) -> Callable[[], None]:
        """Return the next call for the uploader; if none comes, let time pass and raise Empty."""
        until = self.now + seconds
        if not self.quiet:
            self._let_others_act()
        elif not self._closed and not self._late:
            self._closed = True
            Writer(self).close_the_history()
        elif self._is_over():
            self._kept_all = True
            self.engine.stop()
        elif not self._leapt and seconds > 0.5 and not self.engine.in_flight:
            self._leapt = True
            until += PATIENCE
        while not inbox.calls:
            if not self._late or self._late[0][0] > until:
                self.now = max(self.now, until)
                raise Empty
            at, _, call = heapq.heappop(self._late)
            self.now = max(self.now, at)
            call()
        return inbox.calls.popleft()

    def _let_others_act(self) -> None:
        while self.turns.others and self.chance.random() < 0.6:
            self.turns.give_way()
        if not self.turns.others:
            self._linger -= 1
            if self._linger < 0:
                self.faults.end()
                self.quiet = True

    def _upload(self) -> bool:
        """Run an uploader; return whether it lived until all promises were kept."""
        self.uploaders += 1
        self._kept_all = False
        settings = Settings(
            spools=(self.spool,),
            state_dir=self.state,
            api_keys=(KEY,),
            base_url=URL,
            allowed_origins=frozenset({origin_of(URL)}),
            in_flight=4,
        )
        clock = Clock(lambda: self.now, self.wall, self.chance.random, lambda _: None)
        host = Host(clock, disk_of(self), lambda: Inbox(self), partial(Pool, self), self._watcher, self.hear)
        letters, sources = Letters(self), Sources([self.spool])
        self.state.mkdir(parents=True, exist_ok=True)
        with closing(ledger_of(self)) as ledger:
            try:
                with Engine(settings, ledger, letters, sources, host=host, limits=LIMITS, keep_for=0.0) as engine:
                    self.engine = engine
                    engine.run_for_ever()
            except (Killed, Unavailable, OSError) as error:
                self.check(not self.quiet, f"the uploader ended with {error!r} though nothing failed")
        return self._kept_all

    def _watcher(self, _: object, tell: Callable[[Path], None]) -> Watcher:
        self._tell = tell
        return Watcher(self)

    def ends_watching(self) -> None:
        """Tell the uploader nothing any more."""
        self._tell = None

    def _is_over(self) -> bool:
        """Whether the uploader has kept all promises.  Raises Violation if it did not within the quiet rounds."""
        if self._rounds < 2:
            return False
        why = self._what_is_left()
        if why:
            self.check(self._rounds <= ROUNDS, f"after {ROUNDS} quiet rounds: {why}")
            return False
        self._audit()
        return True

    def _what_is_left(self) -> str:
        engine = self.engine
        if engine.in_flight or engine.committer.trouble or engine.settlement.changes or engine.settlement.touched:
            return f"the uploader is busy: {len(engine.in_flight)} in flight, {engine.committer.trouble}"
        # not intake.counts: it keeps those of a file that shrank and was read anew.  What has gone, _audit looks for
        if pending := sum(segment.counts.pending for segment in engine.intake.live):
            return f"{pending} records are pending"
        alive = {path for writer in self.writers for path in writer.system.open_files.values()}
        staying = {str(path) for path in self.spool.glob("*.jsonl") if not self._may_stay(path)} - alive
        if staying:
            return f"files stay, their writers are gone: {sorted(staying)}; unreadable: {engine.intake.unreadable}"
        letters = Letters(self)
        dead = {part for ident in letters.ids() for part in parts_of(letters.read(ident).body_bytes)}
        lost = self.promised - self.server.parts - dead - self.dropped
        return f"promised, but neither delivered nor dead: {sorted(lost)[:3]}" if lost else ""

    def _may_stay(self, path: Path) -> bool:
        """Whether a file may stay, though it holds no record.

        Its writer died in the first line, or before it; and not long ago, as the clock was set back since.
        """
        begun = path.read_bytes()
        is_new = self.wall() - path.stat().st_mtime < ABANDONED_AFTER
        return b"\n" not in begun and (bool(begun) or is_new)

    def _audit(self) -> None:
        """Check the books: those of the ledger, and the living uploader's own."""
        result = verify_spools(Sources([self.spool]), self.engine.settlement.ledger, whole=True)
        self.check(not result.broken, f"verify: {[check.broken for check in result.segments if check.broken]}")
        self.check(not result.totals["pending"], f"verify: pending: {result.totals}")
        counts = self.engine.settlement.total
        self.check(min(counts.values()) >= 0, f"the uploader counts wrong: {counts}")


def play(seed: int) -> World:
    """Run the history of a seed.  Raises Violation."""
    logging.disable(logging.CRITICAL)  # thousands of faults would be logged
    memory = Path("/dev/shm")  # noqa: S108 -- a folder in memory, for speed
    try:
        with tempfile.TemporaryDirectory(prefix="tcc-simulation-", dir=memory if memory.is_dir() else None) as folder:
            world = World(seed, Path(folder))
            world.run()
    finally:
        logging.disable(logging.NOTSET)
    return world


def broken_in(seed: int) -> str:
    """Run the history of a seed; return what broke in it, and the command that repeats it; empty if nothing did."""
    try:
        play(seed)
    except Exception as error:  # noqa: BLE001 -- whatever it is, it must be repeatable
        told = str(error) if isinstance(error, Violation) else "".join(traceback.format_exception(error))
        return f"{told}\nrepeat it: .venv/bin/python tests/simulation/run.py {seed}\n"
    return ""
