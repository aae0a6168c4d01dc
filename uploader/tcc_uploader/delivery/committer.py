"""Commits settled records; removes finished files only after the commit."""

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from operator import attrgetter
from typing import Final

from tcc_uploader.clock import Clock
from tcc_uploader.model.ledger import Unavailable
from tcc_uploader.spool.removal import REMOVED_AT_ONCE
from tcc_uploader.spool.segment import Segment

from .incomplete import rows_of_what_is_missing
from .intake import Intake
from .settlement import Settlement

_COMMIT_DELAY: Final = 0.05
"""Seconds that a commit waits for more answers.  If the process is killed then, their records are sent again."""
_ROWS_AT_ONCE: Final = 1000
_log = logging.getLogger(__name__)


def in_order(segments: Iterable[Segment]) -> list[Segment]:
    """Return segments in the order in which they were found: that of a set is not the same in every run."""
    return sorted(segments, key=attrgetter("handle"))


@dataclass(slots=True, eq=False)
class Committer:
    """Decides when to commit, and which files may be removed afterwards.  Only the engine's thread uses it."""

    settlement: Settlement
    intake: Intake
    clock: Clock
    trouble: str = ""
    """Why the state can't be written now; empty if it can be."""
    changed_unsealed: set[Segment] = field(default_factory=set)
    """Unsealed segments that have changed since it was last checked whether their writers are gone."""
    _due: float = inf

    def due_at(self) -> float:
        """Return when to commit, in seconds on the monotonic clock; infinity if there is nothing to commit.

        The delay begins at the first call after something was settled.
        """
        if not (self.settlement.touched or self.settlement.unwritten_letters or self.settlement.changes):
            self._due = inf
        elif self._due == inf:
            self._due = self.clock.monotonic() + _COMMIT_DELAY
        return self._due

    def unchecked(self) -> list[Segment]:
        """Return the segments in ``changed_unsealed``, but those that are not tracked any more.

        Some of those are finished: their rows go on without them, as letters are answered, and must not be
        written anew.
        """
        tracked = self.intake.by_handle
        self.changed_unsealed = {segment for segment in self.changed_unsealed if segment.handle in tracked}
        return in_order(self.changed_unsealed)

    def commit(self, candidates: Collection[Segment] | None = None) -> None:
        """Commit all that was settled, then remove or forget those of ``candidates`` that are finished.

        By default, these are the changed segments; then the locks of unsealed segments are not tried: these wait in
        ``changed_unsealed``.  If the state can't be written, ``trouble`` says why.  Raises :class:`LedgerError` if the
        ledger is damaged.
        """
        try:
            self._commit(candidates)
        except (Unavailable, OSError) as error:
            self.note_trouble(error)

    def finish(self, candidates: Collection[Segment] | None) -> None:
        """Commit as :meth:`commit` does when all is read; then what the ledger awaits of archives that were cut."""
        self.commit(candidates)
        settlement, archives = self.settlement, self.intake.sources.archives
        rows = rows_of_what_is_missing(settlement.ledger, archives, int(self.clock.wall()))
        while not self.trouble and (some := list(islice(rows, _ROWS_AT_ONCE))):  # a manifest may list very many
            settlement.adopted |= {row.number: row for row in some}
            self.commit()

    def note_trouble(self, error: Exception) -> None:
        """Note and log why the state can't be written; nothing is lost, and the commit is tried again."""
        if not self.trouble:
            _log.error(
                "the state can't be written: %(why)s; nothing more is sent until that works",
                {"action": "state_unwritable", "why": error},
            )
        self.trouble = str(error)

    def _commit(self, candidates: Collection[Segment] | None) -> None:
        self.settlement.write_letters()  # a dead record counts as settled from here on
        touched, removes = self.settlement.touched, self.intake.removes
        self.changed_unsealed |= {segment for segment in touched.difference(candidates or ()) if not segment.seal}
        checked = in_order(touched) if candidates is None else candidates
        settled = [segment for segment in checked if segment.settled]
        ours = [segment for segment in settled if segment.counted_here]
        going = {s for s in ours if removes and s.removable and s.stream is None}
        staying = [s for s in ours if s.complete and s not in going]
        removable = [s for s in ours if s in going and (s.seal or candidates is not None)]
        self.settlement.commit(staying)
        self.trouble = ""
        for segment in staying:
            if segment.counted_here:
                self.intake.finish(segment)
        for segment in checked:
            if segment.stream is not None and _is_over(segment):
                self.intake.forget(segment)
        for start in range(0, len(removable), REMOVED_AT_ONCE):
            with self.intake.removing(removable[start : start + REMOVED_AT_ONCE]) as frozen:
                self.settlement.commit(frozen)
                frozen[:] = [segment for segment in frozen if segment.counted_here]  # the others stay


def _is_over(segment: Segment) -> bool:
    """Whether nothing more comes of a stream.

    One that is read again need not wait for anything: neither for a run without an end, nor for a server.
    """
    if segment.on_release is not None:
        return segment.at_end and segment.counts.pending == segment.passed_over
    return segment.settled and not segment.journal.undecided
