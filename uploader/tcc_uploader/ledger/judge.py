"""Decides what to do with records, from what the ledger knows about their keys.  Changes nothing."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from tcc_schemas.lines import Line
from tcc_schemas.plain import Invalid
from tcc_uploader.model.fate import NO_HINT, Decision, Known, Place
from tcc_uploader.model.keys import (
    ByKey,
    dedupe_key,
    digest_of,
    hint_number,
    idempotency_token,
    invalid_key,
    invalid_token,
)
from tcc_uploader.model.ledger import Ledger
from tcc_uploader.model.rows import LetterRow

_ANYTHING: Final = Known(0, Place(0, 0))
"""A record of which nothing is known but its key."""


class Judged(NamedTuple):
    """A record of a segment, its dedupe key, what to know of it, and what to do with it."""

    line: Line
    key: bytes
    known: Known
    decision: Decision


def judge_new(ledger: Ledger, segment: int, lines: Sequence[Line]) -> Iterator[tuple[Line, Judged | None]]:
    """Judge records that are probably new, in their order; None: nothing is known of it, so that it is to be sent.

    They are of the segment with this number.  The body of a record of which nothing is known is not hashed.  Raises
    :class:`LedgerError`.
    """
    keys = [dedupe_key(line.kind, line.id) for line in lines]
    delivered = ledger.delivered(keys)
    for line, key in zip(lines, keys, strict=True):
        if key in delivered or ledger.letters_about(key, _ANYTHING):
            known = known_of(line, segment)
            yield line, Judged(line, key, known, judge_one(ledger, key, known, delivered.get(key, ()), ()))
        else:
            yield line, None


def judge_all(ledger: Ledger, segment: int, lines: Sequence[Line], seen: ByKey[Known]) -> Iterator[Judged]:
    """Judge records of which most were probably delivered, in their order.  Raises :class:`LedgerError`.

    They are of the segment with this number.  ``seen`` has the records that the ledger does not know yet; it is read
    anew for each record.
    """
    keyed = [(dedupe_key(line.kind, line.id), known_of(line, segment)) for line in lines]
    doubtful = ledger.doubtful(keyed)
    delivered = ledger.delivered(doubtful)
    for line, (key, known) in zip(lines, keyed, strict=True):
        decision = Decision.DELIVERED
        if key in doubtful:
            decision = judge_one(ledger, key, known, delivered.get(key, ()), seen.under(key))
        yield Judged(line, key, known, decision)


def judge_one(
    ledger: Ledger,
    key: bytes,
    record: Known,
    delivered: Iterable[Known],
    in_flight: Iterable[Known],
    uncommitted: Iterable[LetterRow] = (),
) -> Decision:
    """Judge one record; ``delivered`` and ``in_flight`` are known about its key.  Raises :class:`LedgerError`.

    ``uncommitted`` are the letters under its key that the ledger does not know yet, or knows with an earlier fate.
    """
    rows = {row.id: row for row in (*ledger.letters_about(key, record), *uncommitted)}
    letters = [(row.known, row.fate) for row in rows.values()]
    return decide(record, delivered=delivered, in_flight=in_flight, letters=letters)


def decide(
    record: Known,
    *,
    delivered: Iterable[Known] = (),
    in_flight: Iterable[Known] = (),
    letters: Iterable[tuple[Known, str]] = (),
) -> Decision:
    """Decide about a record, from what is known under its dedupe key; ``letters`` each with its fate.

    What has another key hint is another record; a missing hint matches any.  The digest decides, wherever the bytes
    stood: equal bytes make a duplicate, and if there are only other bytes, the record is a conflict.
    """
    letters = [(letter, fate) for letter, fate in letters if matches(letter, record)]
    for letter, fate in letters:
        if (letter.place, letter.digest) == (record.place, record.digest):
            return Decision(fate)
    delivered = [known for known in delivered if matches(known, record)]
    if any((known.place, known.digest) == (record.place, record.digest) for known in delivered):
        return Decision.DELIVERED
    others = [
        *delivered,
        *(known for known in in_flight if matches(known, record)),
        *(letter for letter, _ in letters),
    ]
    if any(known.digest == record.digest for known in others):
        return Decision.DUPLICATE
    return Decision.CONFLICT if others else Decision.SEND


def matches(known: Known, record: Known) -> bool:
    """Whether what is known can be about this record: their key hints are the same, or one of them has none."""
    return known.hint == record.hint or NO_HINT in (known.hint, record.hint)


def known_of(line: Line, segment: int) -> Known:
    """Return what the ledger stores of a record in the segment with this number."""
    digest = digest_of(idempotency_token(line.kind, line.id, line.body))
    return Known(digest, Place(segment, line.number), hint_number(line.key))


def judge_invalid(ledger: Ledger, segment: int, invalid: Invalid) -> Judged:
    """Judge a plain line that is no record; SEND: it has no letter yet.  Raises :class:`LedgerError`."""
    token = invalid_token(invalid.raw)
    key, known = invalid_key(token), Known(digest_of(token), Place(segment, invalid.number))
    letters = ledger.letters(key)
    fate = next((row.fate for row in letters if row.place == known.place), None)
    decision = Decision(fate) if fate is not None else Decision.DUPLICATE if letters else Decision.SEND
    return Judged(invalid.line, key, known, decision)
