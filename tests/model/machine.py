"""Everything that may happen to recorders, spools, the server and the uploader, in any order; and what must hold."""

import copy
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support.faults import AT, FaultServer, Misdeed, Reply, Request, batch_of, ids_of, ok, reset, run_item, step_item
from support.rigging import Rig
from tcc_recorder.config import writer_config
from tcc_recorder.spool.segment import Segment
from tcc_recorder.spool.writer import SpoolWriter
from tcc_schemas.endpoints import CUSTOM_PATH, FEEDBACK_PATH
from tcc_schemas.lines import Line, LineReader, encode
from tcc_uploader.dead.store import LetterFolder
from tcc_uploader.delivery.batch import split_batch
from tcc_uploader.inspect.verify import verify_spools as verify
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.model.letter import LetterRequest
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool.scan import listed_in, seen_as

# ruff: noqa: D401 -- a rule's docstring says what happens


Behaviour = Callable[[Request], Reply | Misdeed]
BEHAVIOURS: Final[dict[str, Behaviour]] = {
    "well": ok,
    "in trouble": lambda _: Reply(503),
    "losing answers": lambda _: reset,
    "against batches": lambda it: Reply(413) if it.json.get("type") == "batch" else Reply(),
    "against steps": lambda it: Reply(400) if b'"type":"step"' in it.body else Reply(),
    "against feedback": lambda it: Reply(422) if it.path == FEEDBACK_PATH else Reply(),
    "against everything": lambda _: Reply(400),
    "without our key": lambda _: Reply(401),
}
DAY: Final = 86_400.0


class Machine(RuleBasedStateMachine):
    """Recorders write one spool; a daemon empties it, and one-shot commands replay copies of it."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path(tempfile.mkdtemp(prefix="tcc-model-"))
        self._server = FaultServer(self._answer)
        self._server.__enter__()
        self._rig = Rig(self._folder, self._server)
        self._behaviour = ok
        self._taken: list[Request] = []
        """Requests that were answered with success."""
        self._stored: list[Request] = []
        """These, and those whose answer was lost."""
        self._recorded: dict[tuple[str, str], bytes] = {}
        """Bodies, by kind and id."""
        self._lines: dict[tuple[str, str], bytes] = {}
        self._damaged: set[tuple[str, str]] = set()
        self._flipped = False
        self._writers: list[SpoolWriter] = []
        self._copies: list[Path] = []
        self._number = 0
        self._checked = 0

    def teardown(self) -> None:
        """With everybody well at last, everything that was recorded has arrived, or is accounted for."""
        try:
            self._finish()
        finally:
            self._server.stop()
            for writer in self._writers:
                _kill(writer)
            shutil.rmtree(self._folder)

    @initialize()
    def begin(self) -> None:
        """One process records."""
        self._writers.append(self._spool())

    @rule()
    def start_writer(self) -> None:
        """Another process begins to record."""
        if len(self._writers) < 5:
            self._writers.append(self._spool())

    @rule(who=st.integers(0, 9), children=st.integers(0, 3), size=st.sampled_from([0, 10, 3000]))
    def record_run(self, who: int, children: int, size: int) -> None:
        """A run ends, with its steps."""
        run_id = self._new_id()
        run = run_item(run_id, response="é" * size)
        steps = [step_item(run_id, self._new_id()) for _ in range(children)]
        self._record(who, "run", run_id, orjson.dumps(batch_of(run, *steps) if steps else run), run_id)

    @precondition(lambda self: self._recorded)
    @rule(who=st.integers(0, 9), which=st.integers(0, 99))
    def record_child_or_feedback(self, who: int, which: int) -> None:
        """A step ends after its run, or somebody says what they think of it."""
        runs = [ident for kind, ident in self._recorded if kind == "run"]
        run_id, ident = runs[which % len(runs)], self._new_id()
        if which % 2:
            self._record(who, "step", ident, orjson.dumps(step_item(run_id, ident)), run_id)
        else:
            body = orjson.dumps({"runId": run_id, "score": "thumbs_up", "text": ident})
            self._record(who, "feedback", ident, body, run_id, FEEDBACK_PATH)

    @precondition(lambda self: self._recorded)
    @rule(who=st.integers(0, 9), which=st.integers(0, 99))
    def record_again(self, who: int, which: int) -> None:
        """The same record is written twice."""
        key = sorted(self._lines)[which % len(self._lines)]
        if self._writers:
            assert self._writers[who % len(self._writers)].record([self._lines[key]])

    @precondition(lambda self: self._writers)
    @rule(who=st.integers(0, 9))
    def fork(self, who: int) -> None:
        """A process forks; the child begins with a descriptor of its parent's open file."""
        parent = self._writers[who % len(self._writers)]
        child = copy.copy(parent)
        child._segment = _forked(parent._segment)
        child.reset_after_fork()
        self._writers.append(child)

    @precondition(lambda self: self._writers)
    @rule(who=st.integers(0, 9), torn=st.integers(0, 120))
    def kill(self, who: int, torn: int) -> None:
        """A process is killed, perhaps in the midst of a write."""
        writer = self._writers.pop(who % len(self._writers))
        if writer._segment is not None and torn and Path(writer._segment.path).exists():
            line = encode("run", "never", b"{}" * 60, at=AT, run_id="never", path=CUSTOM_PATH)
            with Path(writer._segment.path).open("ab") as file:
                file.write(line[:torn])
        _kill(writer)

    @precondition(lambda self: self._writers)
    @rule(who=st.integers(0, 9))
    def seal(self, who: int) -> None:
        """A process ends well."""
        self._writers.pop(who % len(self._writers)).close()

    @rule(state=st.sampled_from(sorted(BEHAVIOURS)))
    def server_changes(self, state: str) -> None:
        """The server fails in some way, or recovers; the key is revoked, or restored."""
        self._behaviour = BEHAVIOURS[state]

    @rule(seconds=st.sampled_from([-30 * DAY, -3600.0, 3600.0, 30 * DAY]))
    def clock_jumps(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self._rig.time.jump += seconds

    @rule(seconds=st.sampled_from([2.0, 90.0, 900.0]))
    def daemon_runs(self, seconds: float) -> None:
        """The daemon is started, works for a while, and is stopped."""
        until = self._rig.time.now + seconds
        self._rig.daemon(lambda _: self._rig.time.now >= until, removes=True, in_flight=4)

    @rule()
    def replay(self) -> None:
        """A one-shot command delivers what is in the spool."""
        self._rig.once(60.0, in_flight=4)

    @rule()
    def copy_spool(self) -> None:
        """The spool is copied as it is."""
        if len(self._copies) < 4:
            target = self._folder / f"copy-{len(self._copies)}"
            shutil.copytree(self._rig.spool, target)
            self._copies.append(target)

    @precondition(lambda self: self._copies)
    @rule(which=st.integers(0, 9))
    def replay_copy(self, which: int) -> None:
        """A one-shot command delivers what is in a copy."""
        self._rig.once(60.0, in_flight=4, spools=(self._copies[which % len(self._copies)],))

    @rule(which=st.integers(0, 99), place=st.integers(0, 100_000), bit=st.integers(0, 7))
    def flip(self, which: int, place: int, bit: int) -> None:
        """One bit of a segment changes."""
        segments = sorted(seen for listed in listed_in(self._rig.spool) if (seen := seen_as(listed)) and seen.size)
        if not segments:
            return
        path = Path(segments[which % len(segments)].file)
        data = path.read_bytes()
        place %= len(data)
        before = {_key(line): line for line in LineReader().read(data) if isinstance(line, Line) and line.is_record}
        flipped = data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]
        after = {_key(line) for line in LineReader().read(flipped) if isinstance(line, Line)}
        with path.open("r+b") as file:
            file.seek(place)
            file.write(flipped[place : place + 1])
        self._damaged |= before.keys() - after
        self._flipped = True

    @precondition(lambda self: (self._rig.state / "dead").exists())
    @rule(which=st.integers(0, 99))
    def requeue(self, which: int) -> None:
        """An operator asks to send a dead letter again."""
        letters = self._rig.letters()
        if letters:
            letter = letters[which % len(letters)]
            LetterFolder(self._rig.state).ask(LetterRequest(action="requeue", letter=letter.id))

    @invariant()
    def every_body_is_what_was_recorded(self) -> None:
        """The server gets the very bytes that were recorded, or those of one item of a run."""
        received = self._server.requests
        for request in received[self._checked :]:
            recorded = self._recorded.values()
            parts = [part.body for part in split_batch(request.body)] or [request.body]
            assert request.body in recorded or all(any(part in body for body in recorded) for part in parts)
        self._checked = len(received)
        tokens: dict[str, bytes] = {}
        for request in received:
            assert tokens.setdefault(request.headers["idempotency-key"], request.body) == request.body

    @invariant()
    def nothing_is_taken_twice(self) -> None:
        """What the server said yes to is never sent again."""
        times = Counter(request.headers["idempotency-key"] for request in self._taken)
        assert all(count == 1 for count in times.values())

    @invariant()
    def the_books_balance(self) -> None:
        """Conservation holds for every segment; only flipped bits may break it."""
        with SqliteLedger.reading(self._rig.state) as ledger:
            result = verify(Sources([self._rig.spool]), ledger, whole=True)
        assert self._flipped or not result.broken, [check for check in result.segments if check.broken]

    def _finish(self) -> None:
        while self._writers:
            _kill(self._writers.pop())
        self._behaviour = ok
        for spool in (self._rig.spool, *self._copies):
            self._rig.once(3600.0, spools=(spool,))
        end = self._rig.time.now + 900.0
        self._rig.daemon(lambda _: self._rig.time.now >= end)
        self.every_body_is_what_was_recorded()
        self.nothing_is_taken_twice()
        self.the_books_balance()
        arrived = {ident for request in self._stored for ident in _idents(request.body)}
        dead = {ident for letter in self._rig.letters() if letter.kind for ident in _idents(letter.body_bytes)}
        for key, body in self._recorded.items():
            missing = set(_idents(body)) - arrived - dead
            assert not missing or key in self._damaged, f"{key}: {missing} neither arrived nor are dead"
        if not self._flipped:
            assert not list(self._rig.spool.glob("*.jsonl"))
            assert self._rig.counts().pending == 0

    def _answer(self, request: Request) -> Reply | Misdeed:
        reply = self._behaviour(request)
        if reply is reset or (isinstance(reply, Reply) and reply.status == 200):
            self._stored.append(request)
        if isinstance(reply, Reply) and reply.status == 200:
            self._taken.append(request)
        return reply

    def _record(self, who: int, kind: str, ident: str, body: bytes, run_id: str, path: str = CUSTOM_PATH) -> None:
        if not self._writers:
            self._writers.append(self._spool())
        writer = self._writers[who % len(self._writers)]
        line = encode(kind, ident, body, at=AT, run_id=run_id, path=path)
        self._recorded[kind, ident], self._lines[kind, ident] = body, line
        segment = writer._segment
        unended = segment is not None and _ends_torn(Path(segment.path))
        assert writer.record([line])
        if unended:
            self._damaged.add((kind, ident))

    def _spool(self) -> SpoolWriter:
        return SpoolWriter(writer_config({"spool_dir": str(self._rig.spool), "durability": "process"}, {}))

    def _new_id(self) -> str:
        self._number += 1
        return str(UUID(int=(7 << 76) | (2 << 62) | self._number))


def _key(line: Line) -> tuple[str, str]:
    return line.kind, line.id


def _idents(body: bytes) -> list[str]:
    """Return what tells one item from another: ids, and the text of feedback."""
    value: Any = orjson.loads(body)
    return ids_of(value) if "type" in value else [value["text"]]


def _ends_torn(path: Path) -> bool:
    """Whether a flip took the last newline of a file that is being written."""
    return path.exists() and not path.read_bytes().endswith(b"\n")


def _forked(segment: Segment | None) -> Segment | None:
    """Return what a forked child has of its parent's segment: the open file, and counts of its own."""
    if segment is None:
        return None
    child = copy.copy(segment)
    child._descriptor = os.dup(segment._descriptor)
    child.tally = copy.copy(segment.tally)
    return child


def _kill(writer: SpoolWriter) -> None:
    if writer._segment is not None:
        writer._segment.close()
        writer._segment = None
