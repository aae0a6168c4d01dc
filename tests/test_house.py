"""What holds for every test file, and for every model of the product."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from pydantic import BaseModel, TypeAdapter
from pydantic.dataclasses import is_pydantic_dataclass, rebuild_dataclass

import tcc_schemas
import tcc_uploader

TESTS = Path(__file__).parent
PRIVATE = r"(?<!\w)_(?!_)\w+"
BETWEEN = r"(?:\([^()]*\)|\[[^\[\]]*\]|\.\w+)*"
"""Calls, subscripts and members on the way from one private name to the next."""
THROUGH_TWO = re.compile(rf"{PRIVATE}{BETWEEN}\.{PRIVATE}")


def found(pattern: re.Pattern[str], *, but: Path) -> str:
    """Return each line of the test files that has the pattern, with its place."""
    places = []
    for file in sorted(TESTS.rglob("*.py")):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if file != but and pattern.search(line):
                places.append(f"{file.relative_to(TESTS.parent)}:{number}: {line.strip()}")
    return "\n".join(places)


def test_no_test_reaches_through_more_than_one_underscore() -> None:
    """A private member may be a seam; a private member of a private member is somebody else's house."""
    assert found(THROUGH_TWO, but=Path(__file__)) == ""


@pytest.mark.parametrize(
    ("code", "reaches"),
    [
        ("writer._segment._descriptor", True),
        ('sink._spools["current"]._dirty', True),
        ('sink._spools["current"]._segment.close()', True),
        ("get_trace_provider()._multi_processor._processors", True),
        ("a._b(c).d[0]._e", True),
        ("_spools[0]._segment", True),
        ("self._folder / self._server", False),
        ("writer._segment.path", False),
        ("self._server.__enter__()", False),
        ("(a._b, c._d)", False),
        ("a._b + c._d", False),
        ("module.a_b._c", False),
    ],
)
def test_what_counts_as_reaching_through(code: str, *, reaches: bool) -> None:
    """Two private names in one chain, whatever stands between them; a special method is not private."""
    assert bool(THROUGH_TWO.search(code)) is reaches


def test_every_process_that_a_test_starts_is_one_that_ends_with_it() -> None:
    """Processes that run beside a test are started by ``support.children``, which ends them when the test ends."""
    assert found(re.compile(r"\bPopen\("), but=TESTS / "support" / "children.py") == ""


def test_every_model_can_be_built() -> None:
    """Models are built when they are first used, so that a command starts fast: a wrong one must be noticed here."""
    for package in (tcc_schemas, tcc_uploader):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith("__main__"):  # it runs the command
                continue
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, TypeAdapter):
                    assert value.rebuild(force=True)
                elif isinstance(value, type) and value.__module__ == module.name:
                    if issubclass(value, BaseModel):
                        assert value.model_rebuild(force=True)
                    elif is_pydantic_dataclass(value):
                        assert rebuild_dataclass(value, force=True)
