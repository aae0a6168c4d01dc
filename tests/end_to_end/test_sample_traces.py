"""The sample traces are what their README says."""

import json
import re
from pathlib import Path

import pytest

from support.worlds import World

FOLDER = Path(__file__).parents[2] / "sample_traces"
ROW = re.compile(r"^\| `(\w+\.jsonl)` \|.*\| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)
ROWS = ROW.findall((FOLDER / "README.md").read_text())


def test_the_readme_names_every_file() -> None:
    """A sample trace that nobody explains is of no use."""
    assert sorted(name for name, *_ in ROWS) == sorted(path.name for path in FOLDER.glob("*.jsonl"))


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_replay_makes_of_each_what_the_readme_says(world: World, row: tuple[str, ...]) -> None:
    """Counts, damage and exit code of a replay are those in the table, and the source is not changed."""
    name, *expected = row
    before = (FOLDER / name).read_bytes()
    done = world.upload("replay", str(FOLDER / name), "--json")
    told = json.loads(done.stdout)
    figures = [told[member] for member in ("records", "delivered", "duplicate", "dead", "damage")]
    assert [*figures, done.returncode] == [int(figure) for figure in expected]
    assert bool(told["pending"]) == (name == "unknown_path.jsonl")
    assert sum(told[fate] for fate in ("delivered", "duplicate", "dead", "dropped", "pending")) == told["records"]
    assert (FOLDER / name).read_bytes() == before


def test_the_killed_run_is_recovered_and_shown_as_such(world: World) -> None:
    """With the operator's word that its process is dead, the journal becomes a record, and the summary says so."""
    done = world.upload("replay", "--assume-dead", str(FOLDER / "killed.jsonl"))
    assert "2 records: 2 delivered" in done.stdout
    assert "1 of them recovered" in done.stdout
    assert ("run", "sample-killed") in world.receipts()


def test_there_is_a_sample_of_each_official_package() -> None:
    """Each program has one, of what its package posts; so has each package that is built from its repository alone."""
    programs = {path.stem.removesuffix("_agent"): path.suffix for path in FOLDER.glob("official/*_agent.*")}
    ran = {f"official_{'js_' if suffix == '.mjs' else ''}{name}.jsonl" for name, suffix in programs.items()}
    built = {f"official_js_{name}.jsonl" for name in ("claude", "langchain", "mastra", "openclaw", "pi")}
    assert ran | built == {path.name for path in FOLDER.glob("official_*.jsonl")}
    assert len(ran) == 8


def test_no_secret_is_in_a_sample() -> None:
    """The keys that the stories mention were redacted before they reached the disk."""
    assert not any(b"sk-live" in path.read_bytes() for path in FOLDER.glob("*.jsonl"))
