"""docs/reliability.md keeps up with the promises and the tests."""

import re
from pathlib import Path

from torture.reliability import HOLDINGS, page, promises

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"


def test_the_page_names_every_promise_in_the_readme_s_words() -> None:
    """A promise that is changed or added is so on the page, too."""
    stated = promises((ROOT / "README.md").read_text())
    assert list(stated) == list(HOLDINGS)
    text = PAGE.read_text()
    for promise in stated.values():
        assert promise in text


def test_every_test_that_the_page_names_is_there() -> None:
    """No promise is held by a file that has gone, and every promise by some."""
    named = re.findall(r"`(tests/[^`]*?\.py)`", PAGE.read_text())
    assert named
    assert [file for file in named if not (ROOT / file).exists()] == []
    assert all(any(file in named for file in holding.tests) for holding in HOLDINGS.values())


def test_the_page_can_be_written() -> None:
    """The generator and the page on disk agree on everything but the figures."""
    promised = page(ROOT, {}).partition("## Campaigns")[0]
    assert promised == PAGE.read_text().partition("## Campaigns")[0]
