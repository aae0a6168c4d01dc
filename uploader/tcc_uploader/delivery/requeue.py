"""Carries out an operator's requests to send dead letters again, or to drop them."""

import logging
from dataclasses import dataclass, field

from tcc_schemas.faults import fault_text
from tcc_uploader.dead.letters import letter_line, segment_of
from tcc_uploader.model.fate import Counts, Decision, Place
from tcc_uploader.model.keys import dedupe_key, invalid_key
from tcc_uploader.model.letter import Letter, LetterRequest
from tcc_uploader.model.rows import SegmentRow

from .backlog import Backlog
from .settlement import Settlement, letter_row

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Requeue:
    """Takes requests, and queues the requeued letters.  Only the engine's thread uses it."""

    settlement: Settlement
    backlog: Backlog
    queued: set[str] = field(default_factory=set)
    """The ids of letters that this process has queued, so that none is queued twice for one request."""
    stuck: dict[str, LetterRequest] = field(default_factory=dict)
    """By name: requests that were carried out, but can't be removed; this is logged once for each."""

    def reconcile(self) -> None:
        """Make the ledger agree with the letters' files, and commit.  Raises OSError, :class:`LedgerError`.

        A letter that the ledger does not know was written by a process that was killed before its commit, or an earlier
        ledger is lost.  Its record is judged anew if its segment is still there: see :meth:`adopt_orphans`.
        """
        settlement = self.settlement
        stored = settlement.letters.ids()
        for ident in stored:
            row = settlement.ledger.letter(ident)
            if row is not None and row.fate in ("delivered", "dropped"):
                settlement.answered.append(ident)
            elif row is None:
                try:
                    letter = settlement.letters.read(ident)
                except (OSError, ValueError) as error:
                    _log.warning("letter %s can't be read: %s", ident, fault_text(error))
                else:
                    settlement.orphans[ident] = letter
        for row in (*settlement.ledger.letters_with("dead"), *settlement.ledger.letters_with("requeued")):
            if row.id not in stored:
                _log.warning("letter %s has no file any more: it counts as dropped", row.id)
                settlement.settle_letter(row, "dropped")
        settlement.commit()

    def adopt_orphans(self) -> None:
        """Add those letters to the ledger whose segments are not there.  Call this when all files were read.

        Raises :class:`LedgerError`.
        """
        present = {segment.id for segment in self.backlog.intake.live} if self.settlement.orphans else ()
        for letter in [letter for letter in self.settlement.orphans.values() if letter.segment not in present]:
            del self.settlement.orphans[letter.id]
            self._adopt(letter)

    def _adopt(self, letter: Letter) -> None:
        ledger, changes = self.settlement.ledger, self.settlement.changes
        row = ledger.segment(letter.segment)
        place = Place(ledger.begin(letter.segment)[0], letter.line)
        key = dedupe_key(letter.kind, letter.record_id) if letter.kind else invalid_key(letter.body_bytes)
        new = letter_row(letter, key, place, "dead")
        delivered = ledger.delivered([key]).get(key, ())
        if self.backlog.judge_now(key, new.known, delivered) in (Decision.DELIVERED, Decision.DUPLICATE):
            self.settlement.answered.append(letter.id)
            return
        _log.warning("dead letter %s was not in the ledger: it is now", letter.id)
        changes.letters.append(new)
        if row is not None and not row.counts.pending:
            return  # a copy with another record on this line was counted
        if row is not None:
            changes.adjustments.append((row.number, Counts(dead=1)))
            return
        earlier = self.settlement.adopted.get(place.segment)
        self.settlement.adopted[place.segment] = SegmentRow(
            number=place.segment,
            id=letter.segment,
            path=letter.source,
            size=0,
            finished=False,
            counts=(earlier.counts if earlier else Counts()) + Counts(records=1, dead=1),
            damaged=0,
            torn=0,
            refused=0,
            sealed=None,
        )

    def take_requests(self) -> None:
        """Carry out the waiting requests, commit, and remove them.  Raises OSError, :class:`LedgerError`."""
        waiting = self.settlement.letters.requests()
        if not waiting:
            return
        for name, request in waiting.items():
            if request != self.stuck.get(name):  # an operator may have replaced a request that is stuck
                self._take(request)
        self.settlement.commit()
        self.send_requeued()
        for name, request in waiting.items():
            try:
                self.settlement.letters.remove_request(name)
                self.stuck.pop(name, None)
            except OSError as error:
                if name not in self.stuck:
                    _log.warning("the request %s was carried out, but can't be removed: %s", name, error)
                self.stuck[name] = request

    def send_requeued(self) -> None:
        """Queue every letter that is requeued in the ledger and not queued yet.  Raises :class:`LedgerError`."""
        for row in self.settlement.ledger.letters_with("requeued"):
            if row.id in self.queued:
                continue
            try:
                letter = self.settlement.letters.read(row.id)
            except (OSError, ValueError) as error:
                _log.error("letter %s can't be sent again, because it can't be read: %s", row.id, fault_text(error))
                continue
            self.queued.add(row.id)
            segment = segment_of(letter, row.place.segment)
            self.backlog.intake.add(segment)
            self.backlog.enqueue(segment, letter_line(letter))

    def _take(self, request: LetterRequest) -> None:
        try:
            letter = self.settlement.letters.read(request.letter)
        except (OSError, ValueError) as error:
            _log.warning("there is no letter %s to %s: %s", request.letter, request.action, fault_text(error))
            return
        row = self.settlement.ledger.letter(letter.id)
        if row is None or row.fate != "dead":
            return  # it was requeued before, or is already settled
        if request.action == "drop":
            self.settlement.settle_letter(row, "dropped")
            return
        if request.letter_json is not None:
            self.settlement.letters.write(Letter.model_validate_json(request.letter_json))
        self.queued.discard(letter.id)
        self.settlement.settle_letter(row, "requeued")
