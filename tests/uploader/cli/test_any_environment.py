"""Every command in every environment: a sentence and an exit code, never a traceback."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from support.environments import ENVIRONMENTS, OPERATOR, Ended, Environment, prepare, run_in
from support.faults import SegmentFile
from tcc_uploader.cli import main

COMMANDS = {
    "replay": "replay --timeout 0.1",
    "daemon": "daemon",
    "bundle": "bundle -o {folder}/b.tar.gz",
    "runs": "runs",
    "report": "report -o {folder}/r.html",
    "show": "show last",
    "tail": "tail",
    "export": "export --sqlite {folder}/e.sqlite",
    "status": "status --json --max-age 9999w",
    "verify": "verify",
    "dead list": "dead list",
    "dead requeue": "dead requeue --all --timeout 0.1",
    "dead drop": "dead drop --all --yes",
    "drop": "drop nothing --yes",
    "prune": "prune --older-than 4w --yes",
    "forget": "forget /nowhere --yes",
    "doctor": "doctor",
    "ledger": "ledger status",
    "sandbox": "sandbox",
    "config": "config show",
    "help": "help replay",
    "completion": "completion fish",
}
"""Each command with what it needs.  ``{folder}`` is a new one."""
OTHER_OUTPUT = {
    "--version": "--version",
    "--help": "--help",
    "replay --dry-run": "replay --dry-run --json",
    "bundle -o -": "bundle -o -",
    "runs --json": "runs --json",
    "export --jsonl": "export --jsonl -",
    "status as text": "status --max-age 9999w",
    "verify --json": "verify --json",
    "dead list --json": "dead list --json",
    "doctor --json": "doctor --json",
}
"""What the commands print otherwise: where the environment is about streams."""
ALL = COMMANDS | OTHER_OUTPUT
ASK_FOR_NOTHING = {"--version", "--help", "sandbox", "help", "completion"}
"""These read no settings."""
FULL, NO_READER = 77, 75


class Place:
    """Runs commands, each in a new folder with a spool of one run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._number = 0

    def run(self, command: str, environment: Environment) -> Ended:
        """Run a command."""
        self._number += 1
        self.folder = self.root / str(self._number)
        self.folder.mkdir()
        prepare(self.folder)
        SegmentFile().run("r1", prompt={"user_prompt": "☃ \udcff".encode(errors="replace").decode()}).write(
            self.folder / "spool"
        )
        return run_in(environment, self.folder, ALL[command].format(folder=self.folder).split())


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """Tell how each command ends where nothing is wrong."""
    place = Place(tmp_path_factory.mktemp("usual"))
    return {command: place.run(command, Environment()) for command in ALL}


def test_the_table_has_every_command() -> None:
    """A new command is tried in each environment, too."""
    assert {command.split()[0] for command in COMMANDS} == set(main._COMMANDS)


def test_commands_work_where_nothing_is_wrong(usual: dict[str, Ended]) -> None:
    """What follows compares with this: no server answers, so a replay leaves the run pending."""
    others = {"replay": 75, "drop": 66, "forget": 66, "ledger": 2}
    assert {command: ended.code for command, ended in usual.items()} == dict.fromkeys(ALL, 0) | others
    assert not any("Traceback" in ended.err for ended in usual.values())


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_each_command_ends_with_a_sentence_and_its_exit_code(
    name: str, usual: dict[str, Ended], tmp_path: Path
) -> None:
    """What is wrong with the environment is told once, with what to do; what does not matter changes nothing."""
    environment = ENVIRONMENTS[name]
    place = Place(tmp_path)
    faults = []
    of_streams = environment.streams or environment.encoding != "utf-8"
    for command in some_of(ALL if of_streams else COMMANDS, name):
        ended = place.run(command, environment)
        expected = expected_code(command, environment, usual[command])
        if ended.code != expected:
            faults.append(f"{command}: {ended.code} in place of {expected}: {ended.err or ended.out}")
        if any(word in ended.err for word in ("Traceback", "Exception ignored", "Logging error")):
            faults.append(f"{command}: {ended.err}")
        tells = expected_code(command, environment, Ended(-1, "x", "")) not in (-1, NO_READER)
        if tells and environment.says and environment.says not in ended.out + ended.err:
            faults.append(f"{command} does not say {environment.says!r}: {ended.err or ended.out}")
        if tells and "run it again" in ended.err:
            faults.append(f"{command} gives no good advice: {ended.err}")
        if readable := [path for path in made_in(place.folder) if path.stat().st_mode & 0o022]:
            faults.append(f"{command} made what others may write to: {readable}")
    assert not faults, "\n".join(fault[:600] for fault in faults)


def some_of(commands: Iterable[str], name: str) -> list[str]:
    """Return every third command, others in the next environment; ``make torture`` takes all in each."""
    return list(commands) if os.environ.get("TCC_TORTURE") else list(commands)[list(ENVIRONMENTS).index(name) % 3 :: 3]


def expected_code(command: str, environment: Environment, usual: Ended) -> int:
    """Return the exit code with which a command must end."""
    kind, *names = environment.streams.split() or [""]
    if "stdout" in names and kind != "closed" and usual.out:
        if command in ("--version", "--help") and kind == "pipe":
            return 1  # as click ends it
        return FULL if kind == "full" else NO_READER
    if "stdout" in names and command == "bundle -o -":
        return FULL
    if command in ASK_FOR_NOTHING:
        return usual.code
    code = environment.codes.get(command, environment.codes.get("*", usual.code))
    of_settings_alone = command in ("config", "ledger")  # without a shared ledger
    return usual.code if of_settings_alone and code == OPERATOR["*"] else code


def made_in(folder: Path) -> Iterator[Path]:
    """Yield what a command made: not the files of the test, which were there before."""
    ours = {"spool", "config", "file", "upload.toml", "out", "err", "directory"}
    for path in folder.iterdir():
        if path.name not in ours:
            yield path
            yield from path.rglob("*")


def test_json_is_json_whatever_the_encoding(tmp_path: Path) -> None:
    """Machines read UTF-8, also where the locale is ASCII, and also of a path that is no UTF-8."""
    place = Place(tmp_path / os.fsdecode(b"\xff"))
    place.root.mkdir()
    ended = place.run("status", Environment(encoding="ascii"))
    assert os.fsdecode(b"\xff") in json.loads(ended.out)["state_dir"]
