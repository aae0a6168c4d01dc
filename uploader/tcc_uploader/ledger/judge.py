"""Decides what to do with records, from what the ledger knows about their keys.  Changes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tcc_schemas.lines import Line
from tcc_schemas.plain import Invalid
from tcc_uploader.model.fate import Decision, Known, Place, decide
from tcc_uploader.model.keys import dedupe_key, digest_of, idempotency_token, invalid_key

from .sqlite import Ledger


class Judged(NamedTuple):
    """A record of a segment, its dedupe key, and what to do with it."""

    line: Line
    key: bytes
    decision: Decision


def judge_all(
    ledger: Ledger, segment: int, lines: Sequence[Line], in_flight: Mapping[bytes, Known], *, settled: bool = False
) -> Iterator[Judged]:
    """Judge records of the segment with this number, in their order.  Raises :class:`LedgerError`.

    ``in_flight`` has, by key, the records that the ledger does not know yet; it is read anew for each record.  Set
    ``settled`` if most of the records were probably delivered: this is faster then.
    """
    keyed = [(line, dedupe_key(line.kind, line.id)) for line in lines]
    doubtful = ledger.doubtful(segment, keyed) if settled else None
    delivered = ledger.delivered(key for _, key in keyed if doubtful is None or key in doubtful)
    for line, key in keyed:
        if doubtful is not None and key not in doubtful:
            yield Judged(line, key, Decision.DELIVERED)
        else:
            yield Judged(line, key, judge_one(ledger, segment, line, key, delivered.get(key), in_flight.get(key)))


def judge_one(
    ledger: Ledger, segment: int, line: Line, key: bytes, delivered: Known | None, in_flight: Known | None
) -> Decision:
    """Judge one record; ``delivered`` and ``in_flight`` are known about its key.  Raises :class:`LedgerError`."""
    letters = ledger.letters(key)
    if delivered is None and in_flight is None and not letters:
        return Decision.SEND
    place = Place(segment, line.number)
    if delivered is not None and delivered.place == place and not letters:
        return Decision.DELIVERED  # the same result as decide(), but without hashing the body
    letter = next((row for row in letters if row.place == place), letters[0] if letters else None)
    return decide(
        place,
        digest_of(idempotency_token(line.kind, line.id, line.body)),
        delivered=delivered,
        in_flight=in_flight,
        letter=Known(letter.digest, letter.place) if letter else None,
        letter_fate=letter.fate if letter else "dead",
    )


def judge_invalid(ledger: Ledger, segment: int, invalid: Invalid) -> Decision:
    """Judge a plain line that is no record; SEND: it has no letter yet.  Raises :class:`LedgerError`."""
    place = Place(segment, invalid.number)
    letters = ledger.letters(invalid_key(invalid.raw))
    fate = next((row.fate for row in letters if row.place == place), None)
    if fate is not None:
        return Decision(fate)
    return Decision.DUPLICATE if letters else Decision.SEND
