"""The README and the pages in docs/ tell everything, and what they tell works."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import tcc_recorder
from support.worlds import PATIENCE, World
from tcc_uploader.cli.dead import dead_command
from tcc_uploader.cli.main import tcc_upload
from tcc_uploader.settings_file import TomlFile

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = README + "".join(page.read_text() for page in sorted((ROOT / "docs").glob("*.md")))
SOURCES = [path for part in ("schemas", "recorder", "uploader") for path in (ROOT / part).rglob("*.py")]


def test_every_command_is_in_the_readme_and_every_option_is_told() -> None:
    """A command that nobody can find does not exist."""
    context = click.Context(tcc_upload)
    commands = {name: tcc_upload.get_command(context, name) for name in tcc_upload.list_commands(context)}
    commands |= {f"dead {name}": command for name, command in dead_command.commands.items()}
    for name, command in commands.items():
        assert command is not None, name
        assert f"tcc-upload {name}" in README or f"`{name}" in README, name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert any(option in PAGES for option in parameter.opts), (name, parameter.opts)


def test_every_environment_variable_is_in_the_readme_and_no_other() -> None:
    """The variables that the code reads are those that the README names."""
    pattern = re.compile(r"\bTCC_[A-Z_]+[A-Z]\b")
    read = {name for path in SOURCES for name in pattern.findall(path.read_text())}
    assert read == set(pattern.findall(README))


def test_every_setting_of_file_and_recorder_is_in_the_readme() -> None:
    """The settings file's names and configure()'s parameters are in the README's tables."""
    for name in [*TomlFile.model_fields, *inspect.signature(tcc_recorder.configure).parameters]:
        assert f"`{name}`" in README


def test_every_name_of_the_recorder_is_in_the_readme() -> None:
    """What tcc_recorder exports is explained."""
    classes = {"Run", "Step", "ToolCall"}
    for name in set(tcc_recorder.__all__) - classes - {"__version__"}:
        assert re.search(rf"\b{name}\b", README), name


def test_the_readme_s_program_runs(world: World) -> None:
    """The first program that a newcomer copies records a run and feedback, which then arrive."""
    program = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert program
    agent = world.agent(program[1])
    agent.communicate(timeout=PATIENCE)
    assert agent.returncode == 0
    assert world.upload("replay").returncode == 0
    kinds = sorted(kind for kind, _ in world.receipts())
    assert kinds == ["feedback", "run", "step", "tool_call"]


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_every_example_runs(world: World, example: Path) -> None:
    """An example that does not run is worse than none."""
    done = subprocess.run([sys.executable, str(example)], env=world.environment, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_the_changelog_tells_of_this_version() -> None:
    """The recorder's version has its section."""
    assert f"\n## {tcc_recorder.__version__} " in (ROOT / "CHANGELOG.md").read_text()


def test_every_promise_is_in_the_readme() -> None:
    """The eight promises are stated, and what does not hold beside them."""
    promises = README.partition("## Promises")[2].partition("What does *not* hold")[0]
    assert re.findall(r"^(\d)\. ", promises, re.MULTILINE) == list("12345678")
    assert "What does *not* hold" in README
