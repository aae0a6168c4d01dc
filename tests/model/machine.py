"""Everything that may happen to recorders, spools, the servers and the uploader, in any order; and what must hold."""

import copy
import shutil
import tempfile
from pathlib import Path
from typing import Final
from uuid import UUID

import orjson
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from model.records import HINTS, KEYS, Record, records_in, with_other_bytes
from model.target import BEHAVIOURS, Doom, Target
from model.writers import ends_torn, forked, killed, tear
from support.faults import batch_of, ok, run_item, step_item
from support.rigging import Rig
from tcc_recorder.config import writer_config
from tcc_recorder.spool.writer import SpoolWriter
from tcc_uploader.spool.scan import listed_in, seen_as

# ruff: noqa: D401 -- a rule's docstring says what happens

DAY: Final = 86_400.0
WHO: Final = st.integers(0, 9)
WHICH: Final = st.integers(0, 99)
NOTES: Final = st.integers(0, 2)
"""What tells the bodies of one record apart; 0 is the first body."""
TARGETS: Final = st.integers(0, 1)
DOOMS: Final = st.none() | st.builds(Doom, st.integers(1, 6), st.booleans())
"""An uploader lives, or is killed at a commit."""


class Machine(RuleBasedStateMachine):
    """Recorders write one spool; a daemon empties it into one server; one-shot commands replay it, and copies of it."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path(tempfile.mkdtemp(prefix="tcc-model-"))
        self._targets = [Target(self._folder, name) for name in ("one", "two")]
        self._spool = self._folder / "spool"
        self._records: dict[Record, None] = {}
        """All that was recorded, also in copies, in its order."""
        self._damaged: set[Record] = set()
        self._flipped = False
        self._writers: list[SpoolWriter] = []
        self._copies: list[Path] = []
        self._number = 0

    def teardown(self) -> None:
        """With everybody well at last, everything that was recorded has arrived, or is accounted for."""
        try:
            self._finish()
        finally:
            for target in self._targets:
                target.server.stop()
            for writer in self._writers:
                killed(writer)
            shutil.rmtree(self._folder)

    @initialize()
    def begin(self) -> None:
        """One process records."""
        self._writers.append(self._writer())

    @rule()
    def start_writer(self) -> None:
        """Another process begins to record."""
        if len(self._writers) < 5:
            self._writers.append(self._writer())

    @rule(who=WHO, children=st.integers(0, 3), size=st.sampled_from([0, 10, 3000]), hint=st.sampled_from(HINTS))
    def record_run(self, who: int, children: int, size: int, hint: str | None) -> None:
        """A run ends, with its steps."""
        run_id = self._new_id()
        run = run_item(run_id, response="é" * size, note=0)
        steps = [step_item(run_id, self._new_id()) for _ in range(children)]
        self._record(who, Record("run", run_id, hint, orjson.dumps(batch_of(run, *steps) if steps else run)))

    @precondition(lambda self: self._records)
    @rule(who=WHO, which=WHICH, hint=st.sampled_from(HINTS))
    def record_child_or_feedback(self, who: int, which: int, hint: str | None) -> None:
        """A step ends after its run, or somebody says what they think of it."""
        runs = [record.id for record in self._records if record.kind == "run"]
        run_id, ident = runs[which % len(runs)], self._new_id()
        if which % 2:
            self._record(who, Record("step", ident, hint, orjson.dumps(step_item(run_id, ident, note=0))))
        else:
            body = {"runId": run_id, "score": "thumbs_up", "text": ident, "note": 0}
            self._record(who, Record("feedback", ident, hint, orjson.dumps(body)))

    @precondition(lambda self: self._records)
    @rule(who=WHO, which=WHICH)
    def record_again(self, who: int, which: int) -> None:
        """The same record is written twice."""
        self._record(who, self._any_record(which))

    @precondition(lambda self: self._records)
    @rule(who=WHO, which=WHICH, hint=st.sampled_from(HINTS), note=NOTES)
    def record_otherwise(self, who: int, which: int, hint: str | None, note: int) -> None:
        """A record is written again with another key or another body."""
        record = self._any_record(which)
        self._record(who, record._replace(hint=hint).changed(note))

    @precondition(lambda self: self._writers)
    @rule(who=WHO)
    def fork(self, who: int) -> None:
        """A process forks; the child begins with a descriptor of its parent's open file."""
        parent = self._writers[who % len(self._writers)]
        child = copy.copy(parent)
        child._segment = forked(parent._segment)
        child.reset_after_fork()
        self._writers.append(child)

    @precondition(lambda self: self._writers)
    @rule(who=WHO, torn=st.integers(0, 120))
    def kill(self, who: int, torn: int) -> None:
        """A process is killed, perhaps in the midst of a write."""
        writer = self._writers.pop(who % len(self._writers))
        tear(writer, torn)
        killed(writer)

    @precondition(lambda self: self._writers)
    @rule(who=WHO)
    def seal(self, who: int) -> None:
        """A process ends well."""
        self._writers.pop(who % len(self._writers)).close()

    @rule(to=TARGETS, state=st.sampled_from(sorted(BEHAVIOURS)))
    def server_changes(self, to: int, state: str) -> None:
        """A server fails in some way, or recovers; a key is revoked, or restored."""
        self._targets[to].behaviour = BEHAVIOURS[state]

    @rule(seconds=st.sampled_from([-30 * DAY, -3600.0, 3600.0, 30 * DAY]))
    def clock_jumps(self, seconds: float) -> None:
        """Somebody sets the clock."""
        for target in self._targets:
            target.rig.time.jump += seconds

    @rule(seconds=st.sampled_from([2.0, 90.0, 900.0]), doom=DOOMS)
    def daemon_runs(self, seconds: float, doom: Doom | None) -> None:
        """The first target's daemon is started, works for a while, and is stopped or killed."""
        self._targets[0].run(lambda rig: _daemon(rig, seconds), doom)

    @rule(to=TARGETS, doom=DOOMS)
    def replay(self, to: int, doom: Doom | None) -> None:
        """A one-shot command delivers what is in the spool."""
        self._targets[to].run(lambda rig: rig.once(in_flight=4, api_keys=KEYS), doom)

    @rule()
    def copy_spool(self) -> None:
        """The spool is copied as it is."""
        if len(self._copies) < 4:
            shutil.copytree(self._spool, self._new_copy())

    @rule(which=WHICH, record=WHICH, note=NOTES, seal=st.sampled_from(["", "old", "new"]))
    def copy_with_other_bytes(self, which: int, record: int, note: int, seal: str) -> None:
        """A segment is copied, and a record of the copy gets another body."""
        files = sorted(path for folder in (self._spool, *self._copies) for path in folder.glob("*.jsonl"))
        files = [path for path in files if records_in(path.read_bytes())]
        if not files or len(self._copies) >= 8:
            return
        original = files[which % len(files)]
        data = with_other_bytes(original.read_bytes(), record, note, seal)
        target = self._new_copy()
        target.mkdir()
        (target / original.name).write_bytes(data)
        self._records |= dict.fromkeys(records_in(data) - self._records.keys())

    @rule(to=TARGETS, which=WHO, doom=DOOMS)
    def replay_copy(self, to: int, which: int, doom: Doom | None) -> None:
        """A one-shot command delivers what is in a copy."""
        if not self._copies:  # no precondition: whether there are copies may depend on threads
            return
        spools = (self._copies[which % len(self._copies)],)
        self._targets[to].run(lambda rig: rig.once(in_flight=4, api_keys=KEYS, spools=spools), doom)

    @rule(which=WHICH, place=st.integers(0, 100_000), bit=st.integers(0, 7))
    def flip(self, which: int, place: int, bit: int) -> None:
        """One bit of a segment changes."""
        segments = sorted(seen for listed in listed_in(self._spool) if (seen := seen_as(listed)) and seen.size)
        if not segments:
            return
        path = Path(segments[which % len(segments)].file)
        data = path.read_bytes()
        place %= len(data)
        flipped = data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]
        with path.open("r+b") as file:
            file.seek(place)
            file.write(flipped[place : place + 1])
        self._damaged |= records_in(data) - records_in(flipped)
        self._flipped = True

    @rule(of=TARGETS, which=WHICH)
    def requeue(self, of: int, which: int) -> None:
        """An operator asks to send a dead letter again."""
        self._targets[of].requeue(which)

    @rule(of=TARGETS, quarantined=st.booleans(), really=st.integers(0, 3))
    def lose_ledger(self, of: int, really: int, *, quarantined: bool) -> None:
        """A ledger is deleted, or was damaged and is moved aside; the letters stay."""
        if not really:
            self._targets[of].lose_ledger(quarantined=quarantined)

    @invariant()
    def every_body_is_what_was_recorded(self) -> None:
        """The servers get what was recorded, with the right key."""
        for target in self._targets:
            target.check_requests(self._records)

    @invariant()
    def nothing_is_taken_twice(self) -> None:
        """What a server said yes to is never sent again, nor is another body of it."""
        for target in self._targets:
            target.check_taken(self._records)

    @invariant()
    def the_books_balance(self) -> None:
        """Conservation holds for every segment; only flipped bits may break it.

        What the first target's daemon removed is missing for the second, if that had not got it by then.
        """
        one, two = (target.check_books() for target in self._targets)
        two = [check for check in two if check.present or not check.broken[0].startswith("missing")]
        assert self._flipped or not (one or two), (one, two)

    def _finish(self) -> None:
        while self._writers:
            killed(self._writers.pop())
        folders = self._spool, *self._copies
        present = {
            record for folder in folders for path in folder.glob("*.jsonl") for record in records_in(path.read_bytes())
        }
        for target in reversed(self._targets):
            target.behaviour = ok
            for spool in folders:
                target.run(lambda rig, spool=spool: rig.once(3600.0, api_keys=KEYS, spools=(spool,)))
        one = self._targets[0]
        one.run(lambda rig: _daemon(rig, 900.0))
        self.every_body_is_what_was_recorded()
        self.nothing_is_taken_twice()
        self.the_books_balance()
        lost = one.unaccounted(self._records.keys() - self._damaged, self._records)
        assert not lost, f"neither arrived nor are dead: {lost}"
        for target in self._targets:
            lost = target.unaccounted(present, self._records)
            assert not lost, f"neither arrived at {target.name} nor are dead: {lost}"
        if not self._flipped:
            assert not list(self._spool.glob("*.jsonl"))
            assert one.rig.counts().pending == 0

    def _record(self, who: int, record: Record) -> None:
        if not self._writers:
            self._writers.append(self._writer())
        writer = self._writers[who % len(self._writers)]
        unended = writer._segment is not None and ends_torn(Path(writer._segment.path))
        assert writer.record([record.line])
        if unended and record not in self._records:
            self._damaged.add(record)
        self._records.setdefault(record)

    def _any_record(self, which: int) -> Record:
        return list(self._records)[which % len(self._records)]

    def _writer(self) -> SpoolWriter:
        return SpoolWriter(writer_config({"spool_dir": str(self._spool), "durability": "process"}, {}))

    def _new_copy(self) -> Path:
        self._copies.append(self._folder / f"copy-{len(self._copies)}")
        return self._copies[-1]

    def _new_id(self) -> str:
        self._number += 1
        return str(UUID(int=(7 << 76) | (2 << 62) | self._number))


def _daemon(rig: Rig, seconds: float) -> None:
    until = rig.time.now + seconds
    rig.daemon(lambda _: rig.time.now >= until, removes=True, in_flight=4, api_keys=KEYS)
