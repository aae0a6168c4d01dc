"""What ``tcc-upload status`` shows: the ledger's counts, the spools' files, and the uploader's own last report."""

import os
import shlex
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

from tcc_schemas.lines import Line
from tcc_schemas.room import UNTOLD, free_floor
from tcc_uploader.boundary import caught
from tcc_uploader.delivery.routing import wish_of
from tcc_uploader.files import file_name, size_of
from tcc_uploader.model.ledger import Ledger
from tcc_uploader.ops.status_file import Activity, ProcessReport, read_report
from tcc_uploader.settings import STATUS_FILE, TARGET_FILES, Settings
from tcc_uploader.sinks import shown
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool.reader import room_told_in
from tcc_uploader.spool.scan import list_files
from tcc_uploader.state import LOCK_NAME, holder, is_in_use

from .survey import SpoolUse, has_grown, is_looked_for_here, spools_read, take_survey

_LEAST_FREE: Final = 4 * 1024 * 1024
"""Bytes of free disk that a ledger needs to be written, and some more."""


@dataclass(frozen=True, slots=True)
class SpoolReport:
    """A spool: what its files take of what it may hold, in bytes, and why that may be nothing."""

    path: str
    files: int
    bytes: int
    max_bytes: int
    kept: int
    """Files of these that are delivered, and go when room is needed."""
    kept_bytes: int
    note: str


@dataclass(frozen=True, slots=True)
class StatusReport:
    """Everything that ``status --json`` prints."""

    activity: Activity
    """What the uploader reported last, if anything."""
    as_of: float | None
    """When that was, in seconds since 1970."""
    told_by_running: bool
    """Whether it is the running uploader that reported; else what it told may have changed since."""
    target: str
    in_use: bool
    """Whether an uploader works on this target, or worked on it in the last seven days."""
    running_pid: int | None
    spools: list[SpoolReport]
    state_dir: str
    ledger: str
    """The file of the ledger, or the URL of a shared one."""
    ledger_bytes: int
    counts: dict[str, int]
    oldest_pending: str | None
    oldest_due: str | None
    """The oldest pending record that waits for no operator, and was not refused."""
    damage: int
    refused: int
    """Records that recorders refused, as the seals of the files that are here tell."""
    newer_files: list[str]
    unreadable: dict[str, str]
    passed_over: list[str]
    not_in_sight: int
    gone: list[str]
    """The files in which these records were, or should have been."""
    elsewhere: list[str]
    """Those of these files that are there, and lie in no spool that was looked at."""
    obstacles: dict[str, str]
    """What keeps an uploader, a recorder or this report from its work, each with what to do."""


def status_report(
    settings: Settings, ledger: Ledger, *, own: bool, did: Callable[[int], object] = lambda _: None
) -> StatusReport:
    """Put the report on a target together, with or without a running uploader.  Raises :class:`LedgerError`.

    ``own``: the settings name this target.  In a spool that another target never read, nothing is pending for it.
    ``did`` is called with the bytes that were read.
    """
    state = settings.state_dir
    spools = settings.spools if own else spools_read(settings.spools, ledger)
    (told, why_untold), running_pid = read_report(state), holder(state)
    activity = _true_now(told, running_pid)
    found = take_survey(Sources(list(spools)), ledger, trust_ledger=True, waits=partial(_waits, activity), did=did)
    absent = [row for row in ledger.segments() if row.id not in found.segment_ids and not has_grown(row)]
    counts = sum((row.counts for row in absent), found.counts)
    elsewhere = ledger.read_elsewhere()
    gone = [row for row in absent if is_looked_for_here(row, elsewhere)]
    requeued = Counter(letter.place.segment for letter in ledger.letters_with("requeued"))
    missing = [row for row in gone if row.counts.pending > requeued[row.number]]  # its letter has the record
    not_in_sight = sum(row.counts.pending - requeued[row.number] for row in missing)
    return StatusReport(
        activity=activity,
        as_of=told.updated if told else None,
        told_by_running=told is not None and told.pid == running_pid,
        target=state.name,
        in_use=settings.ledger is not None or is_in_use(state, time.time()),
        running_pid=running_pid,
        spools=[_spool_report(spool, found.spools[file_name(spool)]) for spool in spools],
        state_dir=str(state),
        ledger=settings.ledger or str(state / TARGET_FILES[0]),
        ledger_bytes=ledger.size() if settings.ledger else size_of(state / TARGET_FILES[0]),
        counts=asdict(counts) | {"pending": counts.pending - not_in_sight},
        oldest_pending=found.oldest_pending,
        oldest_due=found.oldest_due,
        damage=found.damage + sum(row.damaged + bool(row.torn) for row in gone),
        refused=found.refused,
        newer_files=[*found.newer, *found.not_understood],
        unreadable=found.unreadable,
        passed_over=found.passed_over,
        not_in_sight=not_in_sight,
        gone=[row.path for row in missing],
        elsewhere=[row.path for row in missing if row.size and Path(row.path).exists()],
        obstacles=dict(_unread(settings, told, why_untold, running_pid)) | _obstacles(spools, state) | _aside(ledger),
    )


def _aside(ledger: Ledger) -> dict[str, str]:
    """Return what is told of the objects that are set aside, each with what to do."""
    return {
        f"{uri} is set aside: {vanished} uploaders vanished while they had it in hand": (
            f"find out why they did (memory?), then: tcc-upload ledger retry {shlex.quote(uri)}"
        )
        for uri, vanished in ledger.set_aside().items()
    }


def _unread(
    settings: Settings, told: ProcessReport | None, why_untold: str, running_pid: int | None
) -> Iterator[tuple[str, str]]:
    """Yield what can't be told of a target because its files have gone or are damaged, each with what to do."""
    state = settings.state_dir
    ledger = state / TARGET_FILES[0]
    is_there = os.path.exists(ledger)  # noqa: PTH110 -- it raises nothing
    if settings.ledger is None and running_pid is None and not size_of(ledger) and (told or is_there):
        what = f"{ledger} is {'empty' if is_there else 'gone'}: what was delivered is not known any more"
        yield what, "put a copy of it back; or go on: the next daemon or replay starts a new one, and may send twice"
    if why_untold and os.access(state, os.X_OK):  # else it is told that the folder can't be used
        what = f"{state / STATUS_FILE} can't be read ({why_untold}): what the uploader told last is not known"
        yield what, "move it away: the next daemon or replay writes it anew"


def _obstacles(spools: Iterable[Path], state: Path) -> dict[str, str]:
    """Return what keeps the uploader or a recorder from writing, each with what to do."""
    found = {}
    for place in (state, *spools):
        with suppress(OSError):
            disk = shutil.disk_usage(place)
            if disk.free < (_LEAST_FREE if place == state else free_floor(disk.total)):
                found[f"the disk of {place} is full: {disk.free:,} bytes are free"] = "make room there"
            if _is_read_only(place) and os.access(place, os.R_OK | os.X_OK):  # that it can't be read is told elsewhere
                found[f"{place} can't be written"] = "chmod u+w, or name another one: TCC_STATE_DIR, TCC_SPOOL_DIR"
    for file in (state / TARGET_FILES[0], state / LOCK_NAME):
        with suppress(OSError):
            if _is_read_only(file):
                found[f"{file} can't be written: no uploader works with it"] = "chmod u+w"
    return found


def _is_read_only(path: Path) -> bool:
    """Whether a file or folder of this user can't be written by this user.  Raises OSError."""
    return path.stat().st_uid == os.geteuid() and not os.access(path, os.W_OK)


def _true_now(told: ProcessReport | None, running_pid: int | None) -> Activity:
    """Return what an uploader told, without what is not true any more if it has ended, and what was caught here."""
    activity = told or Activity.model_construct()
    if told and running_pid != told.pid:
        ended = [each.model_copy(update={"next_probe": None}) for each in told.destinations]
        activity = activity.model_copy(update={"destinations": ended, "watcher": "none", "trouble": ""})
    unexpected = {(each.place, each.exception): each for each in (*caught.all(), *activity.unexpected)}
    return activity.model_copy(update={"unexpected": list(unexpected.values())})


def _waits(activity: Activity, segment_id: str, line: Line) -> bool:
    """Whether a pending record waits for an operator, or was refused and waits for what other records are told."""
    wish, place = wish_of(line), (shown(segment_id), line.number)
    for each in activity.destinations:
        if place in each.undecided:
            return True
        goes_there = each.url == wish.url if wish.url else each.url.endswith(wish.path)
        if each.state == "paused" and each.remedy and goes_there and wish.hint in (None, each.key):
            return True
    return False


def _spool_report(spool: Path, use: SpoolUse) -> SpoolReport:
    """Return what a spool holds, and why that may be nothing."""
    found, unreadable = list_files([spool])
    note = ""
    if unreadable:
        note = f"can't be read: {unreadable[spool]}"
    elif not spool.exists():
        note = "does not exist: the agent's default spool lies in its own user's home; set TCC_SPOOL_DIR for both"
    elif not found:
        note = "holds nothing: everything was delivered, or the agent records somewhere else"
    room = room_told_in(found[-1]) if found else UNTOLD  # the newest file: the budget may have been changed
    return SpoolReport(str(spool), len(found), use.bytes, room.max_bytes, use.kept, use.kept_bytes, note)
