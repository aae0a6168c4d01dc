"""What people read: the whole text of the commands in ten situations, at 80 columns.

Whoever changes a text sees in the golden files what users will see; GOLDEN_ANEW=1 writes them anew.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from support.faults import KEY, FaultServer, Reply, SegmentFile, always
from support.shell import Shell
from tcc_uploader.cli.main import tcc_upload

GOLDEN = Path(__file__).with_name("golden") / "words"
COMMANDS: Final = (
    *("replay --dry-run", "replay --timeout 0", "status", "verify", "dead list", "dead show --all", "runs"),
    *("bundle -o BUNDLE", "prune --older-than 0m --dry-run", "drop r1 --yes", "forget SPOOL", "config show"),
)
"""In this order: the first tells what the second will do, and the others what it has done."""


def _empty(_shell: Shell, _server: FaultServer) -> None:
    pass


def _fine(shell: Shell, _server: FaultServer) -> None:
    _segment("s1").run("r1").run("r2").seal().write(shell.spool)


def _being_written(shell: Shell, _server: FaultServer) -> None:
    _segment("s1").run("r1").write(shell.spool)


def _no_key(shell: Shell, server: FaultServer) -> None:
    _fine(shell, server)
    del shell.environment["TCC_API_KEY"]


def _wrong_key(shell: Shell, server: FaultServer) -> None:
    _fine(shell, server)
    server.behaviour = always(Reply(401, body=b"unknown key"))


def _outage(shell: Shell, server: FaultServer) -> None:
    _fine(shell, server)
    server.behaviour = always(Reply(503))


def _login_page(shell: Shell, server: FaultServer) -> None:
    _fine(shell, server)
    server.behaviour = always(Reply(200, {"Content-Type": "text/html"}, b"<html>log in</html>"))


def _one_is_refused(shell: Shell, server: FaultServer) -> None:
    _fine(shell, server)
    server.behaviour = lambda request: Reply(422, body=b"no prompt") if "r1" in request.ids else Reply()


def _damage(shell: Shell, _server: FaultServer) -> None:
    _segment("s1").run("r1").raw(b"damage\n").run("r2").seal(refused=2).write(shell.spool)
    (shell.spool / "page.jsonl").write_bytes(b"<html>")


def _other_targets(shell: Shell, server: FaultServer) -> None:
    _fine(shell, server)
    _segment("s2").run("elsewhere", key_hint="0123abcd").seal().write(shell.spool, "other.jsonl")
    shell.environment["TCC_TARGET"] = "other"
    _run(shell, "replay --timeout 0")
    shell.environment["TCC_TARGET"] = shell.state.name


SITUATIONS: Final[dict[str, Callable[[Shell, FaultServer], None]]] = {
    "nothing was recorded": _empty,
    "all is well": _fine,
    "an agent is running": _being_written,
    "no key": _no_key,
    "a wrong key": _wrong_key,
    "an outage": _outage,
    "a login page": _login_page,
    "one record is refused": _one_is_refused,
    "damage": _damage,
    "two targets and another key": _other_targets,
}


def _segment(ident: str) -> SegmentFile:
    return SegmentFile(ident, host="agent-host", boot_id="a boot")


def _run(shell: Shell, line: str) -> str:
    """Return what a command prints, with its exit code, as one reads it in a terminal."""
    places = {"BUNDLE": str(shell.spool.parent / "all.tar.gz"), "SPOOL": str(shell.spool)}
    words = [places.get(word, word) for word in line.split()]
    done = CliRunner().invoke(tcc_upload, words, terminal_width=80)
    return f"$ tcc-upload {line}\n{done.output}[exit code {done.exit_code}]\n"


def _without_chance(text: str, shell: Shell, server: FaultServer) -> str:
    """Return a text without what differs from run to run."""
    text = text.replace(str(shell.spool.parent), "/home/me").replace(server.url, "http://server")
    text = text.replace(server.url.rpartition(":")[2], "PORT")
    for pattern, word in (
        (r"\b20(?!26-01-31)\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?Z?", "NOW"),
        (r"\b\d\d-\d\d \d\d:\d\d\b", "THEN"),
        (r"\b\d+ days ago", "N days ago"),
        (r"\b[0-9a-f]{32}\b", "ID"),
        (r"\b\d{8}t\d{6}z-[0-9a-f]{16}\.jsonl", "SEGMENT.jsonl"),
        (r"pid \d+", "pid N"),
        (r"at byte \d+", "at byte N"),
        (r"\b\d+(\.\d+)? (kB|MB|bytes)\b", "N bytes"),
        (r"\b\d+(,\d+)? of \d+(,\d+)? bytes\b", "N of N bytes"),
    ):
        text = re.sub(pattern, word, text)
    return text


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_words_are_those_that_somebody_has_read(
    shell: Shell, server: FaultServer, monkeypatch: pytest.MonkeyPatch, situation: str
) -> None:
    """Every line that a command prints in a situation stands in its golden file."""
    SITUATIONS[situation](shell, server)
    for name in [name for name in os.environ if name.startswith("TCC_")]:
        monkeypatch.delenv(name)
    for name, value in (shell.environment | {"TZ": "UTC"}).items():
        monkeypatch.setenv(name, value)
    text = _without_chance("\n".join(_run(shell, line) for line in COMMANDS), shell, server)
    assert KEY not in text
    file = GOLDEN / f"{situation.replace(' ', '-')}.txt"
    if os.environ.get("GOLDEN_ANEW"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()
