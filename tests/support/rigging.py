"""Runs an engine in a test: with a server that can fail, a spool, a state directory, and a simulated clock."""

import time
from collections.abc import Callable, Iterator, Sequence
from math import inf
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from support.faults import KEY, FaultServer, Reply, SegmentFile
from support.worlds import PATIENCE
from tcc_schemas.endpoints import origin_of
from tcc_uploader.clock import Clock
from tcc_uploader.dead.store import LetterFolder
from tcc_uploader.delivery.engine import Engine, Limits
from tcc_uploader.delivery.events import Listener, each_turn, to_all
from tcc_uploader.delivery.host import Host
from tcc_uploader.delivery.result import ReplayResult
from tcc_uploader.files import DISK
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.model.fate import Counts
from tcc_uploader.model.letter import Letter
from tcc_uploader.model.rows import SegmentRow
from tcc_uploader.model.selection import Selection
from tcc_uploader.settings import Settings
from tcc_uploader.sources.carried import ArchiveSource
from tcc_uploader.sources.given import Sources, choose
from tcc_uploader.spool.removal import writer_is_gone
from tcc_uploader.spool.segment import Segment
from tcc_uploader.state import SpoolLocks


class Time:
    """A simulated clock.  It stops while the engine works or a request is in flight; see :class:`Inbox`."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.jump = 0.0
        """By how many seconds the wall clock was changed."""
        self.chance = 0.5

    @property
    def clock(self) -> Clock:
        """A clock for an engine that shows the simulated time."""
        return Clock(lambda: self.now, lambda: 1_790_000_000.0 + self.now + self.jump, lambda: self.chance)


class Inbox:
    """An engine's inbox that waits in real time for answers, and in simulated time for everything else.

    The simulated clock stops while a request is in flight, so nothing becomes due before the answer arrives, however
    slow the machine is.  (A test that needs an answer which never arrives must move the clock itself.)
    """

    engine: Engine

    def __init__(self, moment: Time) -> None:
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._time = moment

    def put(self, message: object) -> None:
        """Add a message."""
        self._queue.put(message)

    def get_nowait(self) -> object:
        """Take a message.  Raises Empty if there is none."""
        return self._queue.get_nowait()

    def get(self, timeout: float) -> object:
        """Take a message; if there is none and no request is in flight, let ``timeout`` simulated seconds pass.

        Raises Empty if no message came; after 0.05 real seconds if a request is in flight.
        """
        if self.engine.in_flight:
            return self._queue.get(timeout=0.05)
        try:
            return self._queue.get_nowait()
        except Empty:
            self._time.now += timeout
            raise


class Rig:
    """Runs the engine on a spool and a server; ``target`` is the name of the server's folder in the state directory."""

    def __init__(self, folder: Path, server: FaultServer, target: str = "") -> None:
        self.server = server
        self.spool = folder / "spool"
        self.state = folder / "state" / target
        self.folder = LetterFolder(self.state)
        self.form = SqliteLedger
        """The form of the ledger."""
        self.time = Time()
        self.disk = DISK
        """What the engine asks of the disk; a test may set another."""
        self.spool.mkdir(exist_ok=True)
        self.engine: Engine | None = None

    def settings(self, **members: Any) -> Settings:
        """Return settings for this rig's spool, state and server."""
        base = members.pop("base_url", self.server.url)
        members = {
            "spools": (self.spool,),
            "state_dir": self.state,
            "api_keys": (KEY,),
            "base_url": base,
            "allowed_origins": frozenset({origin_of(base)}),
            "in_flight": 1,
            **members,
        }
        return Settings(**members)

    def once(
        self,
        timeout: float = 60.0,
        *,
        files: Sequence[Path] = (),
        archives: Sequence[ArchiveSource] = (),
        removes: bool = False,
        give_up: bool = False,
        is_gone: Callable[[Segment], bool] = writer_is_gone,
        selection: Selection | None = None,
        limits: Limits | None = None,
        **more: Any,
    ) -> ReplayResult:
        """Deliver the present records, then end, as ``replay`` does."""
        settings = self.settings(**more)
        keep_for = 0.0 if removes else inf
        options = {"files": files, "archives": archives, "keep_for": keep_for, "is_gone": is_gone}
        options |= {"selection": selection, "limits": limits}
        with self.ledger() as ledger, self._engine(settings, ledger, **options) as engine:
            return engine.run_once(timeout, give_up=give_up)

    def daemon(
        self,
        until: Callable[[Engine], object],
        *,
        removes: bool = True,
        keep_for: float | None = None,
        locks: SpoolLocks | None = None,
        real: bool = False,
        limit: float = 20_000.0,
        limits: Limits | None = None,
        hear: Listener = lambda _: None,
        **more: Any,
    ) -> Engine:
        """Watch the spool until ``until(engine)`` is true.

        Fails after ``limit`` simulated seconds, or if the simulated clock does not move for ``PATIENCE`` real seconds.
        """
        keep_for = (0.0 if removes else inf) if keep_for is None else keep_for
        settings = self.settings(**more)
        ends = self.time.now + limit
        latest, moved = self.time.now, time.monotonic()
        in_vain = False

        def tell(engine: Engine) -> None:
            nonlocal latest, moved, in_vain
            if self.time.now != latest:
                latest, moved = self.time.now, time.monotonic()
            in_vain = latest > ends or time.monotonic() > moved + PATIENCE
            if until(engine) or in_vain:
                engine.stop()

        options = {"keep_for": keep_for, "locks": locks, "real": real, "limits": limits}
        with (
            self.ledger() as ledger,
            self._engine(settings, ledger, hear=to_all(hear, each_turn(tell)), **options) as engine,
        ):
            engine.run_for_ever()
        assert not in_vain, f"waited in vain; {engine.intake.counts}"
        return engine

    def ledger(self) -> "OpenLedger":
        """Return the ledger; open it with ``with``."""
        return OpenLedger(self.state, self.form)

    def rows(self) -> list[SegmentRow]:
        """Return the ledger's rows of all segments."""
        with SqliteLedger.reading(self.state) as ledger:
            return list(ledger.segments())

    def counts(self) -> Counts:
        """Return the ledger's totals."""
        return sum((row.counts for row in self.rows()), Counts())

    def letters(self) -> list[Letter]:
        """Return the dead letters, ordered by line."""
        return sorted(map(self.folder.read, self.folder.ids()), key=lambda letter: letter.line)

    def _engine(self, settings: Settings, ledger: SqliteLedger, *, real: bool = False, **more: Any) -> Engine:
        inbox = SimpleQueue() if real else Inbox(self.time)
        clock = Clock() if real else self.time.clock
        host = Host(clock, self.disk, lambda: inbox, hear=more.pop("hear", lambda _: None))
        sources = Sources(list(settings.spools), list(more.pop("files", ())), list(more.pop("archives", ())))
        if selection := more.pop("selection", None):
            sources = choose(sources, selection, more["is_gone"])
        self.engine = Engine(settings, ledger, self.folder, sources, host=host, **more)
        if not real:
            inbox.engine = self.engine
        return self.engine


class OpenLedger:
    """Opens the ledger of a state directory in a ``with`` block."""

    def __init__(self, state: Path, form: type[SqliteLedger]) -> None:
        self._state = state
        self._form = form

    def __enter__(self) -> SqliteLedger:
        self._state.mkdir(parents=True, exist_ok=True)
        self._ledger = self._form.open(self._state)
        return self._ledger

    def __exit__(self, *_: object) -> None:
        self._ledger.close()


def refused_record(rig: Rig, server: FaultServer) -> str:
    """Make one dead letter; return its id."""
    SegmentFile("refused").run("z").write(rig.spool)
    server.behaviour = lambda _: Reply(422)
    rig.once(give_up=True)
    server.behaviour = lambda _: Reply()
    (letter,) = rig.letters()
    return letter.id


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """Give a server that accepts everything until the test changes its behaviour."""
    with FaultServer() as running:
        yield running


@pytest.fixture
def rig(tmp_path: Path, server: FaultServer) -> Rig:
    """Give a rig that delivers to the server."""
    return Rig(tmp_path, server)
