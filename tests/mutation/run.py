"""Mutation testing of the code that decides: ``make mutants`` runs this, and it writes docs/mutants.md.

mutmut wants the packages beside each other, as a wheel has them, and works on a copy: so they are laid out in
build/mutants.  What is changed, and which tests must see it, is in pyproject.toml under ``tool.mutmut``.
"""

import platform
import re
import shutil
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BUILD: Final = ROOT / "build" / "mutants"
PAGE: Final = ROOT / "docs" / "mutants.md"
BEGIN: Final = "<!-- below: written by make mutants -->\n"
PACKAGES: Final = ("schemas/tcc_schemas", "recorder/tcc_recorder", "uploader/tcc_uploader", "tests")
GOAL: Final = 0.95
KILLED: Final = ("killed", "timeout")


def lay_out() -> None:
    """Copy what mutmut needs, anew."""
    shutil.rmtree(BUILD, ignore_errors=True)
    for package in PACKAGES:
        unused = shutil.ignore_patterns("node_modules", "__pycache__")
        shutil.copytree(ROOT / package, BUILD / Path(package).name, ignore=unused)
    shutil.copy(ROOT / "pyproject.toml", BUILD)


def mutmut(*arguments: str, told: bool = False) -> str:
    """Run mutmut to its end, and return what it printed, unless that is told to whoever waits."""
    command = [Path(sys.executable).parent / "mutmut", *arguments]
    done = subprocess.run(command, cwd=BUILD, check=True, text=True, stdout=None if told else subprocess.PIPE)
    return done.stdout or ""


def results() -> dict[str, str]:
    """Return what became of each mutant, by its name."""
    return dict(re.findall(r"^ +(\S+__mutmut_\d+): (.+)$", mutmut("results", "--all", "true"), re.MULTILINE))


def module_of(name: str) -> str:
    """Return the module in which a mutant is."""
    return name.rpartition(".")[0]


def change_of(name: str) -> str:
    """Return a mutant's change, as the lines of a diff."""
    lines = [line for line in mutmut("show", name).splitlines() if re.match(r"[-+](?![-+])", line)]
    function = (
        re.sub(r"__mutmut_\d+$", "", name.rpartition(".")[2]).removeprefix("x_").replace("xǁ", "").replace("ǁ", ".")
    )
    return "\n".join([f"{module_of(name)}: {function}", *(line[0] + " " + line[1:].strip() for line in lines)])


def report(found: dict[str, str]) -> str:
    """Return the part of the page that is written by this program."""
    modules: dict[str, Counter[bool]] = {}
    for name, fate in found.items():
        modules.setdefault(module_of(name), Counter())[fate in KILLED] += 1
    rows = [(module, counts.total(), counts[True]) for module, counts in sorted(modules.items())]
    rows.append(("**all**", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    table = [f"| {module} | {total} | {killed} | {killed / total:.1%} |" for module, total, killed in rows]
    left = [change_of(name) for name, fate in found.items() if fate not in KILLED]
    about = (
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, mutmut {mutmut('--version').split()[-1]}."
    )
    head = ["| module | mutants | killed | |", "|---|---|---|---|"]
    return "\n".join([about, "", *head, *table, "", "Those that live:", "", "```diff", *left, "```", ""])


def main() -> None:
    """Make the mutants, run the tests against each, and write the page.  Exits with 1 if too many live."""
    lay_out()
    mutmut("run", told=True)
    found = results()
    PAGE.write_text(PAGE.read_text().partition(BEGIN)[0] + BEGIN + "\n" + report(found))
    killed = sum(fate in KILLED for fate in found.values())
    sys.exit(None if killed >= GOAL * len(found) else f"only {killed} of {len(found)} mutants were killed")


if __name__ == "__main__":
    main()
