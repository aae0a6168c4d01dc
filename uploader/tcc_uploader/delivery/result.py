"""What a one-shot run came to."""

from dataclasses import dataclass

from tcc_uploader.model.fate import Counts

from .queue import DestinationReport


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What a one-shot run came to.  ``sent`` counts what was settled just now, ``counts`` all that was found."""

    counts: Counts
    sent: Counts
    damage: int
    newer: int
    unreadable: dict[str, str]
    """Files and spools that can't be read, and why."""
    wrong: list[str]
    """What is wrong with archives; ``damage`` counts it."""
    unread: bool
    """Whether it ended before all was read."""
    unended: int
    """Journaled runs without an end: whether their processes live is not known."""
    waiting: int
    """Records, and letters that were requeued, that are still to be sent."""
    paused: list[DestinationReport]
    """Destinations that records still wait for."""
    timed_out: bool
    trouble: str
    """Why the ledger could not be written; empty if it could."""

    @property
    def has_losses(self) -> bool:
        """Whether there are dead letters or damage: what no further run delivers by itself."""
        return bool(self.counts.dead or self.sent.dead or self.damage)

    @property
    def needs_operator(self) -> bool:
        """Whether waiting alone won't help: a destination is paused for good, or a file can't be read."""
        return bool(self.unreadable) or any(report.remedy for report in self.paused)
