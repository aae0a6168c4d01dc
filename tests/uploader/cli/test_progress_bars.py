"""One bar on what takes longer than a second, of a total that stays the same; none where nobody looks."""

import os
import pty
import re
import time
from pathlib import Path

from support.children import start
from support.faults import FaultServer, Reply, Request, SegmentFile
from support.shell import COMMAND, Shell
from support.worlds import PATIENCE


def seen(shell: Shell, *arguments: str | Path) -> str:
    """Return what a command shows in a terminal."""
    ours, theirs = pty.openpty()
    environment = shell.environment | {"TERM": "xterm", "COLUMNS": "120"}
    process = start([COMMAND, *map(str, arguments)], env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    told = b""
    try:
        while data := os.read(ours, 65_536):
            told += data
    except OSError:  # so Linux says that nobody has the other end any more
        pass
    os.close(ours)
    assert process.wait(PATIENCE) == 0, told
    return told.decode()


def test_a_bundle_s_replay_knows_from_the_first_how_much_there_is(
    shell: Shell, server: FaultServer, tmp_path: Path
) -> None:
    """Its manifest tells it.  What is done within a second has no bar, and neither has what is piped."""
    segment = SegmentFile()
    for number in range(8):
        segment.run(f"r{number}")
    segment.seal().write(shell.spool)
    assert "━" not in seen(shell, "bundle", "-o", tmp_path / "runs.tar.gz")

    def slow(_: Request) -> Reply:
        time.sleep(0.3)
        return Reply()

    server.behaviour = slow
    told = seen(shell, "replay", tmp_path / "runs.tar.gz", "--in-flight", "1")
    assert "━" in told
    assert set(re.findall(r" of (\d+) records", told)) == {"8"}
    shell.run("replay", tmp_path / "runs.tar.gz", TCC_TARGET="other")
    assert "━" not in shell.printed
