"""``prune`` and ``forget``: a ledger and its spools stay small, and nothing that is awaited is lost."""

import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from support.faults import FaultServer, Reply, SegmentFile, always, ok
from support.shell import Shell

MONTH = 30 * 86_400
NOTHING_NAMED = {"TCC_API_KEY": "", "TCC_BASE_URL": "", "TCC_TARGET": ""}


def age(shell: Shell, seconds: float = MONTH) -> None:
    """Let everything in the ledger look as if it was written so long ago."""
    with sqlite3.connect(shell.state / "ledger.sqlite3") as ledger:
        ledger.execute("UPDATE segments SET last_commit = ?", (int(time.time() - seconds),))
    ledger.close()


def test_what_was_settled_long_ago_goes_and_what_is_younger_stays(shell: Shell, server: FaultServer) -> None:
    """Rows, keys and delivered files; the plan tells what, --dry-run changes nothing, and later the counts add up."""
    old = SegmentFile().run("r1").run("r2").seal().write(shell.spool)
    shell.run("replay")
    age(shell)
    SegmentFile().run("r3").seal().write(shell.spool)
    shell.run("replay")
    plan = shell.run("prune", "--older-than", "4w", "--dry-run")
    assert "1 segment with 2 records" in plan
    assert "1 delivered file in spools" in plan
    assert old.exists()
    shell.run("prune", "--older-than", "4w", "--yes")
    assert not old.exists()
    assert shell.status()["counts"]["delivered"] == 1
    shell.run("verify")
    assert "0 segments" in shell.run("prune", "--older-than", "4w", "--yes")


def test_pending_records_dead_letters_and_open_files_stay_however_old_they_are(
    shell: Shell, server: FaultServer
) -> None:
    """Nothing that somebody may still want is pruned."""
    server.behaviour = lambda request: Reply(422 if "dead" in request.ids else 503 if "late" in request.ids else 200)
    SegmentFile().run("dead").run("good").seal().write(shell.spool)
    SegmentFile().run("open").write(shell.spool)
    shell.run("replay", code=65)
    SegmentFile().run("late").seal().write(shell.spool)
    shell.run("replay", "--timeout", "0", code=75)
    age(shell)
    before = shell.status()["counts"]
    assert "3 segments with pending records" in shell.run("prune", "--older-than", "1d", "--yes")
    assert shell.status()["counts"] == before
    assert len(list(shell.spool.iterdir())) == 3


def test_a_copy_of_what_was_pruned_is_sent_again(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """That is what pruning costs, and it says so."""
    file = SegmentFile().run("r1").seal().write(shell.spool)
    copy = shutil.copy(file, tmp_path / "copy.jsonl")
    shell.run("replay")
    age(shell)
    assert "turns up later" in shell.run("prune", "--older-than", "1d", "--yes")
    shell.run("replay", copy)
    assert server.ids == [["r1"], ["r1"]]


def test_a_pruned_ledger_gives_its_room_back(shell: Shell, server: FaultServer) -> None:
    """The file is smaller afterwards."""
    segment = SegmentFile()
    for number in range(3000):
        segment.run(f"r{number}")
    segment.seal().write(shell.spool)
    shell.run("replay")
    age(shell)
    had = (shell.state / "ledger.sqlite3").stat().st_size
    shell.run("prune", "--older-than", "1d", "--yes")
    assert (shell.state / "ledger.sqlite3").stat().st_size < had / 2


def test_a_target_that_is_no_more_can_be_pruned_and_one_in_use_can_not(shell: Shell, server: FaultServer) -> None:
    """--target names any folder of the state directory; beside a daemon it ends with 73."""
    SegmentFile().run("r1").seal().write(shell.spool)
    shell.run("replay", TCC_TARGET="gone")
    shutil.rmtree(shell.spool)
    for wrong in ("gnoe", "../spool"):
        shell.run("prune", "--older-than", "0m", "--yes", "--target", wrong, code=66)
        assert f"has no target {wrong}; it has gone" in shell.printed
    shell.run("prune", "--older-than", "0m", "--yes", "--target", "gone")
    assert shell.status(TCC_TARGET="gone")["counts"]["records"] == 0
    SegmentFile().run("r2").seal().write(shell.spool)
    shell.run("replay")
    with shell.daemon():
        shell.run("prune", "--older-than", "0m", "--yes", code=73)


def test_a_stick_that_is_lost_is_forgotten_and_is_delivered_if_it_comes_back(
    shell: Shell, server: FaultServer, tmp_path: Path
) -> None:
    """``verify`` counts its pending records as damage until then; what was delivered from it stays known."""
    stick, drawer = tmp_path / "stick", tmp_path / "drawer"
    server.behaviour = lambda request: Reply(503 if "late" in request.ids else 200)
    SegmentFile().run("sent").run("late").seal().write(stick)
    shell.run("replay", stick, "--timeout", "0", code=75)
    found = shell.run("status", code=65)
    assert f"{stick}/" in found, "it is not gone yet, and nobody is told to forget it"
    assert f"do: tcc-upload replay {stick}, or name that spool here" in found
    stick.rename(drawer)
    shell.run("verify", code=65)
    assert f"tcc-upload forget {stick}" in shell.run("status", code=65)
    shell.run("forget", stick, "--yes")
    shell.run("verify")
    assert shell.status()["not_in_sight"] == 0
    drawer.rename(stick)
    server.behaviour = lambda _: Reply()
    shell.run("replay", stick)
    assert server.ids.count(["sent"]) == 1
    assert server.ids[-1] == ["late"]
    shell.run("verify", stick)


@pytest.mark.parametrize("command", ["forget", "prune"])
def test_nothing_is_taken_out_before_somebody_says_yes(shell: Shell, server: FaultServer, command: str) -> None:
    """Where nobody can be asked, that is a no."""
    file = SegmentFile().run("r1").seal().write(shell.spool)
    shell.run("replay")
    age(shell)
    file.unlink()
    before = shell.status()["counts"]
    shell.run(command, *([file] if command == "forget" else ["--older-than", "1d"]), code=1)
    assert shell.status()["counts"] == before
    shell.run(command, *([file] if command == "forget" else ["--older-than", "1d"]), "--yes")


def test_a_ledger_whose_damage_is_met_in_the_midst_of_a_replay_is_set_aside(shell: Shell, server: FaultServer) -> None:
    """The command says so, and the next one begins with a new ledger: what lies in the spool is sent again."""
    segment = SegmentFile()
    for number in range(3000):
        segment.run(f"r{number}")
    segment.seal().write(shell.spool)
    shell.run("replay")
    ledger = shell.state / "ledger.sqlite3"
    data = bytearray(ledger.read_bytes())
    data[-65_536:] = b"\xff" * 65_536  # what is read at the start is whole
    ledger.write_bytes(data)
    SegmentFile().run("new").seal().write(shell.spool)
    shell.run("replay", code=75)
    assert "is in quarantine now: run it again" in shell.printed
    shell.run("replay")
    assert len(server.ids) == 6001
    assert ["new"] in server.ids


def test_what_is_still_here_is_not_forgotten(shell: Shell, server: FaultServer) -> None:
    """Nor what the ledger does not know: 66 for both."""
    file = SegmentFile().run("r1").write(shell.spool)
    shell.run("replay")
    assert "still here" in shell.run("forget", file, "--yes", code=66)
    shell.run("forget", shell.spool / "unknown.jsonl", "--yes", code=66)
    os.remove(file)  # noqa: PTH107 -- as anybody would
    shell.run("forget", file, "--yes")


def test_a_file_that_another_target_waits_for_stays(shell: Shell, server: FaultServer) -> None:
    """What the sandbox has taken long ago may be pending for production: pruning one takes nothing from the other."""
    path = SegmentFile().run("r1").seal().write(shell.spool)
    shell.run("replay")
    server.behaviour = always(Reply(503))
    shell.run("replay", "--timeout", "0", TCC_TARGET="production", code=75)
    age(shell)
    shell.run("prune", "--older-than", "1d", "--yes")
    assert path.exists()
    server.behaviour = ok
    shell.run("replay", TCC_TARGET="production")
    shell.run("prune", "--older-than", "1d", "--yes")
    assert not path.exists()
    shell.run("verify", **NOTHING_NAMED)
