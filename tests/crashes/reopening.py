"""Checks what must hold after a crash: the uploader is started on each state of the disk, and the result is judged."""

import os
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from pydantic import ValidationError

from crashes import seams
from crashes.disk import ROOT, State, Stored
from crashes.stage import SPOOL, STATE, Server, Uploader, committed_digests, items_of
from tcc_uploader.inspect.verify import Verification, verify_spools
from tcc_uploader.ledger import sqlite as ledger_module
from tcc_uploader.ledger.sqlite import FILE_NAME, SqliteLedger
from tcc_uploader.model.keys import digest_of
from tcc_uploader.model.letter import Letter
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool import removal

_LETTERS = f"{STATE}/dead"


class Violation(AssertionError):  # noqa: N818 -- pytest prints this name
    """A promise was broken after a crash."""


class Reopening:
    """Puts states on a real disk, and starts the uploader on them.  The server always refuses the items ``refused``."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch, refused: Iterable[str] = ()) -> None:
        self._root = root
        self._refused = frozenset(refused)
        self.checked = 0
        connect = ledger_module._connect

        def unsynced(path: Path) -> object:
            database = connect(path)
            database.execute("PRAGMA synchronous=OFF")  # there is no power loss here, and many states
            return database

        seams.LEDGER_CONNECT.replace(patch, unsynced)
        seams.FILE_FSYNC.replace(patch, lambda _: None)
        seams.FILE_REPLACE.replace(patch, os.replace)
        patch.setattr(removal, "ABANDONED_AFTER", 0.0)

    def check(self, state: State) -> None:
        """Start the uploader twice on a state, and judge the result.  Raises Violation."""
        self.checked += 1
        self._materialise(state)
        server = Server()
        server.refused = self._refused
        server.stored = [(it.token, b"") for it in state.stored]
        told: list[Stored] = list(state.stored)
        server.told = told.append
        committed = committed_digests(state.ledger, self._root / "scratch")
        with Uploader(self._root, server, removes=False) as first:
            outcome = first.once()
            if outcome.counts.pending or outcome.timed_out or outcome.trouble:
                raise Violation(f"{state.where}: stuck: {outcome}")
        with Uploader(self._root, server) as second:
            second.round()
            second.round()
            if second.engine.intake.counts.pending:
                raise Violation(f"{state.where}: stuck after a restart: {second.engine.intake.counts}")
        self._judge(state, told, committed)

    def _judge(self, state: State, told: list[Stored], committed: set[int]) -> None:
        try:
            letters = [Letter.model_validate_json(file.read_bytes()) for file in (self._root / _LETTERS).glob("*.json")]
        except ValidationError as error:
            raise Violation(f"{state.where}: a letter can't be read: {error}") from error
        dead = {item for letter in letters if letter.kind for item in items_of(letter.body_bytes)}
        arrived = {item for stored in told for item in stored.items}
        if lost := state.promised - arrived - dead:
            raise Violation(f"{state.where}: lost: {sorted(lost)}")
        before = Counter(stored.token for stored in state.stored)
        for token, times in Counter(stored.token for stored in told).items():
            may_repeat = before[token] > 0 and digest_of(token) not in committed
            if times > 1 + may_repeat:
                raise Violation(f"{state.where}: sent {times} times, {before[token]} of them before the crash")
        with SqliteLedger.reading(self._root / STATE) as ledger:
            result = verify_spools(Sources([self._root / SPOOL]), ledger, whole=True)
            known = committed_digests((self._root / STATE / FILE_NAME).read_bytes(), self._root / "scratch")
            for row in ledger.letters_with("dead"):
                if not any(letter.id == row.id for letter in letters):
                    raise Violation(f"{state.where}: letter {row.id} is dead in the ledger, but its file is missing")
        for stored in told:
            if stored.items <= state.promised and digest_of(stored.token) not in known:
                raise Violation(f"{state.where}: delivered, but not in the ledger: {sorted(stored.items)}")
        self._judge_verification(state, result)

    def _judge_verification(self, state: State, result: Verification) -> None:
        """Check that ``verify`` finds no fault, except unpromised lines that a loss of power destroyed."""
        unsynced = state.power and any(not stored.items <= state.promised for stored in state.stored)
        for check in result.segments:
            if state.power and check.id.startswith("plain-"):
                continue  # the header was lost and reads as zeros: kept as a dead letter
            gone = [text for text in check.broken if text.startswith(("cut short", "missing", "the seal counts"))]
            if check.broken and not unsynced and not (state.power and gone == check.broken):
                raise Violation(f"{state.where}: verify: {check}")
            if check.pending and not check.broken:
                raise Violation(f"{state.where}: verify: pending: {check}")
            if check.present and not (check.damage or check.broken):
                raise Violation(f"{state.where}: the file was not removed, but nothing is wrong with it: {check}")

    def _segments(self) -> list[Path]:
        return sorted((self._root / SPOOL).glob("*.jsonl"))

    def _materialise(self, state: State) -> None:
        if self._root.exists():
            shutil.rmtree(self._root)
        self._root.mkdir()
        for folder in sorted(state.folders - {ROOT}):
            (self._root / folder).mkdir()
        for (folder, name), content in state.files.items():
            (self._root / folder / name).write_bytes(content)
        if state.ledger is not None:
            (self._root / STATE / FILE_NAME).write_bytes(state.ledger)
