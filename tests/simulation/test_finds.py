"""Show that simulated histories find faults: each mutation takes one safeguard out of the product."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crashes import test_mutations as crashing
from simulation.world import broken_in
from tcc_uploader.delivery.dispatcher import Dispatcher
from tcc_uploader.delivery.intake import Intake
from tcc_uploader.delivery.settlement import Settlement
from tcc_uploader.files import DISK, Disk, opened
from tcc_uploader.model.ledger import Unavailable
from tcc_uploader.model.rows import Changes
from tcc_uploader.spool import reader
from tcc_uploader.spool.scan import Seen, stamp_of
from tcc_uploader.spool.segment import Segment

# ruff: noqa: D401 -- a mutation's docstring says what the product does wrong then

MOST = 1000
"""The seeds, from 0, of which one must show the fault."""
Patch = pytest.MonkeyPatch


def a_file_s_size_is_taken_after_its_first_bytes(patch: Patch) -> None:
    """A file is read while it is empty, and what is written before the stat that follows is taken for read."""
    steps = reader.identify_in_steps

    def late(path: Path, disk: Disk = DISK) -> Iterator[tuple[Segment, Seen] | None]:
        for identified in steps(path, disk):
            if identified is None:
                yield None
                continue
            segment, seen = identified
            with opened(path, disk=disk) as (_, status):
                yield segment, seen._replace(size=status.st_size, stamp=stamp_of(status))

    patch.setattr(reader, "identify_in_steps", late)


def what_can_t_be_read_is_done(patch: Patch) -> None:
    """A file that can't be read once is not read again until it changes."""
    note = Intake._note_unreadable

    def give_up(intake: Intake, path: Path, error: Exception) -> None:
        note(intake, path, error)
        if path.is_file():
            with opened(path) as (_, status):
                intake._done.add(Seen(str(path), status.st_dev << 64 | status.st_ino, status.st_size), sealed=False)

    patch.setattr(Intake, "_note_unreadable", give_up)


def only_events_tell_of_growth(patch: Patch) -> None:
    """A scan reads new files alone: of growth an event must tell, and events get lost."""
    wants = Intake._wants_reading
    patch.setattr(
        Intake, "_wants_reading", lambda intake, seen: seen.file not in intake._by_path and wants(intake, seen)
    )


def a_failed_commit_is_forgotten(patch: Patch) -> None:
    """What a failed commit should have written is not written later."""
    commit = Settlement.commit

    def once(settlement: Settlement, *given: object) -> None:
        try:
            commit(settlement, *given)
        except Unavailable:
            settlement.changes = Changes()
            settlement.touched.clear()
            raise

    patch.setattr(Settlement, "commit", once)


def what_is_given_up_is_not_sent_again(patch: Patch) -> None:
    """A request without an answer in time is given up for good."""

    def give_up(dispatcher: Dispatcher) -> None:
        for record, _ in dispatcher.pool.give_up_failed():
            dispatcher.in_flight.remove(record, dispatcher.backlog.queues[record.destination])

    patch.setattr(Dispatcher, "give_up_failed", give_up)


@pytest.mark.parametrize(
    "mutation",
    [
        a_file_s_size_is_taken_after_its_first_bytes,
        what_can_t_be_read_is_done,
        only_events_tell_of_growth,
        a_failed_commit_is_forgotten,
        what_is_given_up_is_not_sent_again,
        crashing.freezes_without_a_look_at_the_size,
        crashing.anybody_gets_the_lock,
    ],
    ids=lambda it: it.__name__,
)
def test_some_history_shows_what_is_missing(mutation: Callable[[Patch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """If the product lacks one check, one order of steps or one second try, some seed breaks a promise."""
    mutation(monkeypatch)
    assert any(broken_in(seed) for seed in range(MOST))
