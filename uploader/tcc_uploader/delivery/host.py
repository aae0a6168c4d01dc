"""What an engine gets from outside: time, the disk, its inbox, the threads that send, and the watcher."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from tcc_uploader.clock import Clock
from tcc_uploader.files import DISK, Disk
from tcc_uploader.spool.watch import Watcher
from tcc_uploader.transport.pool import Pool

from .record import Record

Call = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Host:
    """All on which an engine's decisions depend, besides its ledger, letters and sources.  Tests pass another."""

    clock: Clock = field(default_factory=Clock)
    disk: Disk = DISK
    inbox: Callable[[], SimpleQueue[Call]] = SimpleQueue
    """Makes the queue of the calls for the engine's thread.  Waiting there is the only waiting of an engine."""
    pool: type[Pool[Record]] = Pool
    """Makes the sending threads."""
    watcher: Callable[[Sequence[Path], Callable[[Path], None]], Watcher] = Watcher
    """Makes the watcher, from the spools and what takes each path that may have changed."""
