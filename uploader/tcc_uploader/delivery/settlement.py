"""What became of each record: counted on its segment, and written with the ledger's next commit."""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tcc_schemas.lines import Line
from tcc_schemas.plain import Invalid
from tcc_uploader.dead import store
from tcc_uploader.dead.store import Cause
from tcc_uploader.files import file_name
from tcc_uploader.ledger.judge import judge_invalid
from tcc_uploader.ledger.rows import Changes, LetterFate, LetterRow, SegmentRow
from tcc_uploader.ledger.sqlite import Ledger
from tcc_uploader.model.fate import Counts, Decision, Known, Place
from tcc_uploader.model.keys import dedupe_key, digest_of, idempotency_token, invalid_key, invalid_token
from tcc_uploader.model.letter import Letter
from tcc_uploader.spool.format import Format
from tcc_uploader.spool.segment import Segment

from .line_cache import LineCache

_log = logging.getLogger(__name__)


class _UnwrittenLetter(NamedTuple):
    segment: Segment
    letter: Letter
    key: bytes
    digest: int


@dataclass(slots=True, eq=False)
class Settlement:
    """The settled records of the next commit.  Nothing here is true before :meth:`commit` has returned."""

    ledger: Ledger
    """What was committed."""
    state: Path
    cache: LineCache
    counted: Callable[[int], Segment | None]
    """Returns the open file whose counts are those of the segment with a number."""
    changes: Changes = field(default_factory=Changes)
    """What the next commit writes, but for the rows of ``touched``."""
    unwritten_letters: deque[_UnwrittenLetter] = field(default_factory=deque)
    """Letters to be written before anything says that their records are dead."""
    touched: set[Segment] = field(default_factory=set)
    """Segments whose counts have changed since the last commit."""
    total: Counts = field(default_factory=Counts)
    """What was settled by this process: delivered, duplicate and dead."""
    settled: int = 0
    """How many records were settled by this process, or found to be requeued: it grows while there is progress."""
    answered: list[Path] = field(default_factory=list)
    """Letters whose record was delivered or dropped after all: their files go after the commit."""

    @property
    def waits(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self.touched or self.unwritten_letters or self.changes)

    @property
    def adjusts(self) -> bool:
        """Whether counts in the ledger are to be changed: no file may be judged before they are."""
        return bool(self.changes.adjustments)

    def settle(self, segment: Segment, number: int, decision: Decision) -> None:
        """Count the record on this line, which was settled without being sent."""
        self._count(segment, number, decision)
        self.total.duplicate += decision is Decision.DUPLICATE

    def delivered(self, key: bytes, known: Known) -> None:
        """Note that the server has these bytes under this key; a key stays with the place that it came from first."""
        before = self.changes.delivered.setdefault(key, known)
        if before.place == known.place:
            self.changes.delivered[key] = known

    def count_delivered(self, segment: Segment, number: int) -> None:
        """Count the record on this line as delivered here and now."""
        self._count(segment, number, Decision.DELIVERED)
        self.total.delivered += 1

    def dead_letter(self, segment: Segment, line: Line, cause: Cause) -> None:
        """Make a dead letter of a record."""
        token = idempotency_token(line.kind, line.id, line.body)
        self._add_letter(segment, line, cause, dedupe_key(line.kind, line.id), token)

    def dead_letter_invalid(self, segment: Segment, invalid: Invalid) -> None:
        """Make a dead letter of a plain line that is no record, unless it is one already."""
        decision = judge_invalid(self.ledger, segment.number, invalid)
        if decision is not Decision.SEND:
            self.settle(segment, invalid.number, decision)
            return
        cause = Cause("invalid", invalid.detail, invalid.raw)
        self._add_letter(segment, invalid.line, cause, invalid_key(invalid.raw), invalid_token(invalid.raw))

    def _add_letter(self, segment: Segment, line: Line, cause: Cause, key: bytes, token: bytes) -> None:
        letter = store.letter_of(segment, line, cause)
        self.unwritten_letters.append(_UnwrittenLetter(segment, letter, key, digest_of(token)))

    def _write_letters(self) -> None:
        """Write the letters of dead records, before anything says that they are dead.  Raises OSError."""
        while self.unwritten_letters:
            segment, letter, key, digest = self.unwritten_letters[0]
            store.write(self.state, letter)
            self.unwritten_letters.popleft()
            place = Place(segment.number, letter.line)
            self.changes.letters.append(LetterRow(letter.id, key, digest, place, "dead", letter.reason))
            self._count(segment, letter.line, Decision.DEAD)
            self.total.dead += 1
            where = f"{segment.path} line {letter.line}"
            _log.warning("dead letter %s: %s: %s: %s", letter.id, where, letter.reason, letter.detail)

    def commit(self, finished: Iterable[Segment] = ()) -> None:
        """Write the letters, then everything to the ledger; to ``finished`` segments no record can be added any more.

        Raises OSError, :class:`LedgerError`; nothing is lost then, call it again later.
        """
        self._write_letters()
        rows = {segment.number: row_of(segment, finished=False) for segment in self.touched}
        rows |= {segment.number: row_of(segment, finished=True) for segment in finished}
        self.changes.segments = rows
        if not self.changes:
            return
        self.ledger.commit(self.changes)
        self.changes = Changes()
        self.touched.clear()
        while self.answered:
            path = self.answered.pop()
            try:
                path.unlink(missing_ok=True)
            except OSError as error:  # the ledger has the last word on it
                _log.warning("%s is settled, and can't be removed: %s", path, error)

    def settle_letter(self, row: LetterRow, fate: LetterFate) -> None:
        """Note what became of a letter: queued again (its record is pending), delivered after all, or dropped."""
        self.changes.letters.append(row._replace(fate=fate))
        counts = Counts(dead=-(row.fate == "dead"), delivered=int(fate == "delivered"), dropped=int(fate == "dropped"))
        self._adjust(row.place, counts)
        if fate != "requeued":
            self.answered.append(store.path_of(self.state, row.id))

    def _count(self, segment: Segment, number: int, decision: Decision) -> None:
        """Count a settled record on the segment that it came from."""
        self.settled += 1
        self.cache.drop(segment.handle, number)
        if segment.format is not Format.LETTER:
            segment.counts.add(decision)
            self.touched.add(segment)
        elif decision is not Decision.DELIVERED:
            self._adjust(Place(segment.number, number), Counts(dead=1))  # it was requeued, and is dead again
        elif row := self.ledger.letter(segment.path.stem):
            self.settle_letter(row, "delivered")

    def _adjust(self, place: Place, by: Counts) -> None:
        """Add to the counts of a segment in the ledger, and of its file if that is open here and was read so far."""
        self.changes.adjustments.append((place.segment, by))
        segment = self.counted(place.segment)
        if segment is not None:
            self.touched.add(segment)
            if place.line <= segment.lines:  # else the line counts as what it is by then, when it is read
                segment.counts += by


def row_of(segment: Segment, *, finished: bool) -> SegmentRow:
    """Return what the ledger keeps of a segment."""
    seal = segment.seal
    return SegmentRow(
        number=segment.number,
        id=segment.id,
        path=file_name(segment.path),
        size=segment.size,
        finished=finished,
        counts=segment.counts,
        damaged=segment.damaged + segment.cut,
        torn=segment.torn,
        refused=seal.refused if seal else 0,
        sealed=seal.records if seal else None,
    )
