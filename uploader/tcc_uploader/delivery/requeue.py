"""Carries out an operator's requests to send dead letters again, or to drop them."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

from tcc_uploader.dead import mailbox, store
from tcc_uploader.dead.mailbox import LetterRequest
from tcc_uploader.ledger.rows import SegmentRow
from tcc_uploader.model.fate import Counts, Place
from tcc_uploader.model.keys import dedupe_key, invalid_key
from tcc_uploader.model.letter import Letter

from .backlog import Backlog
from .settlement import Settlement, letter_row

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Requeue:
    """Takes requests, and queues the requeued letters.  Only the engine's thread uses it."""

    state: Path
    settlement: Settlement
    backlog: Backlog
    queued: set[str] = field(default_factory=set)
    """The ids of letters that this process has queued, so that none is queued twice for one request."""
    stuck: dict[Path, LetterRequest] = field(default_factory=dict)
    """By file: requests that were carried out, but whose files can't be removed; this is logged once for each file."""

    def reconcile(self) -> None:
        """Make the ledger agree with the letters' files, and commit.  Raises OSError, :class:`LedgerError`.

        A letter that the ledger does not know was written by a process that was killed before its commit, or an earlier
        ledger is lost.  Its record is judged anew if its segment is still there: see :meth:`adopt_orphans`.
        """
        settlement = self.settlement
        files = {path.stem: path for path in store.files(self.state)}
        for ident, path in files.items():
            row = settlement.ledger.letter(ident)
            if row is not None and row.fate in ("delivered", "dropped"):
                settlement.answered.append(path)
            elif row is None:
                try:
                    letter = store.read(path)
                except (OSError, ValueError) as error:
                    _log.warning("letter %s can't be read: %s", path, error)
                else:
                    settlement.orphans[letter.segment, letter.line] = letter
        for row in (*settlement.ledger.letters_with("dead"), *settlement.ledger.letters_with("requeued")):
            if row.id not in files:
                _log.warning("letter %s has no file any more: it counts as dropped", row.id)
                settlement.settle_letter(row, "dropped")
        settlement.commit()

    def adopt_orphans(self) -> None:
        """Add those letters to the ledger whose segments are not there.  Call this when all files were read.

        Raises :class:`LedgerError`.
        """
        present = {segment.id for segment in self.backlog.intake.live} if self.settlement.orphans else ()
        for letter in [letter for letter in self.settlement.orphans.values() if letter.segment not in present]:
            del self.settlement.orphans[letter.segment, letter.line]
            self._adopt(letter)

    def _adopt(self, letter: Letter) -> None:
        ledger, changes = self.settlement.ledger, self.settlement.changes
        row = ledger.segment(letter.segment)
        if row is not None and row.finished and not row.counts.pending:  # its record was delivered meanwhile
            self.settlement.answered.append(store.path_of(self.state, letter.id))
            return
        _log.warning("dead letter %s was not in the ledger: it is now", letter.id)
        place = Place(ledger.number_of(letter.segment), letter.line)
        key = dedupe_key(letter.kind, letter.record_id) if letter.kind else invalid_key(letter.body_bytes)
        changes.letters.append(letter_row(letter, key, place, "dead"))
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
        """Carry out the waiting requests, commit, and remove their files.  Raises OSError, :class:`LedgerError`."""
        waiting = dict(mailbox.waiting(self.state))
        if not waiting:
            return
        for file, request in waiting.items():
            if request != self.stuck.get(file):  # an operator may have replaced a request that is stuck
                self._take(request)
        self.settlement.commit()
        self.send_requeued()
        for file, request in waiting.items():
            try:
                file.unlink(missing_ok=True)
                self.stuck.pop(file, None)
            except OSError as error:
                if file not in self.stuck:
                    _log.warning("the request %s was carried out, but can't be removed: %s", file, error)
                self.stuck[file] = request

    def send_requeued(self) -> None:
        """Queue every letter that is requeued in the ledger and not queued yet.  Raises :class:`LedgerError`."""
        for row in self.settlement.ledger.letters_with("requeued"):
            if row.id in self.queued:
                continue
            try:
                segment, line = store.open_letter(store.path_of(self.state, row.id), row.place.segment)
            except (OSError, ValueError) as error:
                _log.error("letter %s can't be sent again, because it can't be read: %s", row.id, error)
                continue
            self.queued.add(row.id)
            self.backlog.intake.add(segment)
            self.backlog.enqueue(segment, line)

    def _take(self, request: LetterRequest) -> None:
        try:
            letter = store.read(store.path_of(self.state, request.letter))
        except (OSError, ValueError) as error:
            _log.warning("there is no letter %s to %s: %s", request.letter, request.action, error)
            return
        row = self.settlement.ledger.letter(letter.id)
        if row is None or row.fate != "dead":
            return  # it was requeued before, or is already settled
        if request.action == "drop":
            self.settlement.settle_letter(row, "dropped")
            return
        if request.letter_json is not None:
            store.write(self.state, Letter.model_validate_json(request.letter_json))
        self.queued.discard(letter.id)
        self.settlement.settle_letter(row, "requeued")
