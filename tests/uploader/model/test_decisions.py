"""What to do with a record, and how its key is made."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcc_uploader.model.fate import NO_HINT, Decision, Known, Place, decide
from tcc_uploader.model.keys import dedupe_key, digest_of, hint_number, idempotency_token

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


def test_a_hint_is_a_number_and_none_is_its_own() -> None:
    """Eight hex digits fit, and -1 stands for no key."""
    assert [hint_number(hint) for hint in (None, "00000000", "ffffffff")] == [NO_HINT, 0, 2**32 - 1]


def test_keys_of_uuid7s_of_one_time_lie_side_by_side() -> None:
    """The first 6 bytes are the timestamp, so that the ledger's inserts stay local; the rest is a hash."""
    first, second = "019bf000-1234-7abc-8def-0123456789ab", "019bf000-1234-7abc-8def-0123456789ac"
    assert dedupe_key("run", first)[:6] == dedupe_key("run", second)[:6] == bytes.fromhex("019bf0001234")
    assert dedupe_key("run", first) != dedupe_key("run", second)


@given(st.lists(st.tuples(st.sampled_from(["run", "step", "", "run\0"]), st.text()), unique=True))
def test_different_records_have_different_keys(records: list[tuple[str, str]]) -> None:
    """Kind and id make the key; odd ids make keys like any other."""
    keys = {dedupe_key(kind, ident) for kind, ident in records}
    assert all(len(key) == 16 for key in keys)
    assert len(keys) >= len({f"{kind}\0{ident}" for kind, ident in records})


@pytest.mark.parametrize(
    "ident", ["", "\ud800", "x" * 36, "x" * 14 + "7" + "x" * 21, "é" * 100_000, "{" + "7" * 34 + "}"]
)
def test_odd_ids_have_keys(ident: str) -> None:
    """No id raises."""
    assert len(dedupe_key("run", ident)) == len(idempotency_token("run", ident, b"")) == 16


def test_a_token_speaks_for_kind_id_and_body() -> None:
    """Any change of the three is another token."""
    tokens = {
        idempotency_token(*it)
        for it in (("run", "a", b"1"), ("step", "a", b"1"), ("run", "b", b"1"), ("run", "a", b"2"))
    }
    assert len(tokens) == len({digest_of(token) for token in tokens}) == 4
    assert idempotency_token("run", "a", b"1") == idempotency_token("run", "a", b"1")
