"""What became of a run's record, as a ledger says."""

from typing import Literal

from tcc_schemas.lines import Line
from tcc_uploader.ledger.judge import known_of, matches
from tcc_uploader.model.keys import dedupe_key
from tcc_uploader.model.ledger import Ledger

Fate = Literal["pending", "delivered", "dead", "dropped", ""]
"""Empty if there is no ledger, or if a run without an end was not recovered."""


def fate_of(line: Line, ledger: Ledger) -> Fate:
    """Return the fate of the run with this record or journal line.  Raises :class:`LedgerError`.

    A second record with the same bytes is as delivered as the first: this tells of the run, not of the line.
    """
    recorded = line.kind == "run"
    key, known = dedupe_key("run", line.run_id or line.id), known_of(line, 0)
    for row in ledger.letters(key):
        if matches(row.known, known) and (row.digest == known.digest or not recorded):
            return "pending" if row.fate == "requeued" else row.fate
    for other in ledger.delivered([key]).get(key, ()):
        if matches(other, known) and (other.digest == known.digest or not recorded):
            return "delivered"
    return "pending" if recorded else ""
