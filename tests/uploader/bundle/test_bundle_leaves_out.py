"""What was delivered from here is not sent again from elsewhere."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from support import children
from support.faults import FaultServer, Reply, SegmentFile, always
from support.shell import Shell


def test_a_bundle_leaves_out_what_is_delivered_and_says_how_many(shell: Shell, server: FaultServer) -> None:
    """A kept segment is left out, a pending one and one that has grown are not; --all takes in everything."""
    SegmentFile("kept").run("r1").seal().write(shell.spool)
    grown = SegmentFile("grown").run("r2")
    path = grown.write(shell.spool)
    shell.run("replay")
    path.write_bytes(grown.run("r3").data)
    SegmentFile("new").run("r4").seal().write(shell.spool)
    shell.printed = ""
    shell.run("bundle", "-o", shell.spool.parent / "some.zip")
    assert "some.zip: 2 segments, 3 records" in shell.printed
    assert "1 delivered segment left out" in shell.printed
    shell.run("bundle", "-o", shell.spool.parent / "all.zip", "--all")
    assert "all.zip: 3 segments, 4 records" in shell.printed
    shell.run("bundle", "-o", shell.spool.parent / "failed.zip", "--status", "success")
    assert "failed.zip: 2 segments, 3 records" in shell.printed


def test_remove_takes_out_what_was_left_out_too(shell: Shell, server: FaultServer) -> None:
    """A cron job that carries a spool away leaves nothing behind; the ledger still adds up."""
    SegmentFile("kept").run("r1").seal().write(shell.spool)
    shell.run("replay")
    SegmentFile("new").run("r2").seal().write(shell.spool)
    shell.run("bundle", "-o", shell.spool.parent / "b.zip", "--remove")
    assert "removed 2 of 2 segments" in shell.printed
    assert not list(shell.spool.iterdir())
    shell.run("verify")


def test_an_open_segment_is_carried_away_once_at_each_size(shell: Shell) -> None:
    """A cron job beside a quiet agent: what an earlier bundle holds is left out until a record is added."""
    with open_segment(shell) as (agent, record):
        record("r1")
        assert bundled(shell, 1) == "1 segment, 1 record"
        assert bundled(shell, 2) == "no bundle"
        assert "1 open segment left out: nothing was added since an earlier bundle" in shell.printed
        assert bundled(shell, 3, "--all") == "1 segment, 1 record"
        record("r2")
        assert bundled(shell, 4) == "1 segment, 2 records"
        assert len(list(shell.spool.iterdir())) == 1
        agent.kill()
        agent.wait()
        assert bundled(shell, 5) == "no bundle"
        assert not list(shell.spool.iterdir())
    shell.run("verify", code=0)


def test_a_copy_of_an_open_segment_is_not_taken_for_carried_away(shell: Shell, server: FaultServer) -> None:
    """Without --remove each bundle holds everything: the first one may be lost, and nobody removed anything."""
    SegmentFile("s").run("r1").write(shell.spool)
    for name in ("a.zip", "b.zip"):
        shell.run("bundle", "-o", shell.spool.parent / name)
        assert f"{name}: 1 segment, 1 record" in shell.printed


def test_what_was_carried_away_and_is_pending_here_is_in_its_bundle(shell: Shell, server: FaultServer) -> None:
    """If the ledger knows the segment, it is not missing after its removal by a later bundle, but in the first one."""
    server.behaviour = always(Reply(503))
    with open_segment(shell) as (agent, record):
        record("r1")
        shell.run("replay", "--timeout", "0", code=75)
        bundled(shell, 1)
        agent.kill()
        agent.wait()
        bundled(shell, 2)
    assert not list(shell.spool.iterdir())
    shell.run("verify", code=65)
    assert "1.zip" in shell.printed
    assert "BROKEN" not in shell.printed


def bundled(shell: Shell, number: int, *options: str) -> str:
    """Carry the spool away in a bundle; return what it holds."""
    shell.printed = ""
    shell.run("bundle", "-o", shell.spool.parent / f"{number}.zip", "--remove", *options)
    if not (shell.spool.parent / f"{number}.zip").exists():
        return "no bundle"
    return ", ".join(shell.printed.partition(".zip: ")[2].split(", ")[:2])


AGENT = """
import sys, tcc_recorder
for line in sys.stdin:
    tcc_recorder.run(run_id=line.strip()).prompt("p").response("x").end()
    print(flush=True)
"""


@contextmanager
def open_segment(shell: Shell) -> Iterator[tuple[subprocess.Popen[str], Callable[[str], None]]]:
    """Run an agent in the block; yield it, and what makes it record a run."""
    agent = children.start(
        [sys.executable, "-c", AGENT], env=shell.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert agent.stdin is not None
    assert agent.stdout is not None

    def record(run_id: str) -> None:
        assert agent.stdin is not None
        assert agent.stdout is not None
        agent.stdin.write(f"{run_id}\n")
        agent.stdin.flush()
        agent.stdout.readline()

    try:
        yield agent, record
    finally:
        children.kill(agent)


def test_a_copy_elsewhere_with_other_bytes_is_bundled(shell: Shell, server: FaultServer) -> None:
    """A restored copy of a delivered segment, of the same id and size, may hold records that nobody has."""
    SegmentFile("s").run("r1").seal().write(shell.spool)
    shell.run("replay")
    elsewhere = shell.spool.parent / "restored"
    SegmentFile("s").run("r2").seal().write(elsewhere)
    shell.run("bundle", elsewhere, "-o", shell.spool.parent / "b.zip", "--remove")
    assert "b.zip: 1 segment, 1 record" in shell.printed


def test_a_replay_removes_only_if_told_and_only_what_is_finished(shell: Shell, server: FaultServer) -> None:
    """Delivered segments go, also those whose writer died; what is pending, damaged or foreign stays."""
    SegmentFile("sealed").run("r1").seal().write(shell.spool)
    SegmentFile("left by a killed agent").run("r2").write(shell.spool)
    damaged = SegmentFile("damaged").run("r3").raw(b"damage\n").write(shell.spool)
    elsewhere = SegmentFile("of another machine", host="elsewhere", boot_id="other").run("r4").write(shell.spool)
    shell.run("replay", code=65)
    assert len(list(shell.spool.iterdir())) == 4
    shell.run("replay", "--remove", code=65)
    assert set(shell.spool.iterdir()) == {damaged, elsewhere}
    pending = SegmentFile("pending").run("r5").seal().write(shell.spool)
    server.behaviour = always(Reply(503))
    shell.run("replay", "--remove", "--timeout", "0", code=75)
    assert pending.exists()
    assert "leave out" not in shell.printed
    shell.run("replay", "--remove", "--dry-run", code=2)
    assert "leave out" in shell.printed
    shell.run("verify", code=65)


def test_a_replay_does_not_remove_from_under_a_daemon(shell: Shell, server: FaultServer) -> None:
    """A daemon with another state watches the spool: the command says so and changes nothing."""
    shell.spool.mkdir()
    with shell.daemon(TCC_TARGET="other"):
        SegmentFile().run("r1").write(shell.spool)
        shell.run("replay", "--remove", code=73)


def test_a_run_whose_members_are_of_any_type_is_only_not_chosen(shell: Shell) -> None:
    """A status or session that is a list, or items that are none, end no command."""
    segment = SegmentFile().run("good", status_code=2).run("r1", status_code=[2], session_id=["s"])
    segment.record("run", "r2", {"type": "batch", "items": None}).record("run", "r3", [1]).seal().write(shell.spool)
    shell.run("bundle", "-o", shell.spool.parent / "some.zip", "--status", "error")
    assert "some.zip: 1 segment, 1 record" in shell.printed
    shell.run("bundle", "-o", shell.spool.parent / "other.zip", "--session", "s", code=66)


def texts_in(bundle: Path) -> bytes:
    """Return all that a bundle holds."""
    with zipfile.ZipFile(bundle) as archive:
        return b"".join(archive.read(name) for name in archive.namelist())


def test_what_was_dropped_goes_into_no_bundle(shell: Shell, server: FaultServer) -> None:
    """On a machine without a network a secret is dropped, and the rest carried away: it arrives without the secret."""
    SegmentFile("only").run("secret", response="hunter2").seal().write(shell.spool)
    SegmentFile("beside").run("r1").run("secret", response="hunter2").feedback("secret").run("r2").seal().write(
        shell.spool
    )
    shell.run("drop", "secret", "--yes")
    bundle = shell.spool.parent / "b.zip"
    shell.printed = ""
    shell.run("bundle", "-o", bundle, "--remove")
    assert "b.zip: 1 segment, 2 records" in shell.printed
    assert "3 lines of dropped runs left out" in shell.printed
    assert b"secret" not in texts_in(bundle)
    assert not list(shell.spool.iterdir())
    shell.run("verify")
    shell.run("replay", bundle, TCC_TARGET="elsewhere")
    assert server.ids == [["r1"], ["r2"]]
    SegmentFile("later").run("r3").run("secret", response="hunter2").seal().write(shell.spool)
    shell.run("bundle", "-o", shell.spool.parent / "all.zip", "--all")
    assert b"hunter2" in texts_in(shell.spool.parent / "all.zip")
    shell.run("bundle", "-o", shell.spool.parent / "some.zip", "--status", "success")
    assert b"hunter2" not in texts_in(shell.spool.parent / "some.zip")


def test_the_journal_of_a_dropped_run_goes_into_no_bundle_and_that_of_another_does(shell: Shell) -> None:
    """Else it would be recovered where the bundle is replayed."""
    segment = SegmentFile("s")
    for run_id in ("secret", "other"):
        segment.record("journal", run_id, {"type": "run", "run_id": run_id}, run_id=run_id, path=None)
    segment.run("r1").write(shell.spool)
    shell.run("drop", "secret", "--yes")
    bundle = shell.spool.parent / "b.zip"
    shell.run("bundle", "-o", bundle)
    assert b"secret" not in texts_in(bundle)
    assert b"other" in texts_in(bundle)
    found = json.loads(shell.run("replay", bundle, "--assume-dead", "--json", TCC_TARGET="elsewhere"))
    assert (found["records"], found["recovered"]) == (2, 1)
