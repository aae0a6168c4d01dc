"""What an engine gets from outside: time, the disk, its inbox, the threads that send, the watcher; and who listens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from tcc_uploader.clock import Clock
from tcc_uploader.files import DISK, Disk
from tcc_uploader.transport.pool import Pool

from .events import Listener
from .record import Record

if TYPE_CHECKING:
    from tcc_uploader.spool.watch import Watcher

Call = Callable[[], None]


def _watching(spools: Sequence[Path], tell: Callable[[Path], None]) -> "Watcher":
    from tcc_uploader.spool.watch import Watcher  # noqa: PLC0415 -- a one-shot run needs no watchdog

    return Watcher(spools, tell)


@dataclass(frozen=True, slots=True)
class Host:
    """All on which an engine's decisions depend, besides its ledger, letters and sources.  Tests pass another."""

    clock: Clock = field(default_factory=Clock)
    disk: Disk = DISK
    inbox: Callable[[], SimpleQueue[Call]] = SimpleQueue
    """Makes the queue of the calls for the engine's thread.  Waiting there is the only waiting of an engine."""
    pool: type[Pool[Record]] = Pool
    """Makes the sending threads."""
    watcher: Callable[[Sequence[Path], Callable[[Path], None]], "Watcher"] = _watching
    """Makes the watcher, from the spools and what takes each path that may have changed."""
    hear: Listener = lambda _: None
    """Hears what the engine tells.  Nothing depends on it."""
