"""docs/security.md names what there is, and SECURITY.md stands where GitHub looks for it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text()
NAMES = sorted(set(re.findall(r"`([\w./]+\.(?:py|md))`", PAGE)))
BOUNDARIES = PAGE.partition("## What stands between them")[2].partition("\n## ")[0]


@pytest.mark.parametrize("name", NAMES)
def test_every_file_that_the_page_names_is_there(name: str) -> None:
    """A module or a test that was moved is named where it is now."""
    assert (ROOT / name).is_file() or (ROOT / "uploader" / "tcc_uploader" / name).is_file()


def test_every_boundary_names_its_module_and_a_test() -> None:
    """What nothing holds is no promise."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \| ([^|]+) \|$", BOUNDARIES, re.MULTILINE)[1:]
    assert len(rows) == BOUNDARIES.count("\n|") - 2
    for boundary, module, held_by in rows:
        assert ".py`" in module, boundary
        assert "`tests/" in held_by, boundary


def test_a_reporter_is_told_where_to_go() -> None:
    """The policy is where GitHub finds it, and leads to the page that says what counts."""
    policy = (ROOT / "SECURITY.md").read_text()
    assert "private vulnerability reporting" in policy
    assert "(docs/security.md)" in policy
