"""What a run reports: the state of a destination, and the result of a one-shot run."""

from dataclasses import dataclass

from pydantic import BaseModel

from tcc_uploader.model.fate import Counts


class DestinationReport(BaseModel, defer_build=True):
    """One destination: up, or paused and why.  Times are wall-clock seconds since 1970."""

    url: str
    key: str | None
    state: str
    waiting: int
    reason: str = ""
    since: float | None = None
    next_probe: float | None = None
    remedy: str = ""
    last_success: float | None = None


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """The result of a one-shot run.  ``sent`` counts what this run settled, ``counts`` all records that it found."""

    counts: Counts
    sent: Counts
    damage: int
    newer: int
    unreadable: dict[str, str]
    """Files and spools that can't be read, and why."""
    problems: list[str]
    """The problems of archive sources; ``damage`` includes their number."""
    unread: bool
    """Whether the run ended before all files were read."""
    unended: int
    """The number of open runs in journals, whose processes may still be running."""
    waiting: int
    """The number of records and requeued letters that are still to be sent."""
    paused: list[DestinationReport]
    """The destinations for which records still wait."""
    timed_out: bool
    interrupted: bool
    """Whether a signal ended the run before it was finished."""
    bytes_read: int
    """Of the ``bytes_seen`` in the files that were found."""
    bytes_seen: int
    trouble: str
    """Why the state could not be written; empty if it could be."""

    @property
    def has_losses(self) -> bool:
        """Whether there are dead letters or damage, which another run alone does not deliver."""
        return bool(self.counts.dead or self.sent.dead or self.damage)

    @property
    def needs_operator(self) -> bool:
        """Whether waiting does not help: a destination is paused until an operator acts, or a file can't be read."""
        return bool(self.unreadable) or any(report.remedy for report in self.paused)
