"""Text from elsewhere is shown so that no terminal obeys it and nothing in it is hidden."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcc_schemas.display import visible, without_keys


@given(st.text(st.characters()))
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    """No control, direction, surrogate or tag character survives, and no other character is changed."""
    shown = visible(text)
    shown.encode()
    for char in shown:
        assert char in "\t\n" or unicodedata.category(char) not in ("Cc", "Cs")
        assert unicodedata.bidirectional(char) not in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    for char in set(text) - set("\u200b\u200e\u200f\u061c\u2028\u2029\ufeff"):
        if char in "\t\n\u200c\u200d" or unicodedata.category(char) not in ("Cc", "Cs", "Cf"):
            assert visible(char) == char


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", "⟨001b⟩]0;title⟨0007⟩"),
        ("\x9b31m", "⟨009b⟩31m"),
        ("a\rb", "a⟨000d⟩b"),
        ("safe\u202egnp.exe", "safe⟨202e⟩gnp.exe"),
        ("\U000e0041", "⟨e0041⟩"),
        ("\udcff", "⟨dcff⟩"),
        ("tab\tline\n\u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f4bb",) * 2,
    ],
)
def test_what_is_hidden_is_told_by_its_number(text: str, shown: str) -> None:
    """A reader sees that something is there, and what; languages and emoji stay readable."""
    assert visible(text) == shown


def test_keys_are_taken_out_also_where_one_begins_with_another() -> None:
    """An answer that quotes the Authorization header tells nobody the key."""
    assert without_keys("Bearer tcc_secret_2, tcc_secret", ["tcc_secret", "tcc_secret_2"]) == "Bearer [key], [key]"
    assert without_keys("a key of one letter", ["a", ""]) == "a key of one letter"
