"""Show that the crash tests find faults: each mutation takes one safeguard out of the product."""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from crashes import campaign, scenarios
from crashes.reopening import Violation
from tcc_recorder.spool import segment as segment_file
from tcc_recorder.spool.durability import Durability
from tcc_recorder.spool.system import SYSTEM, System
from tcc_recorder.spool.writer import SpoolWriter
from tcc_uploader import files, state
from tcc_uploader.dead import store
from tcc_uploader.dead.store import LetterFolder
from tcc_uploader.delivery.committer import Committer
from tcc_uploader.delivery.requeue import Requeue
from tcc_uploader.delivery.settlement import Settlement
from tcc_uploader.files import Disk, identity_of, opened
from tcc_uploader.ledger import sqlite as ledger_module
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.model.letter import Letter
from tcc_uploader.spool import removal
from tcc_uploader.spool.segment import Segment

# ruff: noqa: D401 -- a mutation's docstring says what the product does wrong then


Patch = pytest.MonkeyPatch


# --- the recorder ---


def writers_do_not_lock(patch: Patch) -> None:
    """The recorder does not lock its segment, so the uploader can't see that the writer lives."""
    patch.setattr(SYSTEM, "lock", lambda _: True)


def locked_is_not_looked_at_again(patch: Patch) -> None:
    """The recorder does not check if a new file was removed between its creation and its lock."""

    def create(directory: str, mode: int, system: System) -> segment_file._Created:
        while True:
            path = os.path.join(directory, f"{os.urandom(8).hex()}.jsonl")  # noqa: PTH118 -- as the original
            descriptor = system.open(path, segment_file._FLAGS, mode)
            if system.lock(descriptor):
                return segment_file._Created(path, descriptor, None)
            os.close(descriptor)

    patch.setattr(segment_file, "_create", create)


def written_is_not_looked_at_again(patch: Patch) -> None:
    """The recorder writes on to a file that somebody removed."""
    links = segment_file.Segment._links
    patch.setattr(segment_file.Segment, "_links", lambda *place: None if links(*place) is None else 1)


def records_are_not_synced(patch: Patch) -> None:
    """With ``power`` durability, the recorder makes no fdatasync."""
    patch.setattr(Durability, "sync_segment", lambda *_: True)


def names_are_not_synced(patch: Patch) -> None:
    """With ``power`` durability, the recorder makes no fsync of the spool's directory."""
    patch.setattr(segment_file, "sync_directory", lambda *_: None)


def short_writes_stay(patch: Patch) -> None:
    """The recorder does not truncate the file after a short write."""
    patch.setattr(SYSTEM, "ftruncate", lambda *_: None)


def failed_syncs_are_tried_again(patch: Patch) -> None:
    """After a failed fdatasync, the recorder trusts the next one that succeeds on this file."""
    patch.setattr(SpoolWriter, "_give_up_on", lambda *_, **__: None)


def children_unlock(patch: Patch) -> None:
    """A forked child unlocks the segment that it closes, although the parent shares the open file and its lock."""
    close = segment_file.Segment.close

    def unlock(segment: segment_file.Segment) -> None:
        if segment._descriptor >= 0:
            fcntl.flock(segment._descriptor, fcntl.LOCK_UN)
        close(segment)

    patch.setattr(segment_file.Segment, "close", unlock)


# --- the uploader ---


def anybody_gets_the_lock(patch: Patch) -> None:
    """The uploader freezes unsealed segments and removes empty files although a writer holds the lock."""
    freeze, remove = removal._freeze, removal.remove_if_abandoned

    def unlocked(disk: Disk) -> Disk:
        return replace(disk, lock=lambda _: True)

    patch.setattr(removal, "_freeze", lambda segment, held, disk: freeze(segment, held, unlocked(disk)))
    patch.setattr(removal, "remove_if_abandoned", lambda path, now, disk: remove(path, now, unlocked(disk)))


def freezes_without(patch: Patch, *, size: bool = True, identity: bool = True) -> None:
    """Freeze as :mod:`tcc_uploader.spool.removal` does, but without one of its checks."""

    def freeze(segment: Segment, held: ExitStack, disk: Disk) -> bool:
        file, status = held.enter_context(opened(segment.path))
        same = not identity or identity_of(status) == segment.identity
        free = same and (segment.seal is not None or disk.lock(file.fileno()))
        return free and (not size or os.fstat(file.fileno()).st_size == segment.size)

    patch.setattr(removal, "_freeze", freeze)
    patch.setattr(removal, "remove_unchanged", lambda seen, disk: disk.remove(seen.file))


def freezes_without_a_look_at_the_size(patch: Patch) -> None:
    """The uploader removes a file although a line was written after the last read."""
    freezes_without(patch, size=False)


def freezes_without_a_look_at_the_inode(patch: Patch) -> None:
    """The uploader removes a file although it is not the one that was read under this name."""
    freezes_without(patch, identity=False)


def sweeps_what_is_not_empty(patch: Patch) -> None:
    """The uploader removes a file that was empty at the last scan, although it may hold lines now."""

    def remove(path: Path, now: float, disk: Disk) -> None:
        try:
            with opened(path) as (file, _):
                if disk.lock(file.fileno()):
                    disk.remove(str(path))
        except OSError:
            return

    patch.setattr(removal, "remove_if_abandoned", remove)


def removes_before_the_commit(patch: Patch) -> None:
    """The uploader removes a segment before it commits its records."""

    def commit_late(committer: Committer, *args: Any, **more: Any) -> None:
        going = [s for s in committer.intake.live if s.settled and s.removable and s.seal]
        with removal.frozen(going) as frozen:
            for segment in frozen:
                committer.intake.host.disk.remove(segment.file)
        original(committer, *args, **more)
        for segment in frozen:
            committer.intake.forget(segment)

    original = Committer.commit
    patch.setattr(Committer, "commit", commit_late)


def the_journal_s_removal_is_not_synced(patch: Patch) -> None:
    """SQLite runs with ``synchronous=FULL`` instead of EXTRA."""
    connect = ledger_module._connect

    def full(path: Path) -> sqlite3.Connection:
        database = connect(path)
        database.execute("PRAGMA synchronous=FULL")
        return database

    patch.setattr(ledger_module, "_connect", full)


def the_state_s_name_is_not_synced(patch: Patch) -> None:
    """The state directory is created without an fsync of its parent."""

    def make(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)

    patch.setattr(state, "make_durably", make)
    patch.setattr(store, "make_durably", make)


def unsynced(patch: Patch, *, folders: bool) -> None:
    """Leave out one of the two fsyncs of a durable write: of the folder, or of the file."""
    fsync = files._fsync

    def some(descriptor: int) -> None:
        is_folder = os.path.isdir(f"/dev/fd/{descriptor}")  # noqa: PTH112 -- a descriptor
        if is_folder != folders:
            fsync(descriptor)

    patch.setattr(files, "_fsync", some)


def letters_are_not_synced(patch: Patch) -> None:
    """A letter is written without an fsync of its file, which may be empty after a crash."""
    unsynced(patch, folders=False)


def letters_names_are_not_synced(patch: Patch) -> None:
    """A letter is written without an fsync of its folder, and may lose its name."""
    unsynced(patch, folders=True)


def letters_come_after_the_commit(patch: Patch) -> None:
    """The uploader commits that a record is dead before it writes the letter."""
    write, commit = LetterFolder.write, SqliteLedger.commit
    late: list[tuple[LetterFolder, Letter]] = []

    def committed(ledger: SqliteLedger, changes: Any) -> None:
        commit(ledger, changes)
        while late:
            write(*late.pop())

    patch.setattr(LetterFolder, "write", lambda folder, letter: late.append((folder, letter)))
    patch.setattr(SqliteLedger, "commit", committed)


def answered_letters_go_before_the_commit(patch: Patch) -> None:
    """The uploader removes the file of a delivered letter before it commits the delivery."""
    commit = Settlement.commit

    def hasty(settlement: Settlement, finished: Iterable[Segment] = ()) -> None:
        for ident in settlement.answered:
            settlement.letters.remove(ident)
        commit(settlement, finished)

    patch.setattr(Settlement, "commit", hasty)


def requests_go_before_the_commit(patch: Patch) -> None:
    """The uploader removes an operator's request before it commits the result."""
    take = Requeue.take_requests

    def hasty(requeue: Requeue) -> None:
        waiting = requeue.settlement.letters.requests()
        for name in waiting:
            requeue.settlement.letters.remove_request(name)
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(LetterFolder, "requests", lambda _: waiting)
            take(requeue)

    patch.setattr(Requeue, "take_requests", hasty)


def removed_segments_are_not_finished(patch: Patch) -> None:
    """The uploader leaves out the commit that marks a frozen segment as finished."""
    commit = Settlement.commit
    patch.setattr(Settlement, "commit", lambda settlement, finished=(): commit(settlement) if not finished else None)


def anybody_gets_the_state(patch: Patch) -> None:
    """The uploader starts although another one holds the state directory's lock."""
    patch.setattr(state, "_lock_soon", lambda _: True)


class Hunt(NamedTuple):
    """A mutation, and the scenario or play in which its fault must show; ``why_not``: why it can't show."""

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
        "the operator's request is lost, but not the record: its letter is still there, and dead in the ledger",
    ),
    Hunt(
        removed_segments_are_not_finished,
        scenarios.one_writer,
        "the commit before the removal has settled all records; this one only says: the file need not be read again",
    ),
)
PLAYS = (
    Hunt(writers_do_not_lock, campaign.dying_writer),
    Hunt(locked_is_not_looked_at_again, campaign.dying_writer),
    Hunt(children_unlock, campaign.forking_writer),
    Hunt(anybody_gets_the_lock, campaign.dying_writer),
    Hunt(freezes_without_a_look_at_the_size, campaign.dying_writer),
    Hunt(sweeps_what_is_not_empty, campaign.dying_writer),
    Hunt(anybody_gets_the_state, campaign.two_uploaders),
    Hunt(
        freezes_without_a_look_at_the_inode,
        campaign.dying_writer,
        "a recorder never uses a name twice: only a copy could replace the file",
    ),
)


def judge(hunt: Hunt, run: Callable[..., int], root: Path) -> None:
    """Run a campaign on a mutation; it must find a violation, unless the hunt says why it can't."""
    if hunt.why_not:
        run(root, hunt.story, hunt.mutation)
        return
    with pytest.raises(Violation):
        run(root, hunt.story, hunt.mutation)


@pytest.mark.parametrize("hunt", STORIES, ids=lambda it: it.mutation.__name__)
def test_a_crash_shows_what_is_missing(tmp_path: Path, hunt: Hunt) -> None:
    """If the product lacks one fsync, one check or one order of steps, some state after a crash breaks a promise."""
    judge(hunt, campaign.cut_off, tmp_path / "world")


@pytest.mark.parametrize("hunt", PLAYS, ids=lambda it: it.mutation.__name__)
def test_a_change_of_turns_shows_what_is_missing(tmp_path: Path, hunt: Hunt) -> None:
    """If the product lacks one lock, or one check under a lock, some change of turns breaks a promise."""
    judge(hunt, campaign.take_turns, tmp_path / "world")
