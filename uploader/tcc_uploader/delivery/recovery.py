"""Runs that never ended because their process was killed: made into records, once it is sure that it was."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable

from tcc_uploader.model.fate import Decision
from tcc_uploader.model.keys import dedupe_key
from tcc_uploader.spool import reader
from tcc_uploader.spool.segment import Segment

from .backlog import Backlog
from .intake import Intake
from .settlement import Settlement

_log = logging.getLogger(__name__)


class Recovery:
    """Runs in the deciding thread.  ``is_dead`` tells whether a segment's writer is gone."""

    def __init__(
        self, settlement: Settlement, intake: Intake, backlog: Backlog, is_dead: Callable[[Segment], bool]
    ) -> None:
        self._settlement = settlement
        self._intake = intake
        self._backlog = backlog
        self._is_dead = is_dead

    def recover(self, candidates: Iterable[Segment]) -> list[Segment]:
        """Queue a record for every run without an end whose process is gone; return the segments that have to wait.

        A segment's own records go first: one of them, or of a later segment of the same process, may be the run's end.
        Such a later one may be unread.  It may also have been made after the last scan: so a scan must follow the
        moment in which the process was found to be gone.
        """
        undecided = [s for s in candidates if s.journal.undecided and s.settled and not s.seal]
        if not self._intake.idle:
            return undecided
        waiting = []
        family = _by_process(self._intake.live) if undecided else {}
        for segment in undecided:
            if not self._is_dead(segment):
                continue
            if segment.journal.orphaned is None:
                segment.journal.orphaned = self._intake.scans
            if segment.journal.orphaned == self._intake.scans:
                waiting.append(segment)
                continue
            others = [other for other in family.get(_process(segment), ()) if other is not segment]
            if all(other.at_end for other in others):
                for run_id in list(segment.journal.open):
                    if not any(_tells_more(other, segment, run_id) for other in others):
                        self._recover(segment, run_id)
                segment.journal.decided = True
        return waiting

    def _recover(self, segment: Segment, run_id: str) -> None:
        try:
            line = reader.recover(segment, run_id)
        except (OSError, ValueError) as error:
            _log.warning("%s: run %s can't be recovered: %s", segment.path, run_id[:100], error)
            return
        if line is None:
            return
        key = dedupe_key(line.kind, line.id)
        ledger = self._settlement.ledger
        known = ledger.delivered([key]).get(key)
        decision = ledger.judge(segment.number, line, key, known, self._settlement.in_flight.get(key))
        if decision in (Decision.DUPLICATE, Decision.CONFLICT):
            return  # it did end: its record stood in a segment that has gone
        segment.counts.records += 1
        segment.counts.recovered += 1
        if decision is Decision.SEND:
            self._settlement.held.hold(segment.handle, line)
            self._backlog.send(segment, line)
            _log.info("%s: run %s is recovered: its process died", segment.path, run_id[:100])
        else:
            self._settlement.settle(segment, line.number, decision)
        self._settlement.touch(segment)


def _tells_more(other: Segment, segment: Segment, run_id: str) -> bool:
    """Whether what became of a run stands rather in another segment of the same process.

    It does if it ended there; or if more of it, or the same later, is told there.  A sealed segment's open runs were
    all taken over by a later one; a process that was killed in the midst of that leaves the earlier one unsealed.
    """
    later = _sequence(other) > _sequence(segment)
    if run_id not in other.journal.known or (other.seal and not later):
        return False
    theirs = other.journal.open.get(run_id)
    mine = segment.journal.open[run_id]
    return theirs is None or (len(theirs.children), later) > (len(mine.children), not later)


def _by_process(segments: Iterable[Segment]) -> dict[str, list[Segment]]:
    """Return the segments of each process that has a name."""
    found: dict[str, list[Segment]] = defaultdict(list)
    for segment in segments:
        if process := _process(segment):
            found[process].append(segment)
    return found


def _process(segment: Segment) -> str:
    return segment.header.process if segment.header else ""


def _sequence(segment: Segment) -> int:
    return segment.header.sequence if segment.header else 0
