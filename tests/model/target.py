"""One target of a history: a server, the uploader's state for it, and what must hold between the two."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from model.records import KEY_OF, KEYS, Record, matches, parts_of
from support.faults import FaultServer, Misdeed, Reply, Request, ok, reset
from support.rigging import Rig
from tcc_schemas.endpoints import FEEDBACK_PATH, key_hint
from tcc_uploader.inspect.verify import SegmentCheck
from tcc_uploader.inspect.verify import verify_spools as verify
from tcc_uploader.ledger.quarantine import quarantine_ledger
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.model.keys import hint_number
from tcc_uploader.model.letter import LetterRequest
from tcc_uploader.model.rows import Changes
from tcc_uploader.sources.given import Sources

Behaviour = Callable[[Request], Reply | Misdeed]
BEHAVIOURS: Final[dict[str, Behaviour]] = {
    "well": ok,
    "in trouble": lambda _: Reply(503),
    "losing answers": lambda _: reset,
    "against batches": lambda it: Reply(413) if it.json.get("type") == "batch" else Reply(),
    "against steps": lambda it: Reply(400) if b'"type":"step"' in it.body else Reply(),
    "against feedback": lambda it: Reply(422) if it.path == FEEDBACK_PATH else Reply(),
    "against everything": lambda _: Reply(400),
    "without our keys": lambda _: Reply(401),
    "without one key": lambda it: Reply(401) if it.key == KEYS[1] else Reply(),
}
_KEY_OF_NUMBER: Final = {hint_number(hint): key for hint, key in KEY_OF.items()}


class Killed(BaseException):
    """The uploader's process was killed: nothing more of its code runs."""


class Doom(NamedTuple):
    """When an uploader is killed: at which of its commits, and whether the commit was written."""

    commit: int
    written: bool


@dataclass
class Uploads:
    """What the uploaders have committed, and when the next one dies."""

    doom: Doom | None = None
    commits: int = 0
    """How many times this uploader has committed."""
    delivered: set[tuple[int, str]] = field(default_factory=set)
    """The digests in the ledger, each with the key that its bytes were sent with."""

    def commit(self, write: Callable[[Changes], None], changes: Changes) -> None:
        """Commit, or be killed before or after it."""
        self.commits += 1
        dies = self.doom is not None and self.doom.commit == self.commits
        if dies and self.doom and not self.doom.written:
            raise Killed
        write(changes)
        self.delivered |= {(known.digest, _KEY_OF_NUMBER[hint]) for _, hint, known in changes.delivered}
        settled = [row for row in changes.letters if row.fate == "delivered"]
        self.delivered |= {(row.digest, _KEY_OF_NUMBER[row.hint]) for row in settled}
        if dies:
            raise Killed


def mortal(uploads: Uploads) -> type[SqliteLedger]:
    """Return the form of a ledger whose uploader may be killed when it commits."""

    class Mortal(SqliteLedger):
        def commit(self, changes: Changes) -> None:
            uploads.commit(super().commit, changes)

    return Mortal


class Target:
    """A server, and the state directory of the uploaders that deliver to it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.server = FaultServer(self._answer)
        self.server.__enter__()
        self.rig = Rig(folder, self.server, name)
        self.uploads = Uploads()
        self.rig.form = mortal(self.uploads)
        self.behaviour = ok
        self.taken: list[Request] = []
        """Requests that were answered with success, and that the ledger must know."""
        self.stored: set[tuple[bytes, str]] = set()
        """What has arrived, with or without an answer: the bodies of items, each with the key it came with."""
        self.requeued: set[tuple[str, str]] = set()
        """Kind and id of the letters that were sent again: an operator may send what is a conflict."""
        self._checked = 0
        self._tokens: dict[str, bytes] = {}

    def run(self, work: Callable[[Rig], object], doom: Doom | None = None) -> None:
        """Let an uploader do some work; it may be killed at a commit."""
        before = len(self.taken)
        self.uploads.commits, self.uploads.doom = 0, doom
        try:
            work(self.rig)
        except Killed:
            self.server.finish()
            late = [it for it in self.taken[before:] if (_digest(it), it.key) in self.uploads.delivered]
            self.taken[before:] = late
        finally:
            self.uploads.doom = None

    def lose_ledger(self, *, quarantined: bool) -> None:
        """Take away the ledger: what was delivered may be sent again."""
        if quarantined:
            quarantine_ledger(self.rig.state)
        else:
            (self.rig.state / "ledger.sqlite3").unlink(missing_ok=True)
        self.taken.clear()
        self.uploads.delivered.clear()

    def requeue(self, which: int) -> None:
        """Ask to send a dead letter again."""
        letters = self.rig.letters()
        if letters:
            letter = letters[which % len(letters)]
            self.requeued.add((letter.kind, letter.record_id))
            self.rig.folder.ask(LetterRequest(action="requeue", letter=letter.id))

    def check_requests(self, records: Iterable[Record]) -> None:
        """Check that the server gets the bytes that were recorded, or those of one item of a run, under its key."""
        received = self.server.requests
        for request in received[self._checked :]:
            own = [record.body for record in records if KEY_OF[record.hint] == request.key]
            parts = parts_of(request.body)
            assert request.body in own or all(any(part in body for body in own) for part in parts)
            assert self._tokens.setdefault(request.headers["idempotency-key"], request.body) == request.body
        self._checked = len(received)

    def check_taken(self, records: Iterable[Record]) -> None:
        """Check that what the server said yes to is never sent again, nor with another body."""
        times = Counter((it.headers["idempotency-key"], it.key) for it in self.taken)
        twice = [it for it in self.taken if times[it.headers["idempotency-key"], it.key] > 1]
        assert not twice, f"{self.name}: {twice} were taken twice"
        taken = {(it.body, it.key) for it in self.taken}
        known = set(records)
        whole = [it for it in known if (it.body, KEY_OF[it.hint]) in taken and it[:2] not in self.requeued]
        # without a hint, a record may be a duplicate of the one with the hint of the key that it would be sent with
        whole = [it for it in whole if it.hint or it._replace(hint=key_hint(KEY_OF[None])) not in known]
        for record in whole:
            rivals = [other for other in whole if record.conflicts_with(other)]
            assert not rivals, f"{self.name}: {record} and {rivals} were both delivered"

    def check_books(self) -> list[SegmentCheck]:
        """Return what does not add up in the spool and the ledger."""
        with SqliteLedger.reading(self.rig.state) as ledger:
            result = verify(Sources([self.rig.spool]), ledger, whole=True)
        return [check for check in result.segments if check.broken]

    def unaccounted(self, records: Iterable[Record], all_records: Iterable[Record]) -> list[Record]:
        """Return those records of which a part has neither arrived nor is dead."""
        letters = [letter for letter in self.rig.letters() if letter.kind]
        dead = {(part, letter.key) for letter in letters for part in parts_of(letter.body_bytes)}
        known = set(all_records)

        def arrived(record: Record, part: bytes) -> bool:
            keys = {KEY_OF[record.hint]} if record.hint else set(KEYS)
            if record._replace(hint=None) in known:
                keys.add(KEY_OF[None])  # it is a duplicate of the one without a hint
            if any((part, key) in self.stored for key in keys):
                return True
            return any(there == part and matches(record.hint, hint) for there, hint in dead)

        return [it for it in records if not all(arrived(it, part) for part in parts_of(it.body))]

    def _answer(self, request: Request) -> Reply | Misdeed:
        reply = self.behaviour(request)
        succeeds = isinstance(reply, Reply) and reply.status == 200
        if reply is reset or succeeds:
            self.stored |= {(part, request.key) for part in [request.body, *parts_of(request.body)]}
        if succeeds:
            self.taken.append(request)
        return reply


def _digest(request: Request) -> int:
    """Return the ledger's digest of what was sent."""
    return int(request.headers["idempotency-key"][:12], 16)
