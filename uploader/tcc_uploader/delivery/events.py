"""What an engine tells those who listen: plain values.  The engine knows none of the listeners.

Logs, metrics, the service manager, the status file, the progress bar and the file of keys each listen (``ops``,
``cli``).  A listener is called in the engine's thread and answers nothing; what it costs, the delivery waits for.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from tcc_uploader.model.fate import Counts

from .routing import Destination

if TYPE_CHECKING:
    from .engine import Engine


class Began(NamedTuple):
    """An engine is to begin.  It tells everything else after this."""

    engine: "Engine"


class Turn(NamedTuple):
    """The engine has taken a turn, as it does once a second at least.  A listener may look at it, no more."""

    engine: "Engine"


class Ended(NamedTuple):
    """The engine sends nothing more, and has committed what was answered."""

    engine: "Engine"


class Answered(NamedTuple):
    """A request for the record on ``line`` of ``file`` has ended.

    ``status`` is None if there was no answer; ``seconds`` is how long a thread had it, None if it was given up;
    ``size`` is that of its body, in bytes.
    """

    destination: Destination
    status: int | None
    seconds: float | None
    size: int
    file: str
    line: int


class Paused(NamedTuple):
    """A destination takes no records for now, since ``since`` (seconds since 1970); or it is paused for a new reason.

    ``why`` has no word of the server's; ``remedy`` says what an operator must do, and is empty if waiting helps.
    """

    destination: Destination
    why: str
    remedy: str
    since: float
    is_new: bool


class Recovered(NamedTuple):
    """A destination takes records again; it was paused since ``since`` (seconds since 1970)."""

    destination: Destination
    since: float


class Committed(NamedTuple):
    """The ledger holds what was settled since the last commit, ``keys`` more of them as keys of what was delivered."""

    counts: Counts
    keys: int


class SetAside(NamedTuple):
    """So many places of a file can't be read, and the rest goes on."""

    file: str
    places: int


class Refused(NamedTuple):
    """A seal tells that the recorder of this file refused records."""

    file: str
    records: int


class Reloading(NamedTuple):
    """Keys and settings are to be read again.  It may be told in a signal handler, where a listener must not log."""

    why: str


class Stopping(NamedTuple):
    """The daemon is to end.  It is told in a signal handler, too."""


Event = Began | Turn | Ended | Answered | Paused | Recovered | Committed | SetAside | Refused | Reloading | Stopping
Listener = Callable[[Event], object]


def to_all(*listeners: Listener) -> Listener:
    """Return what tells each of ``listeners``, in this order."""

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell


def each_turn(look: Callable[["Engine"], object]) -> Listener:
    """Return a listener that looks at the engine in each turn, and cares for nothing else."""

    def listen(event: Event) -> None:
        if isinstance(event, Turn):
            look(event.engine)

    return listen
