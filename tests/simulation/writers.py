"""What recorders and operators do in a history, step by step, as chance has it."""

import copy
from typing import TYPE_CHECKING, Any, Final

import orjson

from simulation.disks import Killed, RecordingSystem
from simulation.server import parts_of
from support.faults import AT, batch_of, run_item, step_item
from tcc_recorder.config import writer_config
from tcc_recorder.spool.writer import SpoolWriter
from tcc_schemas.endpoints import CUSTOM_PATH, FEEDBACK_PATH
from tcc_schemas.lines import encode
from tcc_uploader.dead.store import LetterFolder
from tcc_uploader.model.letter import LetterRequest

if TYPE_CHECKING:
    from simulation.world import World


RECOVERED: Final = {"status_code": 2, "status_message": "not ended: the process died"}
"""What the uploader adds to a run that its process did not end."""


class Writer:
    """A process that records, until it ends or is killed; or it lives on, and records no more."""

    def __init__(self, world: "World", parent: "Writer | None" = None) -> None:
        self.world = world
        self.system = RecordingSystem(world)
        self.unended: dict[str, bytes] = {}
        """By run: the journal line of a run that has not ended."""
        self._lines = list(parent._lines) if parent else []
        self._steps = world.chance.randint(1, 12)
        if parent is None:
            power, journal = world.chance.random() < 0.3, world.chance.random() < 0.3
            options = {"spool_dir": str(world.spool), "durability": "power" if power else "process", "journal": journal}
            self._spool = SpoolWriter(writer_config(options, {}), lambda: list(self.unended.values()), self.system)
        else:
            self._spool = self._forked(parent)
        world.writers.append(self)

    def act(self) -> None:
        """Record until the script is over."""
        chance = self.world.chance
        if not self._steps:
            return  # it died while it was forked: what it has of its parent's writer, its lock too, is its parent's
        try:
            for _ in range(self._steps):
                self.world.turns.seam()
                self._step(chance.random())
            end = chance.random()
            if end < 0.5:
                self._spool.close()
            if end < 0.8:
                self._die()
        except Killed:
            self._die()

    def _die(self) -> None:
        self._steps = 0
        self.system.release()

    def close_the_history(self) -> None:
        """Record a run and feedback, and end: what was refused is dead only after the next success at its URL."""
        ident = f"r{self.world.new_number()}"
        self._run(ident)
        self._record("feedback", f"{ident}-", {"runId": ident, "score": "thumbs_up"}, FEEDBACK_PATH, ident)
        self._spool.close()
        self._die()

    def _step(self, which: float) -> None:
        world, ident = self.world, f"r{self.world.new_number()}"
        if which < 0.45:
            self._run(ident)
        elif which < 0.6 and self._lines:
            run_id = world.chance.choice(self._lines)[1]
            self._record("step", ident, step_item(run_id, ident), CUSTOM_PATH, run_id)
        elif which < 0.7 and self._lines:
            run_id = world.chance.choice(self._lines)[1]
            feedback = {"runId": run_id, "score": "thumbs_up", "text": ident}
            self._record("feedback", ident, feedback, FEEDBACK_PATH, run_id)
        elif which < 0.78 and self._lines:
            self._append(*world.chance.choice(self._lines))  # the same record again
        elif which < 0.86:
            line = encode("journal", ident, orjson.dumps(run_item(ident)), at=AT, run_id=ident)
            world.written.add(orjson.dumps(run_item(ident) | RECOVERED))
            self.unended[ident] = line
            self._spool.journal([line])
        elif which < 0.9 and len(world.writers) < 6:
            world.start_writer(self)
        else:
            self._spool.flush()

    def _run(self, ident: str) -> None:
        ended = next(iter(self.unended), None)
        if ended is not None and self.world.chance.random() < 0.5:
            ident = ended
        steps = [step_item(ident, f"s{self.world.new_number()}") for _ in range(self.world.chance.choice((0, 0, 1, 2)))]
        padding = "x" * self.world.chance.choice((0, 10, 3000))
        run = run_item(ident, response=padding)
        self._record("run", ident, batch_of(run, *steps) if steps else run, CUSTOM_PATH, ident)

    def _record(self, kind: str, ident: str, item: dict[str, Any], path: str, run_id: str) -> None:
        body = orjson.dumps(item)
        self.world.written |= parts_of(body) | {body}
        self._append(encode(kind, ident, body, at=AT, run_id=run_id, path=path), run_id, body)

    def _append(self, line: bytes, run_id: str, body: bytes) -> None:
        if self._spool.record([line], lambda: self.unended.pop(run_id, None) if b'"kind":"run"' in line else None):
            self._lines.append((line, run_id, body))
            self.world.promised |= parts_of(body)

    def _forked(self, parent: "Writer") -> SpoolWriter:
        """Return the child's copy of its parent's writer: its descriptor is that of the same open file."""
        spool = copy.copy(parent._spool)
        segment = copy.copy(spool._segment)
        spool._system = self.system
        spool._unended_journal = lambda: list(self.unended.values())
        spool._unsealed = []
        if segment is not None:
            segment._system = self.system
            self.system.open_files = dict(parent.system.open_files)
            segment._descriptor = self.system.dup(segment._descriptor)
            self.system.open_files = {segment._descriptor: segment.path}
            segment.tally, segment.unsynced = copy.copy(segment.tally), segment.unsynced.copy()
        spool._segment = segment
        try:
            spool.reset_after_fork()
        except Killed:
            self._die()
        return spool


def operate(world: "World") -> None:
    """Set the clock, and ask to send dead letters again or to drop them."""
    folder = LetterFolder(world.state)
    for _ in range(world.chance.randint(0, 6)):
        for _ in range(world.chance.randint(1, 20)):
            world.turns.give_way()
        if world.chance.random() < 0.3:
            world.jump += world.chance.choice((-86_400.0, -3_600.0, 3_600.0, 86_400.0))
        letters = sorted((folder.read(ident) for ident in folder.ids()), key=lambda it: (it.line, it.body_bytes))
        if letters and world.chance.random() < 0.7:
            letter = world.chance.choice(letters)
            action = world.chance.choice(("requeue", "requeue", "drop"))
            if action == "drop":
                world.dropped |= parts_of(letter.body_bytes)
            folder.ask(LetterRequest(action=action, letter=letter.id))
