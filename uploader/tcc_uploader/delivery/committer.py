"""Commits settled records; removes finished files only after the commit."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tcc_uploader.clock import Clock
from tcc_uploader.ledger.store import Unavailable
from tcc_uploader.spool.removal import CLAIMS_AT_ONCE
from tcc_uploader.spool.segment import Segment

from .intake import Intake
from .settlement import Settlement

_COMMIT_DELAY: Final = 0.05
"""Seconds that a commit waits for more answers.  If the process is killed then, their records are sent again."""
_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Committer:
    """Decides when to commit, and which files may be removed afterwards.  Only the engine's thread uses it."""

    settlement: Settlement
    intake: Intake
    state: Path
    clock: Clock
    removes: bool
    trouble: str = ""
    """Why the state can't be written now; empty if it can be."""
    changed_unsealed: set[Segment] = field(default_factory=set)
    """Unsealed segments that have changed since it was last checked whether their writers are gone."""
    _due: float | None = None

    def due_at(self) -> float | None:
        """Return when to commit, in seconds on the monotonic clock; None if there is nothing to commit.

        The delay begins at the first call after something was settled.
        """
        if not self.settlement.waits:
            self._due = None
        elif self._due is None:
            self._due = self.clock.monotonic() + _COMMIT_DELAY
        return self._due

    def is_due(self) -> bool:
        """Whether a commit is due: it has waited long enough for more answers."""
        due = self.due_at()
        return due is not None and self.clock.monotonic() >= due

    def commit(self, candidates: Collection[Segment] | None = None, *, writers_may_be_gone: bool = False) -> None:
        """Commit all that was settled, then remove or forget those of ``candidates`` that are finished.

        The default for ``candidates`` are the changed segments.  Only with ``writers_may_be_gone`` are the locks of
        unsealed segments tried; else these wait in ``changed_unsealed``.  If the state can't be written, ``trouble``
        says why.  Raises :class:`LedgerError` if the ledger is damaged.
        """
        try:
            self.settlement.write_letters()  # a dead record counts as settled from here on
        except OSError as error:
            self.note_trouble(error)
            return
        touched = set(self.settlement.touched)
        if candidates is None:
            candidates = touched
            self.changed_unsealed |= {segment for segment in touched if not segment.seal}
        else:
            self.changed_unsealed |= {segment for segment in touched.difference(candidates) if not segment.seal}
        settled = [segment for segment in candidates if segment.settled]
        removable = [s for s in settled if self.removes and s.removable and (s.seal or writers_may_be_gone)]
        if self._commit_and_forget(settled):
            self._commit_and_remove(removable)

    def note_trouble(self, error: Exception) -> None:
        """Note and log why the state can't be written; nothing is lost, and the commit is tried again."""
        if not self.trouble:
            _log.error("can't write %s: %s; nothing more is sent until that works", self.state, error)
        self.trouble = str(error)

    def _commit_and_forget(self, settled: Sequence[Segment]) -> bool:
        """Commit; forget settled segments to which no record can be added, and whose files stay."""
        staying = [s for s in settled if s.complete and not (self.removes and s.removable)]
        if not self._write(staying):
            return False
        for segment in staying:
            self.intake.finish(segment)
        for segment in settled:
            if segment.stream is not None and not segment.journal.undecided:
                self.intake.forget(segment)
        return True

    def _commit_and_remove(self, removable: Sequence[Segment]) -> None:
        """Claim segments, commit them as finished, and remove their files."""
        for start in range(0, len(removable), CLAIMS_AT_ONCE):
            with self.intake.claim(removable[start : start + CLAIMS_AT_ONCE]) as claimed:
                if not self._write(claimed):
                    claimed.clear()
                    return

    def _write(self, finished: Sequence[Segment]) -> bool:
        try:
            self.settlement.commit(finished)
        except (Unavailable, OSError) as error:
            self.note_trouble(error)
            return False
        self.trouble = ""
        return True
