"""The README and the pages in docs/ tell everything, and what they tell works."""

import inspect
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

import tcc_recorder
from support.recorded import run_program
from support.worlds import PATIENCE, World
from tcc_recorder.gateway.main import tcc_record
from tcc_uploader.cli.dead import dead_command
from tcc_uploader.cli.main import tcc_upload
from tcc_uploader.settings_file import TomlFile

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
PAGES = README + "".join(page.read_text() for page in sorted((ROOT / "docs").rglob("*.md")))
SOURCES = [path for part in ("schemas", "recorder", "uploader") for path in (ROOT / part).rglob("*.py")]


def test_every_command_and_every_option_is_told() -> None:
    """A command that nobody can find does not exist."""
    context = click.Context(tcc_upload)
    commands = {name: tcc_upload.get_command(context, name) for name in tcc_upload.list_commands(context)}
    commands |= {f"dead {name}": command for name, command in dead_command.commands.items()}
    for name, command in commands.items():
        assert command is not None, name
        assert f"tcc-upload {name}" in PAGES or f"`{name} " in PAGES, name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert any(option in PAGES for option in parameter.opts), (name, parameter.opts)


def test_every_environment_variable_is_among_the_settings_and_no_other() -> None:
    """The variables that the code reads are those that the page of settings names."""
    pattern = re.compile(r"\bTCC_[A-Z_]+[A-Z]\b")
    read = {name for path in SOURCES for name in pattern.findall(path.read_text())}
    assert read == set(pattern.findall(SETTINGS))


def test_every_setting_of_file_and_recorder_is_among_the_settings() -> None:
    """The settings file's names and configure()'s parameters are in the page's tables."""
    for name in [*TomlFile.model_fields, *inspect.signature(tcc_recorder.configure).parameters]:
        assert f"`{name}`" in SETTINGS


def test_every_name_of_the_recorder_is_on_its_page() -> None:
    """What tcc_recorder exports is explained."""
    page = (ROOT / "docs" / "record.md").read_text()
    classes = {"Run", "Step", "ToolCall"}
    for name in set(tcc_recorder.__all__) - classes - {"__version__"}:
        assert re.search(rf"\b{name}\b", page), name


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


def test_the_readme_is_short_and_its_first_steps_work(world: World, tmp_path: Path) -> None:
    """What a newcomer types, from a checkout to a run that is seen and delivered; the environment is made already."""
    assert README.count("\n") <= 160
    block = README.partition("## Try it")[2].partition("```sh\n")[2].partition("```")[0]
    steps = [
        line for line in block.splitlines() if not re.match("python3 -m venv|pip install|tcc-upload sandbox", line)
    ]
    script = "\n".join(steps).replace("http://127.0.0.1:4433", world.url)
    for name in ("report.html", "try/"):
        script = script.replace(name, f"{tmp_path}/{name}")
    surroundings = world.environment | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    script = script.replace("TCC_API_KEY=test", f"TCC_API_KEY={surroundings.pop('TCC_API_KEY')}")
    done = run_program("sh", "-ec", script, env=surroundings, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "the forecast did not answer" in done.stdout
    assert (tmp_path / "report.html").exists()
    assert sum(kind == "run" for kind, _ in world.receipts()) == 2


def test_every_command_line_in_the_pages_is_one() -> None:
    """A page shows no option that its command does not have."""
    lines = re.findall(r"^\s*(?:\$ |- )?(tcc-(?:upload|record) [^\n]*)$", "\n".join(code_in(PAGES)), re.MULTILINE)
    assert len(lines) > 50
    for line in lines:
        program, *words = shlex.split(re.split(r" [|&;>]|\)$", line)[0], comments=True)
        group = {"tcc-upload": tcc_upload, "tcc-record": tcc_record}[program]
        command: click.Command = group
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            found = command.get_command(click.Context(command), words.pop(0))
            assert found is not None, line
            command = found
        command.make_parser(click.Context(command)).parse_args(words)


def code_in(pages: str) -> list[str]:
    """Return the fenced blocks of shell in some pages."""
    blocks = re.findall(r"^ *```(\w*)\n(.*?)^ *```", pages, re.DOTALL | re.MULTILINE)
    return [code for language, code in blocks if language in ("", "sh", "bash")]


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.name
)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Files and headings that a page points to are there."""
    for target in re.findall(
        r"\]\((?!https?:)([^)\s]+)\)", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    ):
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_every_example_runs(world: World, example: Path) -> None:
    """An example that does not run is worse than none."""
    if example.name == "demo_fleet.py":
        pytest.skip("half a minute, with a database and a store: make demo-fleet runs it")
    command = [sys.executable, example, world.folder / "pictures"]  # else it would draw into docs/images
    done = subprocess.run(command, env=world.environment, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_the_changelog_tells_of_this_version() -> None:
    """The recorder's version has its section."""
    assert f"\n## {tcc_recorder.__version__} " in (ROOT / "CHANGELOG.md").read_text()


def test_every_promise_is_in_the_readme() -> None:
    """The eight promises are stated, and the way to what does not hold."""
    promises = README.partition("## Promises")[2].partition("\n## ")[0]
    assert re.findall(r"^(\d)\. ", promises, re.MULTILINE) == list("12345678")
    assert "(docs/limits.md)" in promises
