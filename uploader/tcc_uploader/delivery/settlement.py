"""Settles records: counts each in its segment, and writes it to the ledger with the next commit."""

import logging
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from tcc_schemas.lines import Line
from tcc_schemas.plain import Invalid
from tcc_uploader.clock import Clock
from tcc_uploader.dead.letters import Cause, letter_of
from tcc_uploader.files import file_name
from tcc_uploader.ledger.judge import judge_invalid
from tcc_uploader.model.fate import Counts, Decision, Known, Place
from tcc_uploader.model.keys import dedupe_key, digest_of, hint_number
from tcc_uploader.model.ledger import Ledger
from tcc_uploader.model.letter import Letter, letter_id
from tcc_uploader.model.letter_store import LetterStore
from tcc_uploader.model.rows import Adjustment, Changes, LetterFate, LetterRow, SegmentRow
from tcc_uploader.spool.format import Format
from tcc_uploader.spool.segment import Segment

from .events import Committed
from .intake import Intake
from .line_cache import LineCache

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Settlement:
    """The settled records of the next commit.  None of them counts as settled before :meth:`commit` has returned."""

    ledger: Ledger
    """Holds what was committed."""
    letters: LetterStore
    cache: LineCache
    clock: Clock
    intake: Intake
    default_hint: str | None
    """The hint of the key with which records without one are sent; None: no key is held."""
    changes: Changes = field(default_factory=Changes)
    """What the next commit writes, without the rows of ``touched``."""
    unwritten_letters: deque[tuple[Segment, Letter, LetterRow]] = field(default_factory=deque)
    """Letters that must be written before the ledger says that their records are dead, each with its row."""
    touched: set[Segment] = field(default_factory=set)
    """Segments whose counts have changed since the last commit."""
    total: Counts = field(default_factory=Counts)
    """How many records this process has settled as delivered, duplicate, dead or dropped, and committed."""
    uncommitted_total: Counts = field(default_factory=Counts)
    """How many more it has settled since the last commit."""
    uncommitted_counts: Counts = field(default_factory=Counts)
    """What of this the counts of files have already."""
    letters_apart: int = 0
    """How many letters were delivered of records that no file here was counted with."""
    settled: int = 0
    """How many records this process has settled, or found to be requeued: a measure of progress."""
    answered: list[str] = field(default_factory=list)
    """The ids of letters that were delivered or dropped; they are removed after the commit."""
    orphans: dict[str, Letter] = field(default_factory=dict)
    """The letters that the ledger does not know, by id: their records are judged anew."""
    uncommitted: dict[tuple[bytes, int], list[LetterRow]] = field(default_factory=dict)
    """The rows of letters that the next commit writes, by key and digest: a copy may make very many conflicts."""
    counted_letters: WeakKeyDictionary[Segment, set[str]] = field(default_factory=WeakKeyDictionary)
    """By open file: the ids of the letters that were found when the records on its lines were counted.

    Not every letter of a segment is that of a line of this file: a copy may have had another record there, and a line
    may be damaged since.
    """
    adopted: dict[int, SegmentRow] = field(default_factory=dict)
    """The rows that the next commit writes for segments of which only letters are left, by number."""

    def settle(self, segment: Segment, number: int, decision: Decision, *, newly: bool = False) -> None:
        """Count the record on line ``number`` as settled; ``newly`` if this process delivered it or made its letter."""
        self.settled += 1
        is_new = newly or decision is Decision.DUPLICATE
        if is_new:
            self.uncommitted_total.add(decision)
        self.cache.drop(segment.handle, number)
        if segment.format is not Format.LETTER:
            segment.counts.add(decision)
            if is_new:
                self.uncommitted_counts.add(decision)
            self.touched.add(segment)
        elif decision is not Decision.DELIVERED:
            self._adjust(segment.letter, "dead", segment.number, Counts(dead=1))  # a requeued letter that is dead again
        elif row := self.ledger.letter(segment.letter):
            self.settle_letter(row, "delivered")

    def settle_line(
        self, segment: Segment, line: Line, digest: int, decision: Decision, *, newly: bool = False
    ) -> None:
        """Settle a record as :meth:`settle` does; if it has a letter that the ledger does not know, remove that.

        ``digest`` is that of the record's bytes: see :func:`.keys.digest_of`.
        """
        has_letter = decision in (Decision.DEAD, Decision.REQUEUED)
        if (self.orphans or has_letter) and segment.format is not Format.LETTER:
            ident = letter_id(segment.id, line.number, digest, line.key)
            if self.orphans.pop(ident, None) is not None:
                self.answered.append(ident)
            if has_letter:
                self._count_letter(segment, ident)
        self.settle(segment, line.number, decision, newly=newly)

    def delivered(self, key: bytes, known: Known) -> None:
        """Note that the server has these bytes under this key.  A key keeps what was delivered first."""
        if self.changes.delivered.get(key, known.hint) is None:
            self.changes.delivered.put(key, known.hint, known)

    def dead_letter(self, segment: Segment, line: Line, digest: int, cause: Cause) -> None:
        """Make a dead letter of a record; ``digest`` is that of its bytes."""
        self._add_letter(segment, line, digest, cause, dedupe_key(line.kind, line.id))

    def dead_letter_invalid(self, segment: Segment, invalid: Invalid) -> None:
        """Make a dead letter of a plain line that is no record, unless it has one.  Raises :class:`LedgerError`."""
        line, key, known, decision = judge_invalid(self.ledger, segment.number, invalid)
        if self.intake.sources.choice.leaves_out(line, decision):
            return
        if decision is Decision.SEND:
            self._add_letter(segment, line, known.digest, Cause("invalid", invalid.detail, invalid.raw), key)
            return
        self._count_letter(segment, letter_id(segment.id, line.number, known.digest, None))
        self.settle(segment, line.number, decision)

    def _add_letter(self, segment: Segment, line: Line, digest: int, cause: Cause, key: bytes) -> None:
        letter = letter_of(segment, line, cause, digest).model_copy(update={"default_key": self.default_hint})
        row = letter_row(letter, key, Place(segment.number, line.number), "dead")
        self.unwritten_letters.append((segment, letter, row))
        self._index(row)

    def digest_of(self, segment: Segment, token: bytes) -> int:
        """Return the digest of a record; for a letter, which may hold a part only, that of its original record."""
        row = self.ledger.letter(segment.letter) if segment.letter else None
        return row.digest if row else digest_of(token)

    def uncommitted_letters(self, key: bytes, digest: int) -> list[LetterRow]:
        """Return the letters of equal records that the next commit writes, in their order.

        Other bytes are no conflict yet: the letter may be that of a conflict itself, and its rival another project's.
        """
        return self.uncommitted.get((key, digest), [])

    def _count_letter(self, segment: Segment, ident: str) -> None:
        self.counted_letters.setdefault(segment, set()).add(ident)

    def write_letters(self) -> None:
        """Write the letters of dead records, and count the records as dead.  Raises OSError."""
        while self.unwritten_letters:
            segment, letter, row = self.unwritten_letters[0]
            self.letters.write(letter)
            self.unwritten_letters.popleft()
            self.orphans.pop(letter.id, None)  # it was written anew
            self.changes.letters.append(row)
            self._count_letter(segment, letter.id)
            self.settle(segment, letter.line, Decision.DEAD, newly=True)
            _log.warning(
                "dead letter %(letter)s: %(file)s line %(line)d: %(reason)s; see `tcc-upload dead show %(letter)s`",
                {
                    "action": "dead",
                    "letter": letter.id,
                    "file": segment.file,
                    "line": letter.line,
                    "reason": letter.reason,
                },
            )

    def commit(self, finished: Collection[Segment] = ()) -> None:
        """Write the letters, then all changes to the ledger.  No record can be added to the ``finished`` segments.

        A segment that another uploader counts now is not ``counted_here`` any more, and not finished.

        Raises OSError, :class:`LedgerError`; nothing is lost then, so call this again later.
        """
        self.write_letters()
        now = int(self.clock.wall())
        for segment in finished:
            segment.finished_at = segment.finished_at or now
        rows = {s.number: row_of(s, finished=False, now=now) for s in self.touched if s.counted_here}
        self.changes.segments = {**self.adopted, **rows}
        self.changes.segments |= {segment.number: row_of(segment, finished=True, now=now) for segment in finished}
        keys = len(self.changes.delivered)
        if self.changes:
            self.ledger.commit(self.changes)
            for segment in (*self.touched, *finished):
                segment.counted_here = segment.counted_here and segment.number not in self.ledger.refused
            self.changes = Changes()
            self.uncommitted.clear()
            self.touched.clear()
            self.adopted.clear()
        self._note_committed(keys)
        while self.answered:
            ident = self.answered.pop()
            try:
                self.letters.remove(ident)
            except OSError as error:  # harmless: the ledger knows that the letter is settled
                _log.warning(
                    "the letter %(letter)s is settled, but can't be removed: %(why)s",
                    {"action": "letter_stays", "letter": ident, "why": error},
                )

    def _note_committed(self, keys: int) -> None:
        """Count what was committed, and tell it, if that is anything."""
        counts = self.uncommitted_total
        self.total += counts
        self.uncommitted_total, self.uncommitted_counts = Counts(), Counts()
        if keys or counts != Counts():
            self.intake.host.hear(Committed(counts, keys))

    def is_answered(self, ident: str) -> bool:
        """Whether the letter with this id does not wait to be sent any more: its record is settled, or dead again."""
        row = self.ledger.letter(ident)
        return row is not None and row.fate != "requeued"

    def note_letter(self, row: LetterRow) -> None:
        """Let the next commit write a letter's row."""
        self.changes.letters.append(row)
        self._index(row)

    def _index(self, row: LetterRow) -> None:
        self.uncommitted.setdefault((row.key, row.digest), []).append(row)

    def settle_letter(self, row: LetterRow, fate: LetterFate) -> None:
        """Note that a letter was requeued (its record is pending now), delivered, or dropped."""
        self.note_letter(row._replace(fate=fate))
        self.uncommitted_total.dropped += fate == "dropped"
        counts = Counts(dead=-(row.fate == "dead"), delivered=int(fate == "delivered"), dropped=int(fate == "dropped"))
        is_counted = self._adjust(row.id, fate, row.place.segment, counts)
        self.letters_apart += fate == "delivered" and not is_counted
        if fate != "requeued":
            self.answered.append(row.id)

    def _adjust(self, letter: str, fate: LetterFate, number: int, by: Counts) -> bool:
        """Add to a segment's counts in the ledger, and in its open file if the letter's record was counted there.

        Return whether it was.
        """
        self.changes.adjustments.append(Adjustment(letter, fate, number, by))
        segment = self.intake.counted(number)
        if segment is None:
            return False
        self.touched.add(segment)
        if letter not in self.counted_letters.get(segment, ()):
            return False
        segment.counts += by
        self.uncommitted_counts += by
        return True


def letter_row(letter: Letter, key: bytes, place: Place, fate: LetterFate) -> LetterRow:
    """Return the ledger's row for a letter whose record has this key and place."""
    return LetterRow(letter.id, key, letter.digest, place, fate, letter.reason, hint_number(letter.key))


def row_of(segment: Segment, *, finished: bool, now: int) -> SegmentRow:
    """Return the ledger's row for a segment; ``now`` is in seconds since 1970."""
    seal = segment.seal
    return SegmentRow(
        number=segment.number,
        id=segment.id,
        path=file_name(segment.file),
        size=segment.size if segment.at_end else segment.offset,  # what follows may be taken back by its writer
        finished=finished,
        counts=segment.counts,
        damaged=segment.damaged + segment.cut,
        torn=segment.torn if segment.at_end else 0,
        refused=seal.refused if seal else 0,
        sealed=seal.records if seal else None,
        skipped=segment.skipped,
        last_commit=segment.finished_at or now,
    )
