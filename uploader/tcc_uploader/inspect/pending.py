"""Find the pending records of some runs, for an operator who wants to drop them."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from tcc_schemas.lines import Line
from tcc_uploader.files import file_name
from tcc_uploader.ledger.judge import Judged, judge_one, known_of
from tcc_uploader.model.fate import Decision, Known
from tcc_uploader.model.keys import ByKey, dedupe_key
from tcc_uploader.model.ledger import Ledger
from tcc_uploader.model.letter import Letter, PendingRecord
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool import reader
from tcc_uploader.spool.removal import writer_is_gone
from tcc_uploader.spool.segment import Segment

from .survey import FileReport, examine


@dataclass(kw_only=True)
class PendingRuns(FileReport):
    """The pending records of the runs that were looked for."""

    records: list[tuple[Line, PendingRecord]] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    """Their letters that wait to be sent again."""
    others: dict[str, int] = field(default_factory=dict)
    """By path of a file with such a record: how many more records of this file are pending."""
    stays: set[str] = field(default_factory=set)
    """Those of the files that no uploader removes: they are damaged, or no segments of a recorder."""
    unended: set[str] = field(default_factory=set)
    """Runs that are still being recorded: nobody knows yet what their records will be."""


def find_pending(
    spools: list[Path], ledger: Ledger, run_ids: AbstractSet[str], letters: Iterable[Letter] = ()
) -> PendingRuns:
    """Find the pending records of these runs, also among ``letters``, which wait to be sent again.

    What can't be read is in the report.  Raises :class:`LedgerError`.
    """
    result = PendingRuns(letters=[letter for letter in letters if (letter.run_id or letter.record_id) in run_ids])
    seen = ByKey[Known]()

    def take(segment: Segment) -> None:
        row = ledger.segment(segment.id)
        segment.number = row.number if row else 0
        wanted: list[PendingRecord] = []

        def note(judged: Judged, *, recovered: bool = False) -> None:
            if judged.line.run_id in run_ids or (judged.line.kind == "run" and judged.line.id in run_ids):
                wanted.append(_pending(segment, judged, recovered=recovered))
                result.records.append((judged.line, wanted[-1]))

        examine(segment, ledger, seen, note)
        for run_id in run_ids & segment.journal.open.keys() if not segment.seal else ():
            if not writer_is_gone(segment):
                result.unended.add(run_id)
            elif (judged := _recovered(segment, run_id, ledger)) is not None:
                note(judged, recovered=True)
        waiting = sum(letter.segment == segment.id for letter in result.letters)
        if wanted or waiting:
            source = file_name(segment.file)
            dropped = waiting + sum(not record.recovered for record in wanted)
            result.others[source] = segment.counts.pending - dropped
            result.stays |= set() if segment.removable or segment.journal.undecided else {source}

    result.look(Sources(spools), take)
    return result


def _recovered(segment: Segment, run_id: str, ledger: Ledger) -> Judged | None:
    """Return the record that will be made of a run whose process died; None if none is made, or it is not pending."""
    line = reader.recover(segment, run_id)
    if line is None:
        return None
    key, known = dedupe_key(line.kind, line.id), known_of(line, segment.number)
    decision = judge_one(ledger, key, known, ledger.delivered([key]).get(key, ()), ())
    return Judged(line, key, known, decision) if decision is Decision.SEND else None


def _pending(segment: Segment, judged: Judged, *, recovered: bool) -> PendingRecord:
    line, key, known, _ = judged
    return PendingRecord(
        segment=segment.id,
        source=file_name(segment.file),
        line=line.number,
        end=line.offset + line.size,
        recovered=recovered,
        key=key,
        hint=known.hint,
        digest=known.digest,
    )
