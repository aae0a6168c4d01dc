"""persist-queue: a queue in an SQLite file."""

from collections.abc import Callable

from benchmarks.agent import Input
from benchmarks.standard_run import to_record
from persistqueue import SQLiteQueue


def recorder(folder: str) -> Callable[[Input], object]:
    """Return what records one run."""
    queue = SQLiteQueue(folder)
    return lambda x: queue.put(to_record(x))
