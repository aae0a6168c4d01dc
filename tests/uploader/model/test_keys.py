"""How the key, the token and the hint of a record are made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcc_uploader.model.fate import NO_HINT
from tcc_uploader.model.keys import (
    ByKey,
    dedupe_key,
    digest_of,
    hint_number,
    idempotency_token,
    invalid_key,
    invalid_token,
)


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


def test_keys_and_tokens_are_what_every_version_made() -> None:
    """Ledgers and servers keep them for ever: other values would send everything again.  These are of sha256sum."""
    assert dedupe_key("run", "r1").hex() == "b887b6310330700cc5b0fa272d38bd34"
    assert dedupe_key("run", "\ud800").hex() == "c1769baddcf304e03cbe569eaeaf1f2f"
    timed = dedupe_key("run", "019bf000-1234-7abc-8def-0123456789ab")
    assert timed.hex() == "019bf0001234" + "99eb8b101a3f4de8e2ef"
    token = idempotency_token("run", "r1", b'{"a":1}')
    assert token.hex() == "f4bdc26f47281f009dcfe3bb2e5f7939"
    assert digest_of(token) == 0xF4BDC26F4728
    assert invalid_token(b"no JSON").hex() == "5294f27ce39843eca5c4cb610d2f7785"
    assert invalid_key(invalid_token(b"no JSON")).hex() == "230910f8942f1572573b0ea31c5f7ef9"


def test_values_are_kept_by_key_and_hint() -> None:
    """Each pair has its own value; a key whose values are gone takes no room."""
    values: ByKey[str] = ByKey()
    for key, hint, value in ((b"a", 1, "old"), (b"a", 1, "new"), (b"a", 2, "other"), (b"b", 1, "b")):
        values.put(key, hint, value)
    assert len(values) == 3
    assert (values.get(b"a", 1), values.get(b"a", 3), values.get(b"c", 1)) == ("new", None, None)
    assert (values.under(b"a"), values.under(b"c")) == (["new", "other"], [])
    values.remove(b"a", 1)
    assert list(values) == [(b"a", 2, "other"), (b"b", 1, "b")]
    values.remove(b"b", 1)
    for hint in (1, 3):
        with pytest.raises(KeyError):
            values.remove(b"b", hint)
    assert (len(values), list(values), len(values._values)) == (1, [(b"a", 2, "other")], 1)
