"""Records of a segment are judged by what the ledger knows: what is new, what was delivered, and what has a letter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.faults import SegmentFile
from tcc_schemas.lines import Line, LineReader
from tcc_schemas.plain import Invalid
from tcc_uploader.ledger.judge import Judged, judge_all, judge_invalid, judge_new, known_of
from tcc_uploader.ledger.sqlite import SqliteLedger
from tcc_uploader.model.fate import NO_HINT, Decision, Known, Place
from tcc_uploader.model.keys import (
    ByKey,
    dedupe_key,
    digest_of,
    idempotency_token,
    invalid_key,
    invalid_token,
)
from tcc_uploader.model.rows import Changes, LetterRow

HERE, ELSEWHERE = 1, 2
SEGMENT = (
    SegmentFile()
    .record("run", "delivered", b"{}", run_id="delivered", key="0000002a")
    .run("elsewhere")
    .run("other bytes")
    .run("dead")
    .run("letter elsewhere")
    .run("new")
    .step("delivered", "new too")
)
LINES = [line for line in LineReader().read(SEGMENT.data)[1:] if isinstance(line, Line)]
BY_ID = {line.id: line for line in LINES}


def key_of(ident: str) -> bytes:
    """Return the key of the record with this id."""
    return dedupe_key(BY_ID[ident].kind, ident)


def letter_of(ident: str, segment: int) -> LetterRow:
    """Return a letter of this record, which stood in this segment."""
    known = known_of(BY_ID[ident], segment)
    return LetterRow(ident, key_of(ident), known.digest, known.place, "dead", "refused", known.hint)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    """Yield a ledger that knows all but the last two records."""
    opened = SqliteLedger.open(tmp_path)
    changes = Changes(letters=[letter_of("dead", HERE), letter_of("letter elsewhere", ELSEWHERE)])
    for ident, known in (
        ("delivered", known_of(BY_ID["delivered"], HERE)),
        ("elsewhere", known_of(BY_ID["elsewhere"], ELSEWHERE)),
        ("other bytes", known_of(BY_ID["other bytes"], HERE)._replace(digest=5)),
    ):
        changes.delivered.put(key_of(ident), known.hint, known)
    opened.commit(changes)
    yield opened
    opened.close()


EXPECTED = {
    "delivered": Decision.DELIVERED,
    "elsewhere": Decision.DUPLICATE,
    "other bytes": Decision.CONFLICT,
    "dead": Decision.DEAD,
    "letter elsewhere": Decision.DUPLICATE,
}


def judged(ident: str, decision: Decision) -> Judged:
    """Return how a record of the segment is judged."""
    return Judged(BY_ID[ident], key_of(ident), known_of(BY_ID[ident], HERE), decision)


def test_of_new_records_only_those_are_judged_of_which_something_is_known(ledger: SqliteLedger) -> None:
    """The others are to be sent, and their bytes are not even hashed; all come in their order."""
    found = list(judge_new(ledger, HERE, LINES))
    assert found == [(line, judged(line.id, EXPECTED[line.id]) if line.id in EXPECTED else None) for line in LINES]


def test_a_segment_that_was_read_before_is_judged_record_by_record(ledger: SqliteLedger) -> None:
    """What this ledger does not know is sent; all come in their order."""
    found = list(judge_all(ledger, HERE, LINES, ByKey()))
    assert found == [judged(line.id, EXPECTED.get(line.id, Decision.SEND)) for line in LINES]


def test_a_record_that_comes_twice_before_it_is_committed_is_sent_once(ledger: SqliteLedger) -> None:
    """What was seen since the last commit counts as if it were delivered, also what was seen a moment ago."""
    twice = [BY_ID["new"], BY_ID["new"]._replace(number=99)]
    seen: ByKey[Known] = ByKey()
    decisions = []
    for each in judge_all(ledger, HERE, twice, seen):
        decisions.append(each.decision)
        seen.put(each.key, each.known.hint, each.known)
    assert decisions == [Decision.SEND, Decision.DUPLICATE]
    changed = [BY_ID["new"]._replace(data=b"{}", body_start=0, body_end=None)]
    assert [each.decision for each in judge_all(ledger, HERE, changed, seen)] == [Decision.CONFLICT]


def test_what_is_known_of_a_record_is_its_bytes_its_place_and_its_key_s_hint() -> None:
    """Without a key it has none."""
    line = BY_ID["delivered"]
    digest = digest_of(idempotency_token("run", "delivered", line.body))
    assert known_of(line, 8) == Known(digest, Place(8, line.number), 0x2A)
    assert known_of(BY_ID["new"], 8).hint == NO_HINT


def test_a_plain_line_that_is_no_record_gets_one_letter(ledger: SqliteLedger) -> None:
    """On the same line it keeps its letter's fate; the same bytes on another line are a duplicate of it."""
    invalid = Invalid(5, 100, 8, "no JSON", b"no JSON")
    token = invalid_token(b"no JSON")
    first = judge_invalid(ledger, HERE, invalid)
    assert first == Judged(invalid.line, invalid_key(token), Known(digest_of(token), Place(HERE, 5)), Decision.SEND)
    for fate in ("dead", "dropped"):
        row = LetterRow("x", first.key, first.known.digest, first.known.place, fate, "invalid")  # type: ignore[arg-type]
        ledger.commit(Changes(letters=[row]))
        assert judge_invalid(ledger, HERE, invalid).decision is Decision(fate)
        assert judge_invalid(ledger, ELSEWHERE, invalid).decision is Decision.DUPLICATE
        assert judge_invalid(ledger, HERE, invalid._replace(number=6)).decision is Decision.DUPLICATE
        assert judge_invalid(ledger, HERE, invalid._replace(raw=b"other")).decision is Decision.SEND
