"""What a command loads when it starts: what it needs, and no more."""

import subprocess
import sys

from support.faults import FaultServer, SegmentFile
from support.shell import Shell
from support.worlds import PATIENCE

_RUN = """
import atexit, gc, sys
from tcc_uploader.cli.main import run
libraries = ("httpx", "obstore", "orjson", "pydantic", "rich", "watchdog")
atexit.register(lambda: print("loaded:", *(name for name in libraries if name in sys.modules)))
atexit.register(lambda: print("collects:", *gc.get_threshold(), gc.get_freeze_count() > 1000))
run()
"""


def ends_with(shell: Shell, *arguments: str) -> dict[str, list[str]]:
    """Run a command to its end in a process that tells what it has loaded, and how it collects garbage."""
    command = [sys.executable, "-c", _RUN, *arguments]
    environment = shell.environment | {"COLUMNS": "80"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=True)
    told = [line.split() for line in done.stdout.splitlines()]
    return {words[0]: words[1:] for words in told if words and words[0] in ("loaded:", "collects:")}


def test_the_version_is_told_without_any_large_library(shell: Shell) -> None:
    """Of what the commands need, ``--version`` loads orjson alone."""
    assert ends_with(shell, "--version")["loaded:"] == ["orjson"]


def test_status_loads_nothing_that_sends_or_watches(shell: Shell) -> None:
    """``status`` reads files: it needs no HTTP client, no watcher and no progress bar."""
    shell.spool.mkdir()
    SegmentFile().run("r1").write(shell.spool)
    assert ends_with(shell, "status", "--max-age", "9999w")["loaded:"] == ["orjson", "pydantic"]


def test_a_command_does_not_search_what_it_has_imported_for_garbage(shell: Shell) -> None:
    """Python searches everything as it ends, several times, which took a fifth of a short command's time."""
    shell.spool.mkdir()
    assert ends_with(shell, "status")["collects:"][-1] == "True"


def test_a_bundle_without_a_terminal_loads_nothing_that_sends_or_draws(shell: Shell) -> None:
    """What only packs files needs no HTTP client and no progress bar."""
    shell.spool.mkdir()
    SegmentFile().run("r1").seal().write(shell.spool)
    assert ends_with(shell, "bundle", "-o", str(shell.spool.parent / "b.zip"))["loaded:"] == ["orjson", "pydantic"]


def test_a_replay_without_a_terminal_loads_no_progress_bar_and_no_watcher(shell: Shell, server: FaultServer) -> None:
    """Neither our bar nor httpx's own command brings rich in; and garbage is searched for seldom while it sends."""
    shell.spool.mkdir()
    SegmentFile().run("r1").write(shell.spool)
    found = ends_with(shell, "replay")
    assert found["loaded:"] == ["httpx", "orjson", "pydantic"]
    assert found["collects:"] == ["10000", "20", "50", "True"]
    assert server.ids == [["r1"]]
