"""Carries out an operator's requests to send dead letters again, or to drop them."""

import logging
from dataclasses import dataclass, field

from tcc_schemas.faults import fault_text
from tcc_uploader.dead.letters import letter_line, segment_of
from tcc_uploader.model.fate import Counts, Decision, Known, Place
from tcc_uploader.model.keys import dedupe_key, invalid_key, invalid_token
from tcc_uploader.model.ledger import Unavailable
from tcc_uploader.model.letter import Letter, LetterRequest, PendingRecord
from tcc_uploader.model.rows import Adjustment, LetterRow, SegmentRow

from .backlog import Backlog
from .committer import Committer
from .settlement import Settlement, letter_row

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Requeue:
    """Takes requests, and queues the requeued letters.  Only the engine's thread uses it."""

    settlement: Settlement
    backlog: Backlog
    committer: Committer
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
        waiting = (*settlement.ledger.letters_with("dead"), *settlement.ledger.letters_with("requeued"))
        stored = settlement.letters.ids()
        for ident in stored:
            row = settlement.ledger.letter(ident)
            if row is not None and row.fate in ("delivered", "dropped"):
                settlement.answered.append(ident)
            elif row is None:
                try:
                    letter = settlement.letters.read(ident)
                except (OSError, ValueError) as error:
                    _log.warning(
                        "letter %(letter)s can't be read: %(why)s",
                        {"action": "letter_unreadable", "letter": ident, "why": fault_text(error)},
                    )
                else:
                    settlement.orphans[ident] = letter
        for row in waiting:
            # asked again, because another uploader may have settled it since
            if row.id not in stored and settlement.ledger.letter(row.id) == row:
                _log.warning(
                    "letter %(letter)s has no file any more: it counts as dropped",
                    {"action": "letter_gone", "letter": row.id},
                )
                settlement.settle_letter(row, "dropped")
        settlement.commit()

    def adopt_orphans(self) -> None:
        """Add those letters to the ledger whose segments are not there.  Call this when all files were read.

        Raises :class:`LedgerError`.
        """
        if self.committer.trouble:
            return  # their segments' rows may be there already, and not be known to be
        present = {segment.id for segment in self.backlog.intake.live} if self.settlement.orphans else ()
        for letter in [letter for letter in self.settlement.orphans.values() if letter.segment not in present]:
            del self.settlement.orphans[letter.id]
            self._adopt(letter)

    def _adopt(self, letter: Letter) -> None:
        ledger = self.settlement.ledger
        row = ledger.segment(letter.segment)
        place = Place(ledger.number(letter.segment), letter.line)
        key = (
            dedupe_key(letter.kind, letter.record_id) if letter.kind else invalid_key(invalid_token(letter.body_bytes))
        )
        new = letter_row(letter, key, place, "dead")
        delivered = ledger.delivered([key]).get(key, ())
        if self.backlog.judge_now(key, new.known, delivered) in (Decision.DELIVERED, Decision.DUPLICATE):
            self.settlement.answered.append(letter.id)
            return
        _log.warning(
            "dead letter %(letter)s was not in the ledger: it is now", {"action": "letter_found", "letter": letter.id}
        )
        self.settlement.note_letter(new)
        if row is None or row.counts.pending:  # else a copy with another record on this line was counted
            self._count(new, letter.segment, letter.source, Counts(records=int(row is None), dead=1))

    def _count(self, letter: LetterRow, segment_id: str, source: str, fate: Counts) -> None:
        """Count a record of a segment whose file is not open here; without a row, the segment gets one.

        But not in a shared ledger: there who reads the segment counts it.
        """
        number = letter.place.segment
        if self.settlement.ledger.segment(segment_id) is not None:
            self.settlement.changes.adjustments.append(Adjustment(letter.id, letter.fate, number, fate))
            return
        earlier = self.settlement.adopted.get(number)
        counts = (earlier.counts if earlier else Counts()) + fate
        self.settlement.adopted[number] = SegmentRow(
            number=number,
            id=segment_id,
            path=source,
            size=0,
            finished=False,
            counts=counts,
            damaged=0,
            torn=0,
            refused=0,
            sealed=None,
        )

    def take_requests(self) -> None:
        """Carry out the waiting requests, commit, and remove them; if that is not possible, the committer says why."""
        if self.committer.trouble:
            return  # earlier requests are not committed yet
        try:
            self._take_all()
        except (Unavailable, OSError) as error:
            self.committer.note_trouble(error)

    def _take_all(self) -> None:
        waiting = self.settlement.letters.requests()
        if not waiting:
            return
        for name, request in list(waiting.items()):
            if request != self.stuck.get(name) and not self._take(request):  # an operator may have replaced a stuck one
                del waiting[name]
        self.settlement.commit()
        self.send_requeued()
        for name, request in waiting.items():
            try:
                self.settlement.letters.remove_request(name)
                self.stuck.pop(name, None)
            except OSError as error:
                if name not in self.stuck:
                    _log.warning(
                        "the request %(request)s was carried out, but can't be removed: %(why)s",
                        {"action": "request_stays", "request": name, "why": error},
                    )
                self.stuck[name] = request

    def send_requeued(self) -> None:
        """Queue every letter that is requeued in the ledger and not queued yet.  Raises :class:`LedgerError`."""
        for row in self.settlement.ledger.letters_with("requeued"):
            if row.id in self.queued:
                continue
            try:
                letter = self.settlement.letters.read(row.id)
                line = letter_line(letter)
            except (OSError, ValueError) as error:
                _log.error(
                    "letter %(letter)s can't be sent again, because it can't be read: %(why)s",
                    {"action": "letter_unreadable", "letter": row.id, "why": fault_text(error)},
                )
                continue
            if not self._has_key_of(letter):
                _log.info(
                    "letter %(letter)s stays requeued: its key is not held here",
                    {"action": "letter_left_out", "letter": row.id},
                )
                continue
            if not self.backlog.intake.sources.choice.holds(line):
                _log.info(
                    "letter %(letter)s stays requeued: its run is not among those that were chosen",
                    {"action": "letter_left_out", "letter": row.id},
                )
                continue
            self.queued.add(row.id)
            segment = segment_of(letter, row.place.segment)
            self.backlog.intake.add(segment)
            self.backlog.enqueue(segment, line)

    def _has_key_of(self, letter: Letter) -> bool:
        """Whether a letter's record would be sent from here with its own key; in a shared ledger there are others'."""
        shared = self.settlement.ledger.letter_store is not None
        return not shared or self.backlog.router.holds(letter.key, letter.default_key)

    def _take(self, request: LetterRequest) -> bool:
        """Carry out a request; return False if it must wait: the record is in flight, or its key is held elsewhere."""
        if request.pending is not None and self.settlement.ledger.letter(request.letter) is None:
            return self._drop_pending(request.letter, request.pending)
        try:
            letter = self.settlement.letters.read(request.letter)
        except (OSError, ValueError) as error:
            _log.warning(
                "there is no letter %(letter)s to %(what)s: %(why)s",
                {"action": "letter_gone", "letter": request.letter, "what": request.action, "why": fault_text(error)},
            )
            return True
        row = self.settlement.ledger.letter(letter.id)
        if row is not None and row.fate == "requeued" and request.action == "drop":
            return self._drop_requeued(row)
        if row is None or row.fate != "dead":
            return True  # it was requeued before, or is already settled
        if request.action == "requeue" and not self._has_key_of(letter):
            return False
        if request.action == "drop":
            self.settlement.settle_letter(row, "dropped")
            return True
        if request.letter_json is not None:
            self.settlement.letters.write(Letter.model_validate_json(request.letter_json))
        self.queued.discard(letter.id)
        self.settlement.settle_letter(row, "requeued")
        return True

    def _drop_requeued(self, row: LetterRow) -> bool:
        """Drop a letter that waits to be sent again; return False if it is in flight: the answer decides."""
        backlog, settlement = self.backlog, self.settlement
        _, elsewhere = settlement.ledger.claim([(row.key, row.known)])  # the commit ends the claim
        in_flight = any(record.segment.letter == row.id for record in backlog.in_flight.by_key.under(row.key))
        answered = any(other.id == row.id for other in settlement.uncommitted_letters(row.key, row.digest))
        if elsewhere or in_flight or answered:
            return False
        for segment in [each for each in backlog.intake.by_handle.values() if each.letter == row.id]:
            backlog.withdraw(segment, row.place.line)
        self.queued.discard(row.id)
        settlement.settle_letter(row, "dropped")
        return True

    def _drop_pending(self, ident: str, record: PendingRecord) -> bool:
        """Drop a record before it is sent: the ledger gets a letter's row for it, which has no letter.

        Return False if it is in flight, here or elsewhere: the answer decides.
        """
        backlog, ledger = self.backlog, self.settlement.ledger
        number = ledger.number(record.segment)
        known = Known(record.digest, Place(number, record.line), record.hint)
        delivered, elsewhere = ledger.claim([(record.key, known)])  # the commit ends the claim
        if elsewhere or any(other.known == known for other in backlog.in_flight.by_key.under(record.key)):
            return False
        if backlog.judge_now(record.key, known, delivered.get(record.key, ())) is not Decision.SEND:
            backlog.release_key(record.key)
            _log.warning(
                "line %(line)d of %(file)s is not pending any more: it is not dropped",
                {"action": "not_dropped", "line": record.line, "file": record.source},
            )
            return True
        row = LetterRow(
            ident, record.key, record.digest, known.place, "dropped", "dropped before it was sent", record.hint
        )
        self.settlement.note_letter(row)
        segment, before = backlog.intake.counted(number), ledger.segment(record.segment)
        if segment is not None:
            if record.line <= segment.lines:  # else it is counted when it is read
                backlog.withdraw(segment, record.line)
        elif before is None or (before.size >= record.end and not record.recovered):
            fate = Counts() if record.recovered else Counts(records=int(before is None), dropped=1)
            self._count(row, record.segment, record.source, fate)
        _log.info(
            "line %(line)d of %(file)s is dropped: it is not sent",
            {"action": "dropped", "line": record.line, "file": record.source},
        )
        return True
