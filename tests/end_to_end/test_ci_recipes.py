"""docs/ci.md: the recipes run, their commands in a real shell, against the sandbox; the platforms are stand-ins."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.postgres import Postgres
from support.worlds import PATIENCE, World
from tcc_uploader.spool.format import REPORT_START

PAGE = (Path(__file__).parents[2] / "docs" / "ci.md").read_text()
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)]
TEST, SHIP, _ONLY_OURS, RESTORE, SAVE, BUNDLE, GITLAB, BUILDKITE, SHARED, *REPORTS = BLOCKS
GITHUB_REPORT, GITLAB_REPORT, BUILDKITE_REPORT = REPORTS
BASH = shutil.which("bash") or "bash"
AGENT = """
import os
import tcc_recorder

def test_agent():
    assert "TCC_API_KEY" not in os.environ
    for number in range({runs}):
        tcc_recorder.run().prompt("hi").response(f"answer {{number}}").end()
    assert {passes}
"""
BUILDKITE_AGENT = """#!/bin/sh
case "$1 $2" in
"artifact download") cp -R "$STORE/." "$4" ;;
"secret get") echo "key-of-this-world" ;;
*) exit 64 ;;
esac
"""


@dataclass
class Platform:
    """What a CI system does around the commands: a checkout, an artifact store, and programs that can't be had here."""

    world: World
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        for folder in (self.checkout, self.temp, self.store, self.tools):
            folder.mkdir()
        self.add_tool("pip", "#!/bin/sh\n")  # what it would install is there
        self.add_tool("buildkite-agent", BUILDKITE_AGENT)
        self.environment = {
            "PATH": f"{self.tools}:{Path(sys.executable).parent}:{self.world.environment['PATH']}",
            "HOME": str(self.world.folder),
            "TCC_BASE_URL": self.world.url,
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "CI_PROJECT_DIR": str(self.checkout),
            "STORE": str(self.store),
        }

    @property
    def checkout(self) -> Path:
        """Where a job's commands begin."""
        return self.world.folder / "checkout"

    @property
    def temp(self) -> Path:
        """A runner's folder for this job."""
        return self.world.folder / "temp"

    @property
    def store(self) -> Path:
        """Where artifacts are kept between jobs."""
        return self.world.folder / "store"

    @property
    def tools(self) -> Path:
        """The stand-ins on the path."""
        return self.world.folder / "tools"

    @property
    def summary(self) -> Path:
        """A GitHub job's summary page."""
        return self.world.folder / "summary.md"

    def add_tool(self, name: str, script: str) -> None:
        """Put a program on the path."""
        (self.tools / name).write_text(script)
        (self.tools / name).chmod(0o755)

    def write_tests(self, *, passes: bool, runs: int = 3) -> None:
        """Give the repository a test whose agent records runs."""
        (self.checkout / "test_agent.py").write_text(AGENT.format(passes=passes, runs=runs))

    def new_runner(self) -> None:
        """Go on, on a machine that has only the store in common with the last one."""
        for folder in (self.checkout, self.temp, self.world.folder / ".local"):
            shutil.rmtree(folder, ignore_errors=True)
        self.checkout.mkdir()
        self.temp.mkdir()

    def shell(self, commands: Iterable[str], environment: Mapping[str, str]) -> bool:
        """Run commands in one shell, as the platforms do; return whether they succeeded."""
        command = [BASH, "-e", "-o", "pipefail", "-c", "\n".join(commands)]
        return (
            subprocess.run(command, cwd=self.checkout, env=environment, check=False, timeout=PATIENCE).returncode == 0
        )

    def steps(self, steps: Iterable[dict[str, Any]]) -> bool:
        """Run the steps of a GitHub job; return whether all succeeded."""
        succeeded = True
        for step in steps:
            if not (succeeded or step.get("if") == "always()"):
                continue
            if "run" in step:
                environment = {name: self._expanded(value) for name, value in step.get("env", {}).items()}
                succeeded &= self.shell([step["run"]], self.environment | environment)
            else:
                given = {name: self._expanded(str(value)) for name, value in step.get("with", {}).items()}
                self._use(step["uses"], given)
        return succeeded

    def _use(self, action: str, given: dict[str, str]) -> None:
        """Do what an action does, as far as files are concerned."""
        actions: dict[str, Callable[[], None]] = {
            "actions/checkout@v6": lambda: None,
            "actions/setup-python@v6": lambda: None,
            "actions/upload-artifact@v6": lambda: copy(Path(given["path"]), self.store / given["name"]),
            "actions/upload-artifact@v7": lambda: copy(Path(given["path"]), self.store),
            "actions/download-artifact@v7": lambda: self._download(given["pattern"], Path(given["path"])),
            "actions/cache/restore@v5": lambda: copy(self.store / "state", Path(given["path"])),
            "actions/cache/save@v5": lambda: copy(Path(given["path"]), self.store / "state"),
        }
        actions[action]()

    def _download(self, pattern: str, path: Path) -> None:
        for artifact in self.store.glob(pattern):
            copy(artifact, path / artifact.name)

    def _expanded(self, text: str) -> str:
        values = {
            "runner.temp": str(self.temp),
            "secrets.TCC_API_KEY": "key-of-this-world",
            "secrets.TCC_LEDGER_PASSWORD": "nobody asks for it here",
            "github.token": "token",
            "vars.OFFLINE_WHEEL": "https://packages.example/tcc_offline-0.1.0-py3-none-any.whl",
            "github.event.workflow_run.id": "7",
            "github.run_id": "8",
            "github.run_attempt": "1",
        }
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: values[found[1]], text)


def copy(source: Path, target: Path) -> None:
    """Copy as an artifact store does: contents and names, no modes, and nothing whose name begins with a dot."""
    base = source if source.is_dir() else source.parent
    for path in [source] if source.is_file() else source.rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(base).parts):
            copied = target / path.relative_to(base)
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.write_bytes(path.read_bytes())


@pytest.fixture
def platform(world: World) -> Platform:
    """Give a platform whose records go to the world's sandbox."""
    return Platform(world)


def arrivals(world: World) -> list[int]:
    """Return how often each run was received."""
    return [sum(times.values()) for (kind, _), times in world.receipts().items() if kind == "run"]


@pytest.mark.parametrize("passes", [True, False])
def test_github_ships_what_was_recorded(platform: Platform, *, passes: bool) -> None:
    """Two workflows, two machines, one artifact: every run arrives once, also when the tests fail; the page says so."""
    platform.write_tests(passes=passes)
    assert platform.steps(TEST["jobs"]["test"]["steps"]) is passes
    platform.new_runner()
    assert platform.steps(SHIP["jobs"]["ship"]["steps"])
    assert arrivals(platform.world) == [1, 1, 1]
    assert "| 3 | 3 | 3 | 0 | 0 | 0 | 0 |" in platform.summary.read_text()


def test_github_ships_a_bundle_as_well(platform: Platform) -> None:
    """With the bundle's steps in place of the upload, the same second workflow delivers every run of failed tests."""
    platform.write_tests(passes=False)
    assert not platform.steps([*TEST["jobs"]["test"]["steps"][:-1], *BUNDLE])
    assert [path.name for path in platform.store.rglob("*.*")] == ["runs.tar.gz"]
    platform.new_runner()
    assert platform.steps(SHIP["jobs"]["ship"]["steps"])
    assert arrivals(platform.world) == [1, 1, 1]


def test_github_has_nothing_to_ship_when_nothing_was_recorded(platform: Platform) -> None:
    """A test job that recorded nothing makes no artifact, and the second workflow is green."""
    platform.write_tests(passes=True, runs=0)
    assert platform.steps(TEST["jobs"]["test"]["steps"])
    platform.new_runner()
    assert platform.steps(SHIP["jobs"]["ship"]["steps"])
    assert arrivals(platform.world) == []


@pytest.mark.parametrize(("kept", "times"), [(False, 2), (True, 1)])
def test_github_sends_again_without_the_state(platform: Platform, *, kept: bool, times: int) -> None:
    """Shipping again costs duplicates on a fresh machine; with the state in the cache nothing is sent twice."""
    platform.write_tests(passes=True)
    platform.steps(TEST["jobs"]["test"]["steps"])
    *steps, last = SHIP["jobs"]["ship"]["steps"]
    if kept:
        state = re.search(r"`TCC_STATE_DIR: (.*?)`", PAGE)
        assert state
        last = last | {"env": last["env"] | {"TCC_STATE_DIR": state[1]}}
        steps, last = [*steps, *RESTORE, last], SAVE[0]
    for _ in range(2):
        platform.new_runner()
        assert platform.steps([*steps, last])
    assert arrivals(platform.world) == [times] * 3


def test_runners_that_share_a_ledger_send_nothing_again(platform: Platform, postgres: Postgres) -> None:
    """Each runner is fresh, and what another one delivered is known."""
    platform.write_tests(passes=True)
    platform.steps(TEST["jobs"]["test"]["steps"])
    *steps, last = SHARED
    last = last | {"env": last["env"] | {"TCC_LEDGER": postgres.url(postgres.new_database()), "TCC_TARGET": "here"}}
    for _ in range(2):
        platform.new_runner()
        assert platform.steps([*SHIP["jobs"]["ship"]["steps"][:-1], *steps, last])
    assert arrivals(platform.world) == [1] * 3


def test_only_the_second_github_workflow_has_the_secret_and_it_runs_no_foreign_code() -> None:
    """What a pull request can change never runs beside the key."""
    events, steps = SHIP[True], SHIP["jobs"]["ship"]["steps"]  # YAML reads the name "on" as a truth
    assert events == {"workflow_run": {"workflows": [TEST["name"]], "types": ["completed"]}}
    assert SHIP["permissions"] == {"actions": "read"}
    assert TEST["permissions"] == {"contents": "read"}
    assert not any("checkout" in step.get("uses", "") for step in steps)
    assert "secrets." not in str(TEST)
    assert [step for step in steps if "secrets." in str(step)] == [steps[-1]]


@pytest.mark.parametrize("passes", [True, False])
def test_gitlab_ships_what_was_recorded(platform: Platform, *, passes: bool) -> None:
    """The artifact of the first job, kept also when it fails, is delivered by the second."""
    record, ship = GITLAB["record"], GITLAB["ship"]
    platform.write_tests(passes=passes)
    spool = record["variables"]["TCC_SPOOL_DIR"].replace("$CI_PROJECT_DIR", str(platform.checkout))
    assert platform.shell(record["script"], platform.environment | {"TCC_SPOOL_DIR": spool}) is passes
    assert record["artifacts"]["when"] == ship["rules"][0]["when"] == "always"
    for path in record["artifacts"]["paths"]:
        copy(platform.checkout / path, platform.store / path)
    platform.new_runner()
    copy(platform.store, platform.checkout)
    assert platform.shell(ship["script"], platform.environment | {"TCC_API_KEY": "key-of-this-world"})
    assert arrivals(platform.world) == [1, 1, 1]


@pytest.mark.parametrize("passes", [True, False])
def test_buildkite_ships_what_was_recorded(platform: Platform, *, passes: bool) -> None:
    """The artifacts of the first step, which may fail, are downloaded and delivered by the second."""
    record, ship = BUILDKITE["steps"]
    platform.write_tests(passes=passes)
    assert platform.shell(uninterpolated(record["command"]), platform.environment) is passes
    assert ship["depends_on"] == [{"step": record["key"], "allow_failure": True}]
    for path in platform.checkout.glob(record["artifact_paths"]):
        copy(path, platform.store / path.parent.relative_to(platform.checkout))
    platform.new_runner()
    assert platform.shell(uninterpolated(ship["command"]), platform.environment)
    assert arrivals(platform.world) == [1, 1, 1]


def test_a_job_that_failed_leaves_a_page_to_look_at(platform: Platform) -> None:
    """With the report's steps at its end, the artifact is one file, of the runs that were recorded."""
    platform.write_tests(passes=False)
    assert not platform.steps([*TEST["jobs"]["test"]["steps"], *GITHUB_REPORT])
    assert (platform.store / "report.html").read_bytes().startswith(REPORT_START)
    assert "3 runs: 3 success" in (platform.store / "report.html").read_text()
    platform.new_runner()
    assert platform.steps(SHIP["jobs"]["ship"]["steps"]), "the second job does not take it for a spool"


def test_gitlab_and_buildkite_leave_the_page_too(platform: Platform) -> None:
    """Their own ways to do something at a job's end run also when the tests fail, and don't make them pass."""
    platform.write_tests(passes=False)
    report, spool = platform.checkout / "report.html", {"TCC_SPOOL_DIR": str(platform.checkout / "spool")}
    assert not platform.shell(GITLAB["record"]["script"], platform.environment | spool)
    assert platform.shell(GITLAB_REPORT["after_script"], platform.environment | spool)
    assert "3 runs: 3 success" in report.read_text()
    report.unlink()
    assert not platform.shell(uninterpolated(BUILDKITE_REPORT["command"]), platform.environment)
    assert "6 runs: 6 success" in report.read_text()
    for paths in (GITLAB_REPORT["artifacts"]["paths"], BUILDKITE_REPORT["artifact_paths"]):
        assert "report.html" in paths


def uninterpolated(commands: Iterable[str]) -> list[str]:
    """Return commands as Buildkite leaves them: a double dollar sign is one for the shell."""
    return [command.replace("$$", "$") for command in commands]
