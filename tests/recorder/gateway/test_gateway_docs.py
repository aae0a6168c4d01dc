"""``docs/gateway.md`` tells everything, and what it tells is so."""

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from tcc_recorder.gateway.main import tcc_record

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "gateway.md").read_text()
PROGRAMS = ROOT / "sample_traces" / "official"
INLINE = re.findall(r"`([^`\n]+)`", PAGE)
"""Code in the text and in tables."""


def commands() -> dict[str, click.Command]:
    """Return the commands of ``tcc-record``."""
    context = click.Context(tcc_record)
    found = {name: tcc_record.get_command(context, name) for name in tcc_record.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def test_every_command_and_option_is_there() -> None:
    """A command that nobody can find does not exist."""
    assert set(commands()) == {"run", "serve"}
    for name, command in commands().items():
        assert f"tcc-record {name}" in PAGE
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert any(option in PAGE for option in parameter.opts), parameter.opts


def test_every_command_line_is_one() -> None:
    """What the page, and the services in it, start has options that exist."""
    lines = [line.partition("  #")[0] for line in PAGE.splitlines()]
    started = [
        shlex.split(line[line.index("tcc-record ") :]) for line in lines if re.match(r"(\S*tcc-record|Exec)", line)
    ]
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
        told = str(yaml.safe_load(block))
        assert "tcc-record" in told
        started += [re.findall(r"[\w-]+", each) for each in re.findall(r"'?tcc-record'?,? '?serve", told)]
    assert len(started) > 4
    for _, name, *arguments in started:
        given = [str(Path(__file__)) if each in {"tokens", "gw.pem", "gw.key"} else each for each in arguments]
        parser = commands()[name].make_parser(click.Context(commands()[name]))
        parser.parse_args(given)


@pytest.mark.parametrize("program", sorted(PROGRAMS.glob("*_agent.*")), ids=lambda path: path.name)
def test_the_lines_for_an_sdk_are_those_of_a_program_that_runs(program: Path) -> None:
    """How to use a package is told as the program does it that ``make integrations`` runs."""
    imported = [line for line in program.read_text().splitlines() if re.match(r"(from|import) .*contextcompany", line)]
    [line] = imported
    names = set(re.findall(r"\w+", re.sub(r".*import (\w.*)|.*{(.*)}.*", r"\1\2", line)))
    module = re.findall(r"@?contextcompany[\w./]*", line)[0]
    assert any(module in code and names & set(re.findall(r"\w+", code)) for code in INLINE), line
