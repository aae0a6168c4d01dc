"""Scenarios that the crash tests interrupt at every point.  Each runs to its end on a stage."""

from collections.abc import Callable
from typing import Final

from crashes.stage import Stage
from tcc_uploader.dead.store import LetterFolder
from tcc_uploader.model.letter import LetterRequest

# ruff: noqa: D401 -- a scenario's docstring is its title


REFUSED: Final = frozenset({"bad", "bad-step"})
"""Items that the server refuses in every scenario."""
Scenario = Callable[[Stage], None]


def one_writer(stage: Stage) -> None:
    """Three runs are recorded with ``power`` durability; the segment is sealed, delivered and removed."""
    writer = stage.writer("power")
    for run_id in ("a", "b", "c"):
        writer.record(run_id)
    writer.seal()
    uploader = stage.uploader()
    uploader.round()
    uploader.round()


def one_writer_unsynced(stage: Stage) -> None:
    """Three runs are recorded with the default durability, and the uploader reads after each of them."""
    writer = stage.writer()
    uploader = stage.uploader()
    for run_id in ("a", "b", "c"):
        writer.record(run_id)
        uploader.round()
    writer.seal()
    uploader.round()


def two_writers(stage: Stage) -> None:
    """A process and its forked child record in turns; the child is killed, the parent ends; all is delivered."""
    parent = stage.writer("power")
    parent.record("a")
    child = parent.fork()
    child.record("b")
    uploader = stage.uploader()
    uploader.round()
    parent.record("c")
    child.record("d")
    child.die()
    uploader.round()
    parent.record("e")
    parent.seal()
    uploader.round()
    uploader.round()


def journaled(stage: Stage) -> None:
    """A process is killed while one of its runs is open; this run is recovered from the journal, once."""
    writer = stage.writer("power")
    uploader = stage.uploader()
    writer.note("open", "step")
    writer.note("a")
    writer.record("a")
    uploader.round()
    writer.record("b")
    writer.die()
    uploader.round()
    uploader.round()


def dead_letter(stage: Stage) -> None:
    """The server refuses one run, and one step of another run; two letters are written, and the segment is removed."""
    writer = stage.writer("power")
    writer.record("a")
    writer.record("bad")
    writer.record("b", "bad-step", "good-step")
    writer.record("c")
    writer.seal()
    uploader = stage.uploader()
    uploader.round()
    uploader.round()


def requeued_letter(stage: Stage) -> None:
    """A run is refused; when the server accepts it, the letter is requeued and delivered."""
    writer = stage.writer("power")
    writer.record("late")
    writer.record("a")
    writer.seal()
    uploader = stage.uploader()
    stage.server.refused = frozenset({"late"})
    uploader.round()
    stage.server.refused = REFUSED
    for letter in uploader.ledger.letters_with("dead"):
        LetterFolder(stage.root / "state").ask(LetterRequest(action="requeue", letter=letter.id))
    uploader.round()
    uploader.round()


def outage(stage: Stage) -> None:
    """The server is down, the uploader is restarted, the server recovers, and two runs are delivered."""
    writer = stage.writer("power")
    writer.record("a", "step")
    stage.server.down = True
    first = stage.uploader()
    first.round()
    writer.record("b")
    first.round()
    first.die()
    stage.server.down = False
    second = stage.uploader()
    second.round()
    writer.die()
    second.round()


def short_write(stage: Stage) -> None:
    """Two writes are short; the recorder truncates the file, and the next line starts where the short write began."""
    stage.short_writes = {2, 4}
    writer = stage.writer("power")
    assert not writer.record("refused")
    writer.record("a")
    writer.record("b")
    writer.record("c")
    writer.seal()
    stage.uploader().round()


def failed_sync(stage: Stage) -> None:
    """An fdatasync fails; the lines that it should have made durable are written again to a new segment."""
    stage.failing_syncs = {2}
    writer = stage.writer("power")
    for run_id in ("a", "b", "c"):
        writer.record(run_id)
    writer.seal()
    uploader = stage.uploader()
    uploader.round()
    uploader.round()


def cleaned(stage: Stage) -> None:
    """Somebody removes the segment that is being written; later lines are written to a new segment."""
    writer = stage.writer("power")
    uploader = stage.uploader()
    writer.record("a")
    uploader.round()
    writer.record("b")
    stage.waive("a", "b")
    stage.clean(writer)
    writer.record("c")
    writer.record("d")
    uploader.round()
    writer.seal()
    uploader.round()


SCENARIOS: Final[tuple[Scenario, ...]] = (
    one_writer,
    one_writer_unsynced,
    two_writers,
    journaled,
    dead_letter,
    requeued_letter,
    outage,
    short_write,
    failed_sync,
    cleaned,
)
