"""The limits and intervals of an engine."""

from dataclasses import dataclass

from tcc_uploader.transport.progress import PATIENCE, Patience


@dataclass(frozen=True, slots=True)
class Limits:
    """The engine's limits and intervals."""

    rescan: float = 30.0
    """Seconds between scans, which find files that no event reported."""
    tick: float = 1.0
    """Seconds between checks of the watcher, the ledger's file, the operator's requests and failed requests."""
    store: float = 0.01
    """Seconds between looks at whether an object store has answered."""
    drain: float = 6.0
    """Seconds to wait for answers at the end: containers get 10 to stop.  What is not answered then is sent again."""
    read_ahead: int = 256
    """Reading pauses while this many records wait for destinations that are up."""
    uncommitted: int = 4096
    """Reading pauses while this many segments have uncommitted changes, which take memory and time to write."""
    waiting: int = 2_000_000
    """Reading pauses while this many records wait for any destination; each takes 40 bytes."""
    turn: float = 0.5
    """Seconds after which a turn reads nothing more: answers and other work must not wait for whatever was found."""
    patience: Patience = PATIENCE
    """When a request has failed."""
