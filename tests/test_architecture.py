"""docs/architecture.md tells of the code as it is."""

import ast
import re
from pathlib import Path

import pytest

from tcc_uploader.delivery.record import TRANSITIONS, State

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
UPLOADER = ROOT / "uploader" / "tcc_uploader"
PACKAGES = sorted(
    path.parent.relative_to(ROOT)
    for part in ("uploader", "recorder", "schemas")
    for path in (ROOT / part).rglob("__init__.py")
)
MOST_LINES = 300


def section(title: str) -> str:
    """Return what stands under a heading of the page."""
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_tree_is_that_of_the_folders() -> None:
    """Every package and module of the uploader is in the tree, in the floor's place, and no other."""
    tree = section("The tree").partition("uploader/tcc_uploader/\n")[2].partition("recorder/")[0]
    told = {
        (folder.rstrip("/"), name)
        for folder, names in re.findall(r"^  (\S+/) .*\n {14}(.*)$", tree, re.MULTILINE)
        for name in names.split(", ")
    }
    files = {path.relative_to(UPLOADER) for path in UPLOADER.rglob("*.py") if not path.name.startswith("__")}
    assert told == {(str(path.parent), path.stem) for path in files}


def test_the_recorder_s_packages_are_in_the_tree() -> None:
    """Every package of the recorder is named, and no other."""
    tree = section("The tree").partition("recorder/tcc_recorder/\n")[2].partition("schemas/")[0]
    folders = (ROOT / "recorder" / "tcc_recorder").glob("*/__init__.py")
    assert set(re.findall(r"^  (\w+)/", tree, re.MULTILINE)) == {path.parent.name for path in folders}


def test_every_file_that_the_page_names_is_there() -> None:
    """A journey, an answer or a word leads to a file that exists."""
    for name in re.findall(r"`([a-z_/.]+\.py)`", PAGE):
        places = (
            UPLOADER,
            ROOT,
            ROOT / "recorder" / "tcc_recorder",
            ROOT / "recorder" / "tcc_recorder" / "openai_agents",
        )
        assert any((place / name).exists() for place in places), name


def test_the_glossary_s_words_are_in_the_code() -> None:
    """Each word names something that its file defines."""
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| `(\w+)` in `([^`]+)`[^|]*\|$", section("Glossary"), re.MULTILINE)
    assert len(rows) == section("Glossary").count("\n|") - 2
    for word, name, file in rows:
        path = UPLOADER / file if (UPLOADER / file).exists() else ROOT / file
        assert re.search(rf"^\s*(class|def) {name}\b|^\s+{name}:", path.read_text(), re.MULTILINE), word


def test_the_drawing_of_the_states_is_the_table() -> None:
    """Every arrow of the drawing is a transition, and every transition an arrow."""
    arrows = re.findall(r"^    (\w+) --> (\w+): (\w+)$", section("One record, one state machine"), re.MULTILINE)
    assert {(before, event, after) for before, after, event in arrows} == {
        (before.name, event.name, after.name) for (before, event), after in TRANSITIONS.items()
    }
    described = re.findall(r"^\| ([A-Z_]+) \|", section("One record, one state machine"), re.MULTILINE)
    assert described == [state.name for state in sorted(State, key=lambda it: described.index(it.name))]
    assert len(described) == len(State)


@pytest.mark.parametrize(
    ("libraries", "homes"),
    [
        (["sqlite3"], ["inspect/export.py", "ledger", "sandbox.py"]),
        (["httpx"], ["transport"]),
        (["prometheus_client"], ["ops"]),
        (["click", "rich"], ["cli"]),
    ],
    ids=str,
)
def test_each_library_is_imported_in_one_package(libraries: list[str], homes: list[str]) -> None:
    """A database, HTTP and the terminal are known where the page says, and nowhere else."""
    found = set()
    for path in UPLOADER.rglob("*.py"):
        imported = re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(), re.MULTILINE)
        if set(libraries) & set(imported):
            place = path.relative_to(UPLOADER)
            found.add(str(place) if str(place) in homes else place.parts[0])
    assert sorted(found) == homes


@pytest.mark.parametrize("package", PACKAGES, ids=str)
def test_every_package_says_what_it_is_for(package: Path) -> None:
    """Its docstring tells in a few lines what it is for."""
    docstring = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text()))
    assert docstring
    assert len(docstring.split()) > 8


def test_no_file_is_too_long_to_be_read() -> None:
    """Product files have fewer than 300 lines."""
    files = [path for part in ("uploader", "recorder", "schemas") for path in (ROOT / part).rglob("*.py")]
    assert {str(path.relative_to(ROOT)) for path in files if path.read_text().count("\n") >= MOST_LINES} == set()


def test_no_module_is_named_like_a_function_that_it_exports() -> None:
    """``import package.name`` must give the module, whatever was imported from it."""
    for part in ("uploader", "recorder", "schemas"):
        for path in (ROOT / part).rglob("*.py"):
            defined = {
                node.name
                for node in ast.parse(path.read_text()).body
                if isinstance(node, ast.FunctionDef | ast.ClassDef)
            }
            assert path.stem not in defined, path
