"""Letters that an operator sends again, or gives up."""

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
from .intake import Intake
from .settlement import Settlement

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Requeue:
    """Takes requests, and queues the letters that are to be sent.  Used by the engine's thread alone."""

    state: Path
    settlement: Settlement
    intake: Intake
    backlog: Backlog
    queued: set[str] = field(default_factory=set)
    """The ids of letters that were queued by this process: none is queued twice for one request."""

    stuck: set[Path] = field(default_factory=set)
    """Requests that were done, and whose files can't be removed: that is logged once."""

    def take_requests(self) -> None:
        """Do what was asked for, and commit it; then the request may be forgotten."""
        taken = []
        for file, request in mailbox.waiting(self.state):
            self._take(request)
            taken.append(file)
        if taken:
            self.settlement.commit()
            self.send_requeued()
            for file in taken:
                try:
                    file.unlink(missing_ok=True)
                except OSError as error:
                    if file not in self.stuck:
                        _log.warning("%s was done, and can't be removed: %s", file, error)
                    self.stuck.add(file)

    def send_requeued(self) -> None:
        """Queue every letter that the ledger knows as requeued, and that is not queued yet."""
        for row in self.settlement.ledger.letters_with("requeued"):
            if row.id in self.queued:
                continue
            try:
                segment, line = store.open_letter(store.path_of(self.state, row.id), row.place.segment)
            except (OSError, ValueError) as error:
                _log.error("letter %s was to be sent again, and can't be read: %s", row.id, error)
                continue
            self.queued.add(row.id)
            self.intake.add(segment)
            self.backlog.enqueue(segment, line)

    def _take(self, request: LetterRequest) -> None:
        try:
            letter = store.read(store.path_of(self.state, request.letter))
        except (OSError, ValueError) as error:
            _log.warning("there is no letter %s to %s: %s", request.letter, request.action, error)
            return
        row = self.settlement.ledger.letter(letter.id) or self._row_of(letter)
        if row.fate != "dead":
            return  # answered meanwhile, or on its way already
        if request.action == "drop":
            self.settlement.settle_letter(row, "dropped")
            return
        if request.letter_json is not None:
            store.write(self.state, Letter.model_validate_json(request.letter_json))
        self.queued.discard(letter.id)
        self.settlement.settle_letter(row, "requeued")

    def _row_of(self, letter: Letter) -> LetterRow:
        """Return the row of a letter that the ledger does not know: an earlier ledger was lost."""
        token = idempotency_token(letter.kind, letter.record_id, letter.body_bytes)
        place = Place(self.settlement.ledger.number_of(letter.segment), letter.line)
        key = dedupe_key(letter.kind, letter.record_id)
        return LetterRow(letter.id, key, digest_of(token), place, "dead", letter.reason)
