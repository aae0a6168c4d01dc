"""What to do with a record, from what is known under its key."""

from typing import Any

import pytest

from tcc_uploader.ledger.judge import decide
from tcc_uploader.model.fate import NO_HINT, Decision, Known, Place

HERE, THERE = Place(1, 2), Place(2, 2)


@pytest.mark.parametrize(
    ("known", "decision"),
    [
        ({}, Decision.SEND),
        ({"delivered": [Known(7, HERE)]}, Decision.DELIVERED),
        ({"delivered": [Known(8, HERE)]}, Decision.CONFLICT),
        ({"delivered": [Known(7, THERE)]}, Decision.DUPLICATE),
        ({"delivered": [Known(8, THERE)]}, Decision.CONFLICT),
        ({"in_flight": [Known(7, HERE)]}, Decision.DUPLICATE),
        ({"in_flight": [Known(7, THERE)]}, Decision.DUPLICATE),
        ({"in_flight": [Known(8, THERE)]}, Decision.CONFLICT),
        ({"letters": [(Known(7, HERE), "dead")]}, Decision.DEAD),
        ({"letters": [(Known(7, HERE), "dropped")]}, Decision.DROPPED),
        ({"letters": [(Known(7, HERE), "delivered")]}, Decision.DELIVERED),
        ({"letters": [(Known(7, HERE), "requeued")]}, Decision.REQUEUED),
        ({"letters": [(Known(7, THERE), "dead")]}, Decision.DUPLICATE),
        ({"letters": [(Known(8, THERE), "dead")]}, Decision.CONFLICT),
        ({"letters": [(Known(8, HERE), "dead")]}, Decision.CONFLICT),
        ({"letters": [(Known(7, HERE), "dead")], "delivered": [Known(7, THERE)]}, Decision.DEAD),
        ({"letters": [(Known(7, THERE), "dead")], "delivered": [Known(8, THERE)]}, Decision.DUPLICATE),
        ({"delivered": [Known(8, THERE), Known(7, THERE)]}, Decision.DUPLICATE),
    ],
)
def test_every_branch_of_the_decision(known: dict[str, Any], decision: Decision) -> None:
    """From what is known under a key follows what becomes of the record with digest 7 at line 2 of segment 1."""
    assert decide(Known(7, HERE), **known) is decision


@pytest.mark.parametrize(
    ("mine", "other", "decision"),
    [
        (1, 1, Decision.CONFLICT),
        (1, 2, Decision.SEND),
        (1, NO_HINT, Decision.CONFLICT),
        (NO_HINT, 1, Decision.CONFLICT),
        (NO_HINT, NO_HINT, Decision.CONFLICT),
    ],
)
@pytest.mark.parametrize("source", ["delivered", "in_flight", "letters"])
def test_another_key_hint_is_another_record_and_none_matches_any(
    source: str, mine: int, other: int, decision: Decision
) -> None:
    """Two projects' runs of one name are both sent; a record without a hint is compared with all."""
    known: Any = Known(8, THERE, other)
    values = {source: [(known, "dead") if source == "letters" else known]}
    assert decide(Known(7, HERE, mine), **values) is decision
