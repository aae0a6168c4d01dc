"""What ``tcc-upload status`` shows: the ledger's counts, the spools' files, and the uploader's own last report."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tcc_uploader.boundary import caught
from tcc_uploader.model.ledger import Ledger
from tcc_uploader.ops.status_file import Activity, read_report
from tcc_uploader.sources.given import Sources
from tcc_uploader.spool.scan import list_files
from tcc_uploader.state import holder, is_in_use

from .survey import has_grown, spools_read, take_survey


@dataclass(frozen=True, slots=True)
class StatusReport:
    """Everything that ``status --json`` prints."""

    activity: Activity
    """What the uploader reported last, if anything."""
    target: str
    in_use: bool
    """Whether an uploader works on this target, or worked on it in the last seven days."""
    running_pid: int | None
    spools: dict[str, str]
    state_dir: str
    counts: dict[str, int]
    oldest_pending: str | None
    damage: int
    newer_files: list[str]
    unreadable: dict[str, str]
    passed_over: list[str]
    not_in_sight: int

    def as_json(self) -> dict[str, object]:
        """Return its members, with those of the activity among them."""
        own = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "activity"}
        return self.activity.model_dump() | own


def status_report(spools: Sequence[Path], state: Path, ledger: Ledger, *, own: bool) -> StatusReport:
    """Put the report on a target together, with or without a running uploader.  Raises :class:`LedgerError`.

    ``own``: the settings name this target.  In a spool that another target never read, nothing is pending for it.
    """
    spools = spools if own else spools_read(spools, ledger)
    found = take_survey(Sources(list(spools)), ledger, trust_ledger=True)
    gone = [row for row in ledger.segments() if row.id not in found.segment_ids and not has_grown(row)]
    counts = sum((row.counts for row in gone), found.counts)
    not_in_sight = sum(row.counts.pending for row in gone)
    activity = read_report(state) or Activity.model_construct()
    unexpected = {(each.place, each.exception): each for each in (*caught.all(), *activity.unexpected)}
    return StatusReport(
        activity=activity.model_copy(update={"unexpected": list(unexpected.values())}),
        target=state.name,
        in_use=is_in_use(state, time.time()),
        running_pid=holder(state),
        spools={str(spool): _spool_text(spool) for spool in spools},
        state_dir=str(state),
        counts=asdict(counts) | {"pending": counts.pending - not_in_sight},
        oldest_pending=found.oldest_pending,
        damage=found.damage + sum(row.damaged + bool(row.torn) for row in gone),
        newer_files=list(found.newer),
        unreadable=found.unreadable,
        passed_over=found.passed_over,
        not_in_sight=not_in_sight,
    )


def _spool_text(spool: Path) -> str:
    """Return what a spool holds, or why that may be nothing."""
    found, unreadable = list_files([spool])
    if unreadable:
        return f"can't be read: {unreadable[spool]}"
    if found:
        return f"{len(found):,} file{'s'[: len(found) != 1]}"
    if not spool.exists():
        return "does not exist: the agent's default spool lies in its own user's home; set TCC_SPOOL_DIR for both"
    return "holds nothing: everything was delivered, or the agent records somewhere else"
