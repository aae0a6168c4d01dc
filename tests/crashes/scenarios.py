"""Small stories that are cut off at every point.  Each takes a stage, and plays on it to its end."""

from collections.abc import Callable
from typing import Final

from crashes.stage import Stage
from tcc_uploader.dead import mailbox
from tcc_uploader.dead.mailbox import LetterRequest

# ruff: noqa: D401 -- a story's docstring is its title


REFUSED: Final = frozenset({"bad", "bad-step"})
"""Items that the server of every story refuses."""
Scenario = Callable[[Stage], None]


def one_writer(stage: Stage) -> None:
    """Three runs are recorded, each durable when it is; the segment is sealed, delivered, removed."""
    writer = stage.writer("power")
    for run_id in ("a", "b", "c"):
        writer.record(run_id)
    writer.seal()
    uploader = stage.uploader()
    uploader.round()
    uploader.round()


def one_writer_unsynced(stage: Stage) -> None:
    """The same with the default durability, and the uploader reads along."""
    writer = stage.writer()
    uploader = stage.uploader()
    for run_id in ("a", "b", "c"):
        writer.record(run_id)
        uploader.round()
    writer.seal()
    uploader.round()


def two_writers(stage: Stage) -> None:
    """A process and its forked child record in turns; one is killed, the other ends well; the killed one is reaped."""
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
    """A process is killed with one run open and another over; the open one is recovered from its journal, once."""
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
    """A run is refused, of another one step; both letters are written, the segment goes, both are sent again."""
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
    """A letter is sent again once the server has been taught better."""
    writer = stage.writer("power")
    writer.record("late")
    writer.record("a")
    writer.seal()
    uploader = stage.uploader()
    stage.server.refused = frozenset({"late"})
    uploader.round()
    stage.server.refused = REFUSED
    for letter in uploader.ledger.letters_with("dead"):
        mailbox.ask(stage.root / "state", LetterRequest(action="requeue", letter=letter.id))
    uploader.round()
    uploader.round()


def outage(stage: Stage) -> None:
    """The server is down, the uploader is restarted, the server recovers, two runs have arrived."""
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
    """Two writes come out short; what there is of them is cut off, and what comes next lies where they began."""
    stage.short_writes = {2, 4}
    writer = stage.writer("power")
    assert not writer.record("refused")
    writer.record("a")
    writer.record("b")
    writer.record("c")
    writer.seal()
    stage.uploader().round()


def failed_sync(stage: Stage) -> None:
    """An fsync fails; what it should have kept is written again elsewhere."""
    stage.failing_syncs = {2}
    writer = stage.writer("power")
    for run_id in ("a", "b", "c"):
        writer.record(run_id)
    writer.seal()
    uploader = stage.uploader()
    uploader.round()
    uploader.round()


def cleaned(stage: Stage) -> None:
    """Somebody removes the file that is being written; what comes after is written elsewhere."""
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
