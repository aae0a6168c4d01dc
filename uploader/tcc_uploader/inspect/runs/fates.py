"""What became of a run's record, as a ledger says."""

from collections.abc import Iterable
from typing import Final, Literal

from tcc_schemas.lines import Line
from tcc_uploader.ledger.judge import known_of, matches
from tcc_uploader.model.keys import dedupe_key
from tcc_uploader.model.ledger import Ledger

Fate = Literal["pending", "delivered", "dead", "dropped", ""]
"""Empty if there is no ledger, or if a run without an end was not recovered."""
_WORST: Final = ("dead", "dropped", "pending", "delivered")


def fate_of(line: Line, ledger: Ledger) -> Fate:
    """Return the fate of the run with this record, of this post, or of the run with this journal line.

    A second record with the same bytes is as delivered as the first: this tells of the run, not of the line.  Raises
    :class:`LedgerError`.
    """
    recorded = line.kind != "journal"
    key = dedupe_key(line.kind, line.id) if recorded else dedupe_key("run", line.run_id or line.id)
    known = known_of(line, 0)
    for row in ledger.letters(key):
        if matches(row.known, known) and (row.digest == known.digest or not recorded):
            return "pending" if row.fate == "requeued" else row.fate
    for other in ledger.delivered([key]).get(key, ()):
        if matches(other, known) and (other.digest == known.digest or not recorded):
            return "delivered"
    return "pending" if recorded else ""


def fate_of_all(lines: Iterable[Line], ledger: Ledger) -> Fate:
    """Return the fate of a run that several posts tell of: the worst of theirs.  Raises :class:`LedgerError`."""
    return min((fate_of(line, ledger) for line in lines), key=_WORST.index)
