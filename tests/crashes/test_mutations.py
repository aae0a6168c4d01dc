"""The states of a crash are worth trying only if they find what they are for: here the product lacks one thing each."""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from crashes import campaign, scenarios
from crashes.reopening import Violation
from tcc_recorder.spool import segment as segment_file
from tcc_recorder.spool.writer import SpoolWriter
from tcc_uploader import files, state
from tcc_uploader.dead import mailbox, store
from tcc_uploader.delivery.committer import Committer
from tcc_uploader.delivery.requeue import Requeue
from tcc_uploader.delivery.settlement import Settlement
from tcc_uploader.files import identity_of, opened
from tcc_uploader.ledger import sqlite as ledger_module
from tcc_uploader.ledger.sqlite import Ledger
from tcc_uploader.model.letter import Letter
from tcc_uploader.spool import removal
from tcc_uploader.spool.segment import Segment

# ruff: noqa: D401 -- a mutation's docstring says what is wrong then


Patch = pytest.MonkeyPatch


# --- the recorder ---


def writers_do_not_lock(patch: Patch) -> None:
    """Nobody can tell that the writer of an unsealed segment lives."""
    patch.setattr(segment_file, "_lock", lambda _: True)


def locked_is_not_looked_at_again(patch: Patch) -> None:
    """A new file may have been removed between its creation and its lock."""

    def create(directory: str, mode: int) -> tuple[str, int]:
        while True:
            path = os.path.join(directory, f"{os.urandom(8).hex()}.jsonl")  # noqa: PTH118 -- as the original
            descriptor = segment_file._open(path, segment_file._FLAGS, mode)
            if segment_file._lock(descriptor):
                return path, descriptor
            os.close(descriptor)

    patch.setattr(segment_file, "_create", create)


def written_is_not_looked_at_again(patch: Patch) -> None:
    """A file that somebody removed goes on to be written."""
    links = segment_file.Segment._links
    patch.setattr(segment_file.Segment, "_links", lambda *place: None if links(*place) is None else 1)


def records_are_not_synced(patch: Patch) -> None:
    """``power`` without fdatasync."""
    patch.setattr(segment_file, "sync", lambda _: None)


def names_are_not_synced(patch: Patch) -> None:
    """``power`` without an fsync of the spool's directory."""
    patch.setattr(segment_file, "sync_directory", lambda _: None)


def short_writes_stay(patch: Patch) -> None:
    """What a short write left stands before the next record."""
    patch.setattr(segment_file, "_ftruncate", lambda *_: None)


def failed_syncs_are_tried_again(patch: Patch) -> None:
    """A second fsync of the same file succeeds, and is believed."""
    patch.setattr(SpoolWriter, "_give_up_on", lambda *_, **__: None)


def children_unlock(patch: Patch) -> None:
    """A forked child unlocks what it closes: the open file, and its lock, are the parent's too."""
    close = segment_file.Segment.close

    def unlock(segment: segment_file.Segment) -> None:
        if segment._descriptor >= 0:
            fcntl.flock(segment._descriptor, fcntl.LOCK_UN)
        close(segment)

    patch.setattr(segment_file.Segment, "close", unlock)


# --- the uploader ---


def anybody_gets_the_lock(patch: Patch) -> None:
    """An unsealed segment is claimed, an empty file removed, whoever holds its lock."""
    patch.setattr(removal, "try_lock", lambda _: True)


def claims_without(patch: Patch, *, size: bool = True, identity: bool = True) -> None:
    """Claim as :mod:`tcc_uploader.spool.removal` does, but without one of its looks."""

    def claim(segment: Segment, held: ExitStack) -> bool:
        file, status = held.enter_context(opened(segment.path))
        same = not identity or identity_of(status) == segment.identity
        free = same and (segment.seal is not None or removal.try_lock(file.fileno()))
        return free and (not size or os.fstat(file.fileno()).st_size == segment.size)

    patch.setattr(removal, "_claim", claim)


def claims_without_a_look_at_the_size(patch: Patch) -> None:
    """A line that was written since the last look goes with its file."""
    claims_without(patch, size=False)


def claims_without_a_look_at_the_inode(patch: Patch) -> None:
    """Another file under the same name is taken for the one that was read."""
    claims_without(patch, identity=False)


def sweeps_what_is_not_empty(patch: Patch) -> None:
    """A file that was empty at the last scan is removed, whatever it holds now."""

    def remove(path: Path) -> None:
        try:
            with opened(path) as (file, _):
                if removal.try_lock(file.fileno()):
                    removal._unlink(path)
        except OSError:
            return

    patch.setattr(removal, "remove_if_abandoned", remove)


def removes_before_the_commit(patch: Patch) -> None:
    """The segment goes, and then the ledger hears of its records."""

    def commit_late(committer: Committer, *args: Any, **more: Any) -> None:
        going = [s for s in committer.intake.live if s.settled and s.removable and s.seal]
        with removal.claimed(going) as claimed:
            for segment in claimed:
                removal.remove(segment.path)
        original(committer, *args, **more)
        for segment in claimed:
            committer.intake.forget(segment)

    original = Committer.commit
    patch.setattr(Committer, "commit", commit_late)


def the_journal_s_removal_is_not_synced(patch: Patch) -> None:
    """SQLite with ``synchronous=FULL``."""
    connect = ledger_module._connect

    def full(path: Path) -> sqlite3.Connection:
        database = connect(path)
        database.execute("PRAGMA synchronous=FULL")
        return database

    patch.setattr(ledger_module, "_connect", full)


def the_state_s_name_is_not_synced(patch: Patch) -> None:
    """The state's directory is made, and nobody syncs the one it is in."""

    def make(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)

    patch.setattr(state, "make_durably", make)
    patch.setattr(store, "make_durably", make)
    patch.setattr(mailbox, "make_durably", make)


def unsynced(patch: Patch, *, folders: bool) -> None:
    """Leave out one of the two fsyncs of a durable write."""
    fsync = files._fsync

    def some(descriptor: int) -> None:
        is_folder = os.path.isdir(f"/dev/fd/{descriptor}")  # noqa: PTH112 -- a descriptor
        if is_folder != folders:
            fsync(descriptor)

    patch.setattr(files, "_fsync", some)


def letters_are_not_synced(patch: Patch) -> None:
    """A letter's name may stand for an empty file."""
    unsynced(patch, folders=False)


def letters_names_are_not_synced(patch: Patch) -> None:
    """A letter may lose its name."""
    unsynced(patch, folders=True)


def letters_come_after_the_commit(patch: Patch) -> None:
    """The ledger says dead before a letter holds the record."""
    write, commit = store.write, Ledger.commit
    late: list[tuple[Path, Letter]] = []

    def committed(ledger: Ledger, changes: Any) -> None:
        commit(ledger, changes)
        while late:
            write(*late.pop())

    patch.setattr(store, "write", lambda state, letter: late.append((state, letter)))
    patch.setattr(Ledger, "commit", committed)


def answered_letters_go_before_the_commit(patch: Patch) -> None:
    """A letter that was sent again is removed before the ledger knows that it was delivered."""
    commit = Settlement.commit

    def hasty(settlement: Settlement, finished: Iterable[Segment] = ()) -> None:
        for path in settlement.answered:
            path.unlink(missing_ok=True)
        commit(settlement, finished)

    patch.setattr(Settlement, "commit", hasty)


def requests_go_before_the_commit(patch: Patch) -> None:
    """What an operator asked for is forgotten before the ledger has heard of it."""
    take = Requeue.take_requests

    def hasty(requeue: Requeue) -> None:
        waiting = list(mailbox.waiting(requeue.state))
        for file, _ in waiting:
            file.unlink()
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(mailbox, "waiting", lambda _: waiting)
            take(requeue)

    patch.setattr(Requeue, "take_requests", hasty)


def removed_segments_are_not_finished(patch: Patch) -> None:
    """The commit while a segment is claimed is left out: the one before it has its settlement."""
    commit = Settlement.commit
    patch.setattr(Settlement, "commit", lambda settlement, finished=(): commit(settlement) if not finished else None)


def anybody_gets_the_state(patch: Patch) -> None:
    """A second uploader works on the same state."""
    patch.setattr(state, "_lock_soon", lambda _: True)


class Hunt(NamedTuple):
    """A mutation, and where what it breaks is looked for.  ``why_not``: why nothing can be found."""

    mutation: campaign.Mutation
    story: Callable[..., Any]
    why_not: str = ""


STORIES = (
    Hunt(written_is_not_looked_at_again, scenarios.cleaned),
    Hunt(records_are_not_synced, scenarios.one_writer),
    Hunt(names_are_not_synced, scenarios.one_writer),
    Hunt(short_writes_stay, scenarios.short_write),
    Hunt(failed_syncs_are_tried_again, scenarios.failed_sync),
    Hunt(removes_before_the_commit, scenarios.one_writer),
    Hunt(the_journal_s_removal_is_not_synced, scenarios.requeued_letter),
    Hunt(the_state_s_name_is_not_synced, scenarios.dead_letter),
    Hunt(letters_are_not_synced, scenarios.dead_letter),
    Hunt(letters_names_are_not_synced, scenarios.dead_letter),
    Hunt(letters_come_after_the_commit, scenarios.dead_letter),
    Hunt(answered_letters_go_before_the_commit, scenarios.requeued_letter),
    Hunt(
        requests_go_before_the_commit,
        scenarios.requeued_letter,
        "the operator's wish is lost, not the record: its letter lies there, and the ledger says dead",
    ),
    Hunt(
        removed_segments_are_not_finished,
        scenarios.one_writer,
        "the commit before the claim holds every fate; this one only says that the file needs no second look",
    ),
)
PLAYS = (
    Hunt(writers_do_not_lock, campaign.dying_writer),
    Hunt(locked_is_not_looked_at_again, campaign.dying_writer),
    Hunt(children_unlock, campaign.forking_writer),
    Hunt(anybody_gets_the_lock, campaign.dying_writer),
    Hunt(claims_without_a_look_at_the_size, campaign.dying_writer),
    Hunt(sweeps_what_is_not_empty, campaign.dying_writer),
    Hunt(anybody_gets_the_state, campaign.two_uploaders),
    Hunt(
        claims_without_a_look_at_the_inode,
        campaign.dying_writer,
        "a recorder never uses a name twice: only a copier could put another file there",
    ),
)


def judge(hunt: Hunt, run: Callable[..., int], root: Path) -> None:
    """Run a campaign against a mutation: it must find something, or say why it can't."""
    if hunt.why_not:
        run(root, hunt.story, hunt.mutation)
        return
    with pytest.raises(Violation):
        run(root, hunt.story, hunt.mutation)


@pytest.mark.parametrize("hunt", STORIES, ids=lambda it: it.mutation.__name__)
def test_a_crash_shows_what_is_missing(tmp_path: Path, hunt: Hunt) -> None:
    """Without one fsync, one check or one order, some state after a crash breaks a promise."""
    judge(hunt, campaign.cut_off, tmp_path / "world")


@pytest.mark.parametrize("hunt", PLAYS, ids=lambda it: it.mutation.__name__)
def test_a_change_of_turns_shows_what_is_missing(tmp_path: Path, hunt: Hunt) -> None:
    """Without one lock or one look under it, some change of turns breaks a promise."""
    judge(hunt, campaign.take_turns, tmp_path / "world")
