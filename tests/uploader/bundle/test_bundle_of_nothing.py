"""``tcc-upload bundle`` where there is nothing to pack, or where it is stopped: no file, and a telling exit code."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from support.faults import FaultServer, SegmentFile
from support.shell import COMMAND, Shell
from support.worlds import PATIENCE


def test_a_spool_that_holds_nothing_is_no_failure(shell: Shell, tmp_path: Path) -> None:
    """Cron may run it every minute: 0, no file, and a line that says where it looked."""
    shell.spool.mkdir()
    shell.run("bundle", "-o", tmp_path / "b.zip")
    assert f"nothing to pack in {shell.spool}: no file was made\n" in shell.printed
    assert list(tmp_path.iterdir()) == [shell.spool]


def test_a_pipe_gets_a_bundle_of_nothing(shell: Shell, server: FaultServer) -> None:
    """At its other end a replay finds nothing to deliver; without any byte it would report damage."""
    shell.spool.mkdir()
    made = subprocess.run([COMMAND, "bundle", "-o", "-"], env=shell.environment, capture_output=True, check=True)
    done = subprocess.run(
        [COMMAND, "replay", "-"], env=shell.environment, input=made.stdout, capture_output=True, check=True
    )
    assert b"0 records: 0 delivered" in done.stdout
    assert b"nothing to deliver" in done.stderr


def test_a_spool_that_is_not_there_is_told(shell: Shell, tmp_path: Path) -> None:
    """66, no file, and what to do; beside another spool with records it is told, and these are packed."""
    shell.run("bundle", "-o", tmp_path / "b.zip", code=66)
    assert f"{shell.spool} does not exist: name the agent's spool, or set TCC_SPOOL_DIR" in shell.printed
    shell.run("bundle", tmp_path / "missing", "-o", tmp_path / "b.zip", code=66)
    assert not list(tmp_path.iterdir())
    SegmentFile().run("r1").write(shell.spool)
    shell.printed = ""
    shell.run("bundle", tmp_path / "missing", shell.spool, "-o", tmp_path / "b.zip")
    assert f"{tmp_path / 'missing'} does not exist" in shell.printed
    assert (tmp_path / "b.zip").exists()


def test_a_choice_without_a_match_makes_no_file(shell: Shell, tmp_path: Path) -> None:
    """66, as for every other command that chooses runs."""
    SegmentFile().run("r1", session_id="s").write(shell.spool)
    shell.run("bundle", "-o", tmp_path / "b.zip", "--session", "S", code=66)
    assert "nothing to pack" in shell.printed
    assert "nothing here is chosen by --session" in shell.printed
    assert list(tmp_path.iterdir()) == [shell.spool]


def test_what_is_delivered_is_removed_though_no_bundle_is_made(
    shell: Shell, server: FaultServer, tmp_path: Path
) -> None:
    """A spool in which everything is finished ends with 0, and --remove takes it away."""
    SegmentFile().run("r1").seal().write(shell.spool)
    shell.run("replay")
    shell.run("bundle", "-o", tmp_path / "b.zip", "--remove")
    assert "1 delivered segment left out" in shell.printed
    assert "removed 1 of 1 segment" in shell.printed
    assert not list(shell.spool.iterdir())
    assert not (tmp_path / "b.zip").exists()
    shell.run("verify")


def test_a_refusal_on_the_way_leaves_no_file(shell: Shell, tmp_path: Path) -> None:
    """What packs too well is refused when it is written already: neither it nor a temporary file stays."""
    segment = SegmentFile()
    for number in range(40):
        segment.run(f"r{number}", response="x" * 3_000_000)
    segment.seal().write(shell.spool)
    shell.run("bundle", "-o", tmp_path / "b.tar.zst", code=75)
    assert "readers would take it for a bomb" in shell.printed
    assert list(tmp_path.iterdir()) == [shell.spool]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may start a process that has pid 1")
def test_a_bundle_that_was_killed_as_process_1_hinders_no_later_one(shell: Shell, tmp_path: Path) -> None:
    """In each container the command has the same pid; what the killed one left is nobody's file, and stays."""
    as_first = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*as_first, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine gives no new pids")
    SegmentFile().run("r1").write(shell.spool)
    bundle = tmp_path / "b.zip"
    killed = (
        "import os, signal, tcc_uploader.cli.bundle as bundle\n"
        # the signal kills `unshare` at once, which is outside; process 1 is killed when the kernel notices that
        "bundle.write = lambda *_: (os.kill(0, 9), signal.pause())\n"
        "from tcc_uploader.cli.main import run\nrun()"
    )
    command = [*as_first, COMMAND.with_name("python"), "-c", killed, "bundle", "-o", bundle]
    subprocess.run(
        command, env=shell.environment, capture_output=True, timeout=PATIENCE, check=False, start_new_session=True
    )
    assert not bundle.exists()
    assert len(list(tmp_path.glob(".b.zip.*.tmp"))) == 1
    done = subprocess.run(
        [*as_first, COMMAND, "bundle", "-o", bundle], env=shell.environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert bundle.exists()


def test_a_folder_of_a_group_stays_as_its_owner_set_it_up(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """Bundle and state can be read by their owner alone, in a folder of a group, too; the spool's mode stays."""
    path = SegmentFile().run("r1").write(shell.spool)
    for folder in (shell.spool, tmp_path):
        folder.chmod(0o2775)
    path.chmod(0o660)
    before = [(found.stat().st_mode, found.stat().st_gid) for found in (tmp_path, shell.spool)]
    shell.run("bundle", "-o", tmp_path / "b.zip")
    shell.run("replay")
    shell.run("bundle", "-o", tmp_path / "c.zip", "--all", "--remove")
    assert not path.exists()
    assert [(found.stat().st_mode, found.stat().st_gid) for found in (tmp_path, shell.spool)] == before
    assert stat.S_IMODE((tmp_path / "b.zip").stat().st_mode) == 0o600
    assert shell.state.parent.stat().st_mode & 0o077 == 0


def test_segments_without_a_record_make_no_bundle_and_are_cleared_away(shell: Shell) -> None:
    """An agent that recorded nothing leaves a header: cron carries no file for it; what may be recovered is carried."""
    SegmentFile("sealed").seal().write(shell.spool)
    SegmentFile("left open").write(shell.spool)
    bundle = shell.spool.parent / "b.zip"
    shell.run("bundle", "-o", bundle)
    assert not bundle.exists()
    assert "2 segments without a record left out" in shell.printed
    unended = SegmentFile("unended").record("journal", "r1", {"type": "run", "run_id": "r1"}, run_id="r1", path=None)
    unended.write(shell.spool)
    shell.run("bundle", "-o", bundle, "--remove")
    assert "b.zip: 1 segment, 0 records" in shell.printed
    assert not list(shell.spool.iterdir())
