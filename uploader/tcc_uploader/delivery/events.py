"""What other threads tell the deciding one."""

from pathlib import Path
from typing import NamedTuple

from tcc_uploader.transport.answers import Answer

from .record import Record


class Changed(NamedTuple):
    """A file may have grown."""

    path: Path


class Answered(NamedTuple):
    """A request has its answer."""

    record: Record
    answer: Answer


class Stop(NamedTuple):
    """Finish what is in flight, and end."""


Event = Changed | Answered | Stop
