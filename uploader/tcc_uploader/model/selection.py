"""Which runs a command is to take: by status, session and time, or the newest.  Pure.

:class:`Selection` is what a user asks for, and says of one run whether it is meant.  :class:`Choice` says the same of
every record: children, late steps, tool calls and feedback follow their run, wherever they stand.
"""

import heapq
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict

from tcc_schemas.lines import Line
from tcc_schemas.records import Whole

from .body import moment_of, wire_items
from .fate import Decision

STATUSES: Final = {"success": 0, "partial": 1, "error": 2}
"""A run's status, as it is told on the wire."""
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class RunFacts(NamedTuple):
    """What a run's record says of the run.  What is not told, or can't be read, is None."""

    status: int | None
    session: str | None
    start: datetime | None
    """With a time zone."""


class Selection(BaseModel):
    """What a user asks for.  What is empty or None allows any."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    """Runs that began at ``since`` or later, and before ``until``."""
    sessions: list[str] = []
    statuses: list[str] = []
    """Names of :data:`STATUSES`."""
    limit: Whole | None = None
    """The newest so many of these runs, by their start."""

    def __bool__(self) -> bool:
        return bool(self.since or self.until or self.sessions or self.statuses or self.limit)

    def takes(self, run: RunFacts) -> bool:
        """Whether a run is meant; ``limit``, which depends on the others, aside."""
        return (
            self._is_in_time(run.start)
            and (not self.sessions or run.session in self.sessions)
            and (not self.statuses or run.status in [STATUSES[name] for name in self.statuses])
        )

    def takes_alone(self, at: str) -> bool:
        """Whether a record made ``at`` this time is meant, of whose run nothing is known."""
        return not (self.sessions or self.statuses or self.limit) and self._is_in_time(moment_of(at))

    def _is_in_time(self, moment: datetime | None) -> bool:
        if moment is None:
            return True  # rather one run too many than one lost
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)


class Choice:
    """The chosen ones of some records.  Without a selection, these are all."""

    def __init__(self, selection: Selection | None = None, lines: Iterable[Line] = ()) -> None:
        """``lines`` are the records among which ``selection`` is made; also journal lines, for runs without an end.

        Of a run that is told of more than once, one fitting line is enough.
        """
        self.selection = selection or Selection.model_construct()
        starts: dict[str, datetime] = {}
        known: set[str] = set()
        self.is_empty = bool(self.selection)
        """Whether nothing was chosen though something was asked for."""
        for line in lines:
            run = facts_of(line)
            if run is None:
                self.is_empty &= not self.selection.takes_alone(line.at)
                continue
            ident = line.run_id or line.id
            known.add(ident)
            if self.selection.takes(run):
                starts[ident] = max(starts.get(ident, _LONG_AGO), run.start or moment_of(line.at) or _LONG_AGO)
        newest = heapq.nlargest(self.selection.limit or len(starts), starts, key=lambda ident: (starts[ident], ident))
        self.runs: frozenset[str] = frozenset(newest)
        """The ids of the chosen runs."""
        self._others = known - self.runs
        self.records_left_out = 0
        self._runs_left_out: set[int] = set()
        self.is_empty &= not self.runs

    @property
    def runs_left_out(self) -> int:
        """Of how many runs the records are that were left out."""
        return len(self._runs_left_out)

    def holds(self, record: Line) -> bool:
        """Whether a record is chosen."""
        if not self.selection:
            return True
        ident = record.run_id or record.id
        if not record.is_record or ident in self._others:  # a plain line that is no record belongs to no run
            return False
        if ident in self.runs:
            return True
        if self.selection.limit:
            return False
        run = facts_of(record)
        return self.selection.takes_alone(record.at) if run is None else self.selection.takes(run)

    def leaves_out(self, record: Line, decision: Decision = Decision.SEND) -> bool:
        """Whether a record stays pending because it is not chosen; then it is counted.

        What was decided before stands: a record that is delivered or dead is not pending.
        """
        if decision not in (Decision.SEND, Decision.CONFLICT) or self.holds(record):
            return False
        self.records_left_out += 1
        if ident := record.run_id or record.id:
            self._runs_left_out.add(hash(ident))  # a number, because there may be very many
        return True


def facts_of(line: Line) -> RunFacts | None:
    """Return what a line tells of a run; None if it is another record's, or a child's in the journal."""
    if line.kind not in ("run", "journal"):
        return None
    for item in wire_items(line.body):
        if item.get("type") == "run":
            return RunFacts(item.get("status_code", 0), item.get("session_id"), moment_of(item.get("start_time")))
    return RunFacts(None, None, moment_of(line.at)) if line.kind == "run" else None
