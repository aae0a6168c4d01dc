"""What a run reports: the state of a destination, and the result of a one-shot run."""

from dataclasses import dataclass

from pydantic import BaseModel

from tcc_schemas.records import Count
from tcc_uploader.model.fate import Counts
from tcc_uploader.model.shortlist import Shortlist


class DestinationReport(BaseModel, defer_build=True):
    """One destination: up, or paused and why.  Times are wall-clock seconds since 1970."""

    url: str
    key: str | None
    state: str
    waiting: Count
    reason: str = ""
    since: float | None = None
    next_probe: float | None = None
    remedy: str = ""
    last_success: float | None = None
    partly_refused: Count = 0
    """How many records were delivered, but not whole: the server said that it refused some of their spans."""
    spans_refused: Count = 0
    """How many spans these are."""
    refusal: str = ""
    """Why, in the server's words, the last time."""
    undecided: list[tuple[str, Count]] = []
    """Records that were refused, by their fault or the server's, at most 100: the ids of their segments, and lines."""

    @property
    def name(self) -> str:
        """The URL, and with which key it is used."""
        return f"{self.url} ({f'key {self.key}' if self.key else 'no key'})"

    @property
    def refusal_line(self) -> str:
        """What was partly refused, in one line; empty if nothing was."""
        if not self.partly_refused:
            return ""
        why = f"; it says: {self.refusal}" if self.refusal else ""
        return (
            f"{self.url} took records without some of their spans: {self.partly_refused:,} partly refused, "
            f"{self.spans_refused:,} spans in all{why}"
        )


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """The result of a one-shot run.  ``sent`` counts what this run settled, ``counts`` all records that it found.

    What the ledger could not be told is pending in both.
    """

    counts: Counts
    sent: Counts
    letters_apart: int
    """How many of ``sent`` were letters, delivered, of records that are not among ``counts``."""
    uncommitted: int
    """Records that the server has taken, and the ledger could not be told of: they will be sent again."""
    damage: int
    newer: int
    unreadable: dict[str, str]
    """Files and spools that can't be read, and why."""
    problems: Shortlist[str]
    """The problems of archive sources; ``damage`` includes their number."""
    unread_files: list[str]
    """The files and archives that were not read to their end, because the run ended before."""
    unended: int
    """The number of open runs in journals, whose processes may still be running."""
    left_out: int
    """Records that stay pending because a choice of runs left them out; ``counts`` has them as pending, too."""
    runs_left_out: int
    """Of how many runs these are."""
    nothing_chosen: bool
    """Whether a choice of runs took nothing at all."""
    waiting: int
    """The number of records and requeued letters that are still to be sent."""
    hints: list[str]
    """The key hints of the records that were to be sent; ``""`` if one had none."""
    paused: list[DestinationReport]
    """The destinations for which records still wait."""
    partly_refused: list[DestinationReport]
    """The destinations that took records without some of their spans."""
    timed_out: bool
    interrupted: bool
    """Whether a signal ended the run before it was finished."""
    bytes_read: int
    """Of the ``bytes_seen`` in the files that were found."""
    bytes_seen: int
    trouble: str
    """Why the state could not be written; empty if it could be."""

    @property
    def unread(self) -> bool:
        """Whether the run ended before everything was read."""
        return bool(self.unread_files)

    @property
    def has_losses(self) -> bool:
        """Whether there are dead letters or damage, which another run alone does not deliver."""
        return bool(self.counts.dead or self.sent.dead or self.damage)

    @property
    def needs_operator(self) -> bool:
        """Whether waiting does not help: a destination is paused until an operator acts, or a file can't be read."""
        return bool(self.unreadable) or any(report.remedy for report in self.paused)
