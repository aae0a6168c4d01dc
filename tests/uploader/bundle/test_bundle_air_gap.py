"""docs/air-gap.md: every command in it is run, in its order, on one machine that plays both sides of the gap."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.faults import FaultServer, SegmentFile
from support.shell import COMMAND, Shell

PAGE = (Path(__file__).parents[3] / "docs" / "air-gap.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
BASH = shutil.which("bash") or "bash"
TOOLS = ["age", "age-keygen", "gpg", "gpgconf"]


@pytest.fixture
def home() -> Iterator[str]:
    """Give a home with a path short enough for the sockets of gpg-agent; end the agent after."""
    with tempfile.TemporaryDirectory(prefix="gap") as folder:
        yield folder
        subprocess.run(["gpgconf", "--kill", "all"], env={"HOME": folder, "PATH": "/usr/bin:/bin"}, check=True)  # noqa: S607


def record_twenty(spool: Path) -> None:
    """Write twenty runs, each a conversation of its own."""
    for number in range(20):
        SegmentFile().run(f"r{number}", session_id=f"conversation-{number}").write(spool)


@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason="age and gnupg are not installed")
def test_every_command_of_the_page_works(shell: Shell, server: FaultServer, home: str) -> None:
    """Both ways of encryption carry every record through the gap, and a cut bundle is noticed."""
    record_twenty(shell.spool)
    folder = Path(home) / "work"
    (folder / "stick").mkdir(parents=True)
    environment = shell.environment | {"HOME": home, "PATH": f"{COMMAND.parent}:{shell.environment['PATH']}"}
    printed = ""
    for number, block in enumerate(BLOCKS):
        delivers = "replay" in block and "cut" not in block
        own_state = environment | {
            "TCC_STATE_DIR": str(folder / f"state{number}")
        }  # each replay as if it were the first
        before = len(server.requests)
        if "--session" in block:  # an earlier one has carried the spool away
            record_twenty(shell.spool)
        done = subprocess.run(
            [BASH, "-e", "-c", block], cwd=folder, env=own_state, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (block, done.stderr)
        if delivers:
            assert sorted(ids[0] for ids in server.ids[before:]) == sorted(f"r{number}" for number in range(20)), block
        assert "--remove" not in block or not list(shell.spool.iterdir())
        printed += done.stdout
    assert len(BLOCKS) == 12
    assert "exit code 65" in printed
    assert b"runs" not in (folder / "stick" / "runs.age").read_bytes()
