"""What came of each record: counted on its segment, and noted for the ledger's next commit."""

import logging
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from tcc_schemas.lines import Line
from tcc_schemas.plain import Invalid
from tcc_uploader.dead import store
from tcc_uploader.files import file_name
from tcc_uploader.ledger.rows import Adjustment, Changes, Delivered, LetterFate, LetterRow
from tcc_uploader.ledger.sqlite import Ledger
from tcc_uploader.model.fate import Counts, Decision, Known, Place
from tcc_uploader.model.keys import dedupe_key, digest_of, idempotency_token, invalid_key, invalid_token
from tcc_uploader.model.letter import Letter, body_text, letter_id, now_text
from tcc_uploader.spool.format import Format
from tcc_uploader.spool.segment import Segment
from tcc_uploader.transport.answers import Answer

from .line_cache import LineCache

_log = logging.getLogger(__name__)


class Cause(NamedTuple):
    """Why a record is dead; ``body`` is what of it could not be delivered."""

    reason: str
    detail: str
    body: bytes
    answer: Answer | None = None
    url: str | None = None


class _UnwrittenLetter(NamedTuple):
    segment: Segment
    letter: Letter
    key: bytes
    token: bytes


class Settlement:
    """The fates of this commit.  Nothing here is true before :meth:`commit` has returned."""

    def __init__(self, ledger: Ledger, state: Path, counted: Callable[[int], Segment | None]) -> None:
        self.in_flight: dict[bytes, Known] = {}
        """What is being sent under a key, or was delivered and is not committed yet."""
        self.held = LineCache()
        self.total = Counts()
        """The fates met in this process, by records sent or settled here."""
        self._met = 0
        self._ledger = ledger
        self._state = state
        self._counted = counted
        self._unwritten_letters: list[_UnwrittenLetter] = []
        """Letters to be written before anything says that their records are dead."""
        self._answered: list[Path] = []
        """Letters whose record was delivered, or dropped, after all."""
        self._changes = Changes.none()
        self._touched: set[Segment] = set()

    @property
    def touched(self) -> Collection[Segment]:
        """Segments whose counts have changed since the last commit."""
        return self._touched

    @property
    def met(self) -> int:
        """How many records met a fate in this process: it grows while there is progress."""
        return self._met

    @property
    def adjusts(self) -> bool:
        """Whether counts in the ledger are to be changed: no file may be judged before they are."""
        return bool(self._changes.adjustments)

    @property
    def ledger(self) -> Ledger:
        """What was committed."""
        return self._ledger

    def touch(self, segment: Segment) -> None:
        """Have a segment's counts written with the next commit."""
        self._touched.add(segment)

    def settle(self, segment: Segment, number: int, decision: Decision) -> None:
        """Count the record on this line, which met a fate without being sent."""
        self._count(segment, number, decision)
        self.total.duplicate += decision is Decision.DUPLICATE

    def delivered(self, key: bytes, token: bytes, place: Place) -> None:
        """Note that the server has these bytes under this key."""
        known = Known(digest_of(token), place)
        self.in_flight[key] = known
        self._changes.delivered.append(Delivered(key, *known))

    def count_delivered(self, segment: Segment, number: int) -> None:
        """Count the record on this line as delivered here and now."""
        self._count(segment, number, Decision.DELIVERED)
        self.total.delivered += 1

    def dead_letter(self, segment: Segment, line: Line, cause: Cause) -> None:
        """Make a dead letter of a record."""
        key = dedupe_key(line.kind, line.id)
        token = idempotency_token(line.kind, line.id, line.body)
        letter = Letter(
            id=letter_id(segment.id, line.number),
            reason=cause.reason,
            detail=cause.detail,
            status=cause.answer.status if cause.answer else None,
            answer=cause.answer.text.decode(errors="replace") if cause.answer else "",
            url=cause.url,
            segment=segment.id,
            source=file_name(segment.path),
            line=line.number,
            kind=line.kind,
            record_id=line.id,
            run_id=line.run_id or "",
            path=line.path or "",
            record_url=line.url,
            key=line.key,
            died_at=now_text(),
            body=body_text(cause.body),
        )
        self._unwritten_letters.append(_UnwrittenLetter(segment, letter, key, token))

    def dead_letter_invalid(self, segment: Segment, invalid: Invalid) -> None:
        """Make a dead letter of a plain line that no wire item matches, unless it is one already."""
        decision = self._ledger.judge_invalid(Place(segment.number, invalid.number), invalid.raw)
        if decision is not Decision.SEND:
            self.settle(segment, invalid.number, decision)
            return
        letter = Letter(
            id=letter_id(segment.id, invalid.number),
            reason="invalid",
            detail=invalid.detail,
            segment=segment.id,
            source=file_name(segment.path),
            line=invalid.number,
            died_at=now_text(),
            body=body_text(invalid.raw),
        )
        self._unwritten_letters.append(
            _UnwrittenLetter(segment, letter, invalid_key(invalid.raw), invalid_token(invalid.raw))
        )

    def write_letters(self) -> None:
        """Write the letters of dead records.  Raises OSError; nothing is lost then, call it again later."""
        while self._unwritten_letters:
            segment, letter, key, token = self._unwritten_letters[0]
            store.write(self._state, letter)
            self._unwritten_letters.pop(0)
            place = Place(segment.number, letter.line)
            self._changes.letters.append(LetterRow(letter.id, key, digest_of(token), place, "dead", letter.reason))
            self._count(segment, letter.line, Decision.DEAD)
            self.total.dead += 1
            where = f"{segment.path} line {letter.line}"
            _log.warning("dead letter %s: %s: %s: %s", letter.id, where, letter.reason, letter.detail)

    def commit(self, finished: Iterable[Segment] = ()) -> None:
        """Write everything to the ledger; ``finished`` are segments that no record can be added to any more.

        Raises :class:`sqlite3.Error`; nothing is lost then, call it again later.
        """
        rows = {segment.number: segment.row(finished=False) for segment in self._touched}
        rows |= {segment.number: segment.row(finished=True) for segment in finished}
        self._changes.segments = rows
        if not self._changes:
            return
        self._ledger.commit(self._changes)
        for delivered in self._changes.delivered:
            self.in_flight.pop(delivered.key, None)
        for path in self._answered:
            path.unlink(missing_ok=True)
        self._answered.clear()
        self._changes = Changes.none()
        self._touched = set()

    def answer_letter(self, row: LetterRow, fate: LetterFate) -> None:
        """Note what became of a letter: sent again (its record is pending), delivered after all, or dropped."""
        self._changes.letters.append(row._replace(fate=fate))
        if row.fate == "dead":
            self._adjust(row.place, "dead", -1)
        if fate == "dropped":
            self._adjust(row.place, "dropped", 1)
        if fate != "requeued":
            self._answered.append(store.path_of(self._state, row.id))

    def _count(self, segment: Segment, number: int, decision: Decision) -> None:
        """Count a fate on the segment that the record came from."""
        self._met += 1
        self.held.release(segment.handle, number)
        if segment.format is not Format.LETTER:
            segment.counts.add(decision)
            self.touch(segment)
            return
        row = self._ledger.letter(segment.path.stem)
        place = row.place if row else Place(segment.number, 0)
        if decision is not Decision.DELIVERED:
            self._adjust(place, "dead", 1)
            return
        self._adjust(place, "delivered", 1)
        if row is not None:
            self.answer_letter(row, "delivered")

    def _adjust(self, place: Place, fate: Literal["delivered", "dead", "dropped"], by: int) -> None:
        """Change a count of a segment in the ledger, and of its file if that is open here and was read so far."""
        self._changes.adjustments.append(Adjustment(place.segment, fate, by))
        segment = self._counted(place.segment)
        if segment is not None:
            self.touch(segment)
            if place.line <= segment.lines:  # else the line counts as what it is by then, when it is read
                setattr(segment.counts, fate, getattr(segment.counts, fate) + by)
