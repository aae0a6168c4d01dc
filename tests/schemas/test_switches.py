import re
from pathlib import Path

import pytest

from tcc_schemas.switches import NAMES, switch, unknown_names

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("words", "meaning"),
    [("1 true yes on TRUE Yes oN", True), ("0 false no off FALSE No oFF", False)],
)
def test_every_way_to_say_on_and_off_is_understood(words: str, meaning: bool) -> None:
    """In any case, with blanks around."""
    assert [switch(f" {word} ") for word in words.split()] == [meaning] * 7


def test_what_is_empty_is_unset_and_any_other_word_is_an_error() -> None:
    """The caller then takes the safe side, and says so."""
    assert switch(None) is switch("") is switch("  ") is None
    with pytest.raises(ValueError, match=r"1 or 0.*'enabled'"):
        switch("enabled")


def test_the_known_names_are_those_that_the_code_reads() -> None:
    """A variable that is read and not listed would be called unknown."""
    sources = [path.read_text() for part in ("recorder", "uploader") for path in (ROOT / part).rglob("tcc_*/**/*.py")]
    sources += [path.read_text() for path in (ROOT / "schemas").rglob("*.py") if path.name != "switches.py"]
    quoted = re.compile(r'"(TCC_[A-Z_]+)"')
    assert {name for source in sources for name in quoted.findall(source)} == NAMES


def test_a_misspelt_name_is_unknown() -> None:
    """Others' variables are not looked at."""
    assert unknown_names(["TCC_JURNAL", "TCC_JOURNAL", "PATH", "MY_TCC_X"]) == ["TCC_JURNAL"]
