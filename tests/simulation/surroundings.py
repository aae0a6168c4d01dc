"""What an uploader is given in a simulated history: its inbox, its watcher, its letters and its ledger."""

from collections import deque
from collections.abc import Callable
from queue import Empty
from typing import TYPE_CHECKING, Any

from tcc_uploader.dead.store import LetterFolder
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.model.ledger import Unavailable

if TYPE_CHECKING:
    from simulation.world import World


class Inbox:
    """An engine's inbox: to wait there lets others act, and simulated time pass."""

    def __init__(self, world: "World") -> None:
        self.calls: deque[Callable[[], None]] = deque()
        self._world = world

    def put(self, call: Callable[[], None]) -> None:
        """Add a call."""
        self.calls.append(call)

    def get_nowait(self) -> Callable[[], None]:
        """Take a call.  Raises Empty if there is none."""
        if not self.calls:
            raise Empty
        return self.calls.popleft()

    def get(self, timeout: float) -> Callable[[], None]:
        """Wait for a call.  Raises Empty if there is none in time."""
        if self._world.faults.hit("uploader stops"):
            self._world.engine.stop()
        return self._world.wait(self, timeout)


class Watcher:
    """A watcher whose events come as the world says."""

    mode = "native"

    def __init__(self, world: "World") -> None:
        self._world = world
        self._runs = False

    def check(self) -> bool:
        """Return whether the watcher had to be started."""
        ran, self._runs = self._runs, True
        return not ran or self._world.faults.hit("watcher restarts")

    def close(self) -> None:
        """End."""
        self._world.ends_watching()


class Letters(LetterFolder):
    """Letters that can't always be written or removed."""

    def __init__(self, world: "World") -> None:
        super().__init__(world.state)
        object.__setattr__(self, "_world", world)

    def write(self, letter: Any) -> None:
        """Write a letter."""
        self._world.seam("write letter")
        self._world.faults.fail("write letter")
        super().write(letter)

    def remove(self, ident: str) -> None:
        """Remove a letter."""
        self._world.seam("remove letter")
        self._world.faults.fail("remove letter")
        super().remove(ident)


def ledger_of(world: "World") -> SqliteLedger:
    """Open the real ledger; its commits are not synced, and may fail, also after they were made."""

    class Ledger(SqliteLedger):
        def commit(self, changes: Any) -> None:
            world.seam("commit")
            if world.faults.hit("commit fails"):
                raise Unavailable("no room")
            super().commit(changes)
            world.committed |= {known.digest for _, _, known in changes.delivered}
            world.seam("committed")
            if world.faults.hit("commit fails late"):
                raise Unavailable("no answer")

    ledger = Ledger.open(world.state)
    ledger._database.execute("PRAGMA synchronous=OFF")
    ledger._database.execute("PRAGMA journal_mode=MEMORY")
    return ledger
