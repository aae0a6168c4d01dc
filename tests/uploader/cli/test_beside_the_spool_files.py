"""What every command says of files that lie in a spool, or are given to it, and hold no records."""

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from support.faults import FaultServer, Reply, SegmentFile, always, run_item
from support.shell import Shell

LOOKING = (["replay"], ["replay", "--dry-run"], ["verify"], ["runs"], ["show", "last"], ["status"])
RUN = json.dumps(run_item("r1")) + "\n"


@pytest.fixture
def commands(tmp_path: Path) -> list[list[str]]:
    """Give the arguments of every command that reads a spool, and ends."""
    made = [["report", "-o", str(tmp_path / "report.html")], ["bundle", "--all", "-o", str(tmp_path / "out.tar.gz")]]
    return [*LOOKING, *made]


def told_by(shell: Shell, command: list[str]) -> str:
    """Run a command; return what it printed."""
    shell.printed = ""
    shell.run_anyhow(*command)
    return shell.printed


def test_links_that_are_not_followed_are_told(shell: Shell, tmp_path: Path, commands: list[list[str]]) -> None:
    """A spool of links looks empty: each command says how many there are, and what to do."""
    real = SegmentFile().run("r1").seal().write(tmp_path / "elsewhere")
    shell.spool.mkdir(exist_ok=True)
    for number in range(3):
        (shell.spool / f"{number}.jsonl").symlink_to(real)
    (shell.spool / "folder").symlink_to(tmp_path)
    (shell.spool / "notes.txt").symlink_to(real)
    for command in commands:
        told = told_by(shell, command)
        assert "symbolic links (4; '0.jsonl' for one): they are not followed; copy the files here" in told, command
    with shell.daemon():
        pass
    assert "not followed" in shell.printed
    shell.printed = ""
    shell.run_anyhow("doctor")
    assert "symbolic links (4" in shell.printed
    assert "symbolic links (4" in str(shell.json("replay")["passed_over"])


def test_links_among_the_spool_files_fail_nothing(shell: Shell) -> None:
    """A link to the newest segment beside it is a habit of some: all is delivered, and that is success."""
    path = SegmentFile().run("r1").seal().write(shell.spool)
    (shell.spool / "latest.jsonl").symlink_to(path)
    shell.run("replay")
    shell.run("verify")


def test_archives_and_files_of_ours_in_a_spool_are_told(shell: Shell) -> None:
    """A bundle that was copied there, a report, the state itself: nobody waits for what is in them."""
    SegmentFile().run("r1").seal().write(shell.spool)
    shell.run("bundle", "-o", shell.spool / "a.tar.gz")
    shell.run("report", "-o", shell.spool / "report.html")
    shell.run("export", "--sqlite", shell.spool / "runs.db")
    (shell.spool / "page.html").write_text("<html>not ours</html>")
    (shell.spool / "ledger.sqlite3").touch()
    for command in (["replay"], ["status"], ["runs"]):
        told = told_by(shell, command)
        assert "archives (1; 'a.tar.gz' for one): they are not read in a spool" in told, command
        assert "exports or reports (2; 'report.html' for one)" in told, command
        assert "files of an uploader's state (1; 'ledger.sqlite3' for one)" in told, command
    assert "archives (" not in told_by(shell, ["replay", str(shell.spool)])  # there it is read


def test_files_of_ours_are_no_plain_files(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """A dead letter, a status file or an export that is given to be read is named: no letter is made of it."""
    SegmentFile().run("r1").seal().write(shell.spool)
    server.behaviour = always(Reply(422))
    shell.run("replay", "--give-up", code=65)
    shell.run("export", "--jsonl", tmp_path / "export.jsonl")
    [letter] = (shell.state / "dead").iterdir()
    for path in (letter, shell.state / "status.json", tmp_path / "export.jsonl", shell.state / "ledger.sqlite3"):
        for command in (["replay"], ["verify"], ["runs"], ["replay", "--dry-run"]):
            told = told_by(shell, [*command, str(path)])
            assert "no spool file" in told, (command, path)
    assert len(list((shell.state / "dead").iterdir())) == 1


def test_other_encodings_are_named(shell: Shell, tmp_path: Path, commands: list[list[str]]) -> None:
    """Text in UTF-16 is no encrypted bundle; each command says how to mend it."""
    shell.spool.mkdir(exist_ok=True)
    (shell.spool / "windows.jsonl").write_text(RUN, encoding="utf-16")
    for command in commands:
        assert "UTF-16" in told_by(shell, command), command
    path = tmp_path / "artifact.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(shell.spool / "windows.jsonl", "windows.jsonl")
    assert "windows.jsonl: text in UTF-16" in told_by(shell, ["replay", str(path)])


def test_a_file_of_zeros_is_damage_to_every_command(shell: Shell, tmp_path: Path, commands: list[list[str]]) -> None:
    """As a power loss leaves it: nothing says that all is well."""
    shell.spool.mkdir(exist_ok=True)
    (shell.spool / "20260131t120000z-0123456789abcdef.jsonl").write_bytes(bytes(5000))
    shell.run("verify", code=65)
    shell.run("replay", code=65)
    shell.run("replay", code=65)
    for command in commands:
        assert "damage" in told_by(shell, command), command
    for path in (tmp_path / "zeros.zip", tmp_path / "zeros.jsonl.gz"):
        if path.suffix == ".gz":
            path.write_bytes(gzip.compress(bytes(5000)))
        else:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("a.jsonl", bytes(5000))
        assert "5,000 bytes at byte 0" in shell.run("verify", path, code=65)


def test_a_log_that_was_emptied_under_its_writer_is_delivered(shell: Shell, server: FaultServer) -> None:
    """NUL bytes stand before the next lines then: they are told, and cost no record in any command."""
    shell.spool.mkdir(exist_ok=True)
    (shell.spool / "agent.jsonl").write_bytes(bytes(5000) + RUN.encode() + RUN.replace("r1", "r2").encode())
    assert "2 pending" in shell.run("verify", code=65)
    assert "r1" in shell.run("runs")
    bundle = shell.spool.parent / "out.tar.gz"
    shell.run("bundle", "-o", bundle, code=65)
    assert "2 delivered" in shell.run("replay", bundle, code=65)
    shell.run("replay", code=65)
    assert server.ids == [["r1"], ["r2"]]
