"""Commits what was settled; then, and only then, removes or forgets finished files."""

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
"""Seconds that a commit waits for more answers; what came in them is sent twice if we are killed."""
_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Committer:
    """Decides when to commit, and what may be removed afterwards.  Used by the engine's thread alone."""

    settlement: Settlement
    intake: Intake
    state: Path
    clock: Clock
    removes: bool
    trouble: str = ""
    """Why the state can't be written now; empty if it can."""
    changed_unsealed: set[Segment] = field(default_factory=set)
    """Segments without a seal that have changed since their writers were last looked for."""
    _due: float | None = None

    @property
    def due(self) -> float | None:
        """When to commit while requests are in flight, on the monotonic clock; None if there is nothing to commit."""
        if not self.settlement.touched:
            self._due = None
        elif self._due is None:
            self._due = self.clock.monotonic() + _COMMIT_DELAY
        return self._due

    def is_due(self) -> bool:
        """Whether a commit has waited long enough for more answers."""
        return self.due is not None and self.clock.monotonic() >= self.due

    def commit(self, candidates: Collection[Segment] | None = None, *, writers_may_be_gone: bool = False) -> None:
        """Commit all that was settled, then remove or forget those of ``candidates`` that are finished.

        By default these are the segments that changed.  Without a seal only the lock tells whether a writer is gone:
        that is tried when ``writers_may_be_gone``.
        """
        if not self._write_letters():
            return
        if candidates is None:
            candidates = self.settlement.touched
            self.changed_unsealed.update(segment for segment in candidates if not segment.seal)
        settled = [segment for segment in candidates if segment.settled]
        removable = [s for s in settled if self.removes and s.removable and (s.seal or writers_may_be_gone)]
        self._commit_staying(settled)
        self._commit_removed(removable)

    def note_trouble(self, error: Exception) -> None:
        """Keep why the state can't be written: nothing is lost, and it is tried again."""
        if not self.trouble:
            _log.error("can't write %s: %s; nothing more is sent until that works", self.state, error)
        self.trouble = str(error)

    def _write_letters(self) -> bool:
        try:
            self.settlement.write_letters()
        except OSError as error:
            self.note_trouble(error)
            return False
        return True

    def _commit_staying(self, settled: Sequence[Segment]) -> None:
        """Commit; forget the settled segments that stay where they are, and to which nothing more can come."""
        staying = [s for s in settled if s.complete and not (self.removes and s.removable)]
        if self._write(staying):
            for segment in staying:
                self.intake.finish(segment)
            for segment in settled:
                if segment.stream is not None and not segment.journal.undecided:
                    self.intake.forget(segment)

    def _commit_removed(self, removable: Sequence[Segment]) -> None:
        """Claim segments, commit that they are finished, and remove them."""
        for start in range(0, len(removable), CLAIMS_AT_ONCE):
            with self.intake.claim(removable[start : start + CLAIMS_AT_ONCE]) as claimed:
                if not self._write(claimed):
                    claimed.clear()

    def _write(self, finished: Sequence[Segment]) -> bool:
        try:
            self.settlement.commit(finished)
        except Unavailable as error:
            self.note_trouble(error)
            return False
        self.trouble = ""
        return True
