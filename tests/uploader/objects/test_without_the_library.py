"""The extra ``s3`` is optional: only a name that begins with s3:// asks for it."""

import subprocess
import sys

import pytest

from support.faults import FaultServer, SegmentFile
from support.shell import Shell
from support.worlds import PATIENCE

_WITHOUT = """
import sys
from importlib.abc import MetaPathFinder
class Missing(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "obstore":
            raise ModuleNotFoundError(name)
import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "obstore" else find_spec(name, package)
sys.meta_path.insert(0, Missing())
from tcc_uploader.cli.main import run
run()
"""


def run_without(shell: Shell, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command where the library is not installed."""
    command = [sys.executable, "-c", _WITHOUT, *arguments]
    return subprocess.run(command, env=shell.environment, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_everything_else_works_without_it(shell: Shell, server: FaultServer) -> None:
    """A replay of a spool, for instance."""
    SegmentFile().run("a").seal().write(shell.spool)
    assert run_without(shell, "replay").returncode == 0
    assert server.ids == [["a"]]


@pytest.mark.parametrize(
    "arguments",
    [["replay", "s3://bucket/x"], ["daemon", "--spool", "s3://bucket/x"], ["bundle", "-o", "s3://bucket/x.zip"]],
    ids=lambda arguments: arguments[0],
)
def test_what_is_to_be_installed_is_said(shell: Shell, arguments: list[str]) -> None:
    """In one line, as a usage error."""
    done = run_without(shell, *arguments)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("pip install 'tcc-offline[s3]'")
