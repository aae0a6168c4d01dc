"""Carries out an operator's requests to send dead letters again, or to drop them."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

from tcc_uploader.dead import mailbox, store
from tcc_uploader.dead.mailbox import LetterRequest
from tcc_uploader.ledger.rows import LetterRow
from tcc_uploader.model.fate import Place
from tcc_uploader.model.keys import dedupe_key, digest_of, idempotency_token
from tcc_uploader.model.letter import Letter

from .backlog import Backlog
from .settlement import Settlement

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
        row = self.settlement.ledger.letter(letter.id) or self._row_of(letter)
        if row.fate != "dead":
            return  # it was requeued before, or is already settled
        if request.action == "drop":
            self.settlement.settle_letter(row, "dropped")
            return
        if request.letter_json is not None:
            store.write(self.state, Letter.model_validate_json(request.letter_json))
        self.queued.discard(letter.id)
        self.settlement.settle_letter(row, "requeued")

    def _row_of(self, letter: Letter) -> LetterRow:
        """Return a new row for a letter that the ledger does not know, because an earlier ledger was lost."""
        token = idempotency_token(letter.kind, letter.record_id, letter.body_bytes)
        place = Place(self.settlement.ledger.number_of(letter.segment), letter.line)
        return LetterRow(
            letter.id, dedupe_key(letter.kind, letter.record_id), digest_of(token), place, "dead", letter.reason
        )
