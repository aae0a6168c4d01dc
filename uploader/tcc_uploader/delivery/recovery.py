"""Recovers runs that did not end because their process died: makes records of them from the journal."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from tcc_schemas.lines import Line
from tcc_uploader.boundary import UnexpectedError
from tcc_uploader.ledger.judge import known_of
from tcc_uploader.model.fate import Decision
from tcc_uploader.model.keys import dedupe_key
from tcc_uploader.spool import reader
from tcc_uploader.spool.segment import Segment

from .backlog import Backlog

_log = logging.getLogger(__name__)


def recover(backlog: Backlog, candidates: Iterable[Segment], is_gone: Callable[[Segment], bool]) -> list[Segment]:
    """Queue a record for every open run whose process is gone; return the segments that must wait.

    ``is_gone`` tells whether a segment's writer is gone.  A run's end may be in a later segment of the same process,
    and this segment may be newer than the last scan.  So a run is recovered only after a scan that began after the
    process was found to be gone.  Raises :class:`LedgerError`.
    """
    intake = backlog.intake
    undecided = [s for s in candidates if s.journal.undecided and s.at_end and not s.seal]
    if not undecided or not intake.idle:
        return undecided
    by_process: dict[str, list[Segment]] = defaultdict(list)
    for segment in intake.live:
        if process := _process(segment):
            by_process[process].append(segment)
    waiting = []
    for segment in undecided:
        if not is_gone(segment):
            continue
        if segment.journal.orphaned is None:
            segment.journal.orphaned = intake.scans
        if segment.journal.orphaned == intake.scans:
            waiting.append(segment)
            continue
        others = [other for other in by_process.get(_process(segment), ()) if other is not segment]
        if all(other.at_end for other in others):
            _recover_all(backlog, segment, others)
    return waiting


def _recover_all(backlog: Backlog, segment: Segment, others: Sequence[Segment]) -> None:
    """Recover the open runs of a segment, except those about which another segment of its process knows more."""
    journal = segment.journal
    for run_id in list(journal.open):
        if any(_tells_more(other, segment, run_id) for other in others):
            continue
        try:
            line = _read_run(backlog, segment, run_id)
        except OSError as error:
            fields = {"action": "run_unreadable", "file": segment.file, "run": run_id[:100], "why": error}
            _log.warning("%(file)s: run %(run)s can't be read now: %(why)s", fields)
            return  # the next call tries it again
        if line is not None:
            _take_up(backlog, segment, line)
        journal.end(run_id)
    journal.decided = True


def _read_run(backlog: Backlog, segment: Segment, run_id: str) -> Line | None:
    """Return the record of an open run; None if none can be made of its lines: then the file stays.  Raises OSError."""
    try:
        return reader.recover(segment, run_id, backlog.intake.host.disk)
    except ValueError as error:
        fields = {"action": "run_lost", "file": segment.file, "run": run_id[:100], "why": error}
        _log.warning("%(file)s: run %(run)s can't be recovered: %(why)s", fields)
        segment.damaged += 1
        segment.unexpected += isinstance(error, UnexpectedError)
        backlog.settlement.touched.add(segment)
        return None


def _take_up(backlog: Backlog, segment: Segment, line: Line) -> None:
    """Judge a run that was recovered, and queue it."""
    settlement = backlog.settlement
    key = dedupe_key(line.kind, line.id)
    delivered = settlement.ledger.delivered([key]).get(key, ())
    known = known_of(line, segment.number)
    decision = backlog.judge_now(key, known, delivered)
    if decision in (Decision.DUPLICATE, Decision.CONFLICT):
        return  # the run did end: its record was in a segment that is gone
    segment.counts.records += 1
    segment.counts.recovered += 1
    if backlog.intake.sources.choice.leaves_out(line, decision):
        pass  # it is counted as pending, so that its file stays
    elif decision is Decision.SEND:
        backlog.cache.pin(segment.handle, line)
        backlog.enqueue(segment, line)
        fields = {"action": "run_recovered", "file": segment.file, "run": line.id[:100]}
        _log.info("%(file)s: run %(run)s is recovered: its process died", fields)
    else:
        settlement.settle_line(segment, line, known.digest, decision)
    settlement.touched.add(segment)


def _tells_more(other: Segment, segment: Segment, run_id: str) -> bool:
    """Whether ``other``, of the same process, knows more than ``segment`` about a run that is open in ``segment``."""
    if run_id not in other.journal.known:
        return False
    is_later = _sequence(other) > _sequence(segment)
    if other.seal and not is_later:
        return False  # the next segment takes over the open runs of a sealed one, so the sealed one knows less
    theirs = other.journal.open.get(run_id)
    if theirs is None:
        return True  # the run ended there
    # the run is open in both: the process died while it copied the run to the later segment.  The segment with more
    # children of the run counts; if the numbers are equal, the later segment.
    mine = segment.journal.open[run_id]
    if len(theirs.children) != len(mine.children):
        return len(theirs.children) > len(mine.children)
    return is_later


def _process(segment: Segment) -> str:
    return segment.header.process if segment.header else ""


def _sequence(segment: Segment) -> int:
    return segment.header.sequence if segment.header else 0
