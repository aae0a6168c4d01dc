"""When the oldest pending record was recorded.  Nobody keeps that in memory: a few lines are read again to see it."""

from itertools import islice
from typing import Final

from tcc_uploader.model.body import moment_of

from .backlog import Backlog

_MOST: Final = 100
"""Destinations that are looked at: records may name very many."""


def oldest_pending(backlog: Backlog) -> float | None:
    """Return when it was recorded, in seconds since 1970; None if no record waits of which that is known.

    Of each destination one record is looked at, the one that was read first, and all that are in flight.
    """
    recorded = [record.line.at for _, _, record in backlog.in_flight.by_key]
    for queue in islice(backlog.queues.values(), _MOST):
        location = queue.earliest
        segment = backlog.intake.by_handle.get(location.handle) if location else None
        if location is None or segment is None:
            continue
        try:
            line = backlog.read_again(segment, location)
        except (OSError, ValueError):  # whoever sends it says so
            continue
        if line is not None:
            recorded.append(line.at)
    return min((moment.timestamp() for at in recorded if (moment := moment_of(at))), default=None)
