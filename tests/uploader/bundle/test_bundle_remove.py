"""``bundle --remove``: what leaves the spool lies in a bundle that is complete, whatever happens on the way."""

import fcntl
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from support import children
from support.faults import FaultServer, Reply, SegmentFile, always
from support.shell import COMMAND, Shell
from support.worlds import wait_until
from tcc_schemas.lines import Line, LineReader
from tcc_uploader.bundle import build, pack
from tcc_uploader.bundle.output import FileOutput
from tcc_uploader.bundle.remove import remove_bundled
from tcc_uploader.bundle.snapshot import Snapshots
from tcc_uploader.model.selection import Selection
from tcc_uploader.sources.walk import Member, walk_archive

EVERYTHING = Selection()


def runs_in(data: bytes) -> set[str]:
    """Return the ids of the records of a segment."""
    return {line.id for line in LineReader().read(data) if isinstance(line, Line) and line.is_record}


def runs_in_bundle(path: Path) -> set[str]:
    """Return the ids of the records of a bundle that must be whole."""
    found: set[str] = set()
    with path.open("rb") as file:
        for member in walk_archive(path.name, file):
            assert isinstance(member, Member)
            data = b""
            while part := member.stream.read(1 << 20):
                data += part
            found |= runs_in(data)
    return found


def runs_in_spool(spool: Path) -> set[str]:
    """Return the ids of the records that lie in a spool."""
    return {run for path in spool.glob("*.jsonl") for run in runs_in(path.read_bytes())}


def test_what_can_t_grow_any_more_is_removed(shell: Shell, tmp_path: Path) -> None:
    """Sealed segments go, and those whose writer's lock is free; a held, damaged, foreign or plain one stays."""
    SegmentFile().run("sealed").seal().write(shell.spool, "a.jsonl")
    SegmentFile().run("dead writer").write(shell.spool, "b.jsonl")
    live = SegmentFile().run("live writer").write(shell.spool, "c.jsonl")
    SegmentFile().run("damaged").raw(b"x\n").seal().write(shell.spool, "d.jsonl")
    SegmentFile(host="elsewhere", boot_id="another").run("foreign").write(shell.spool, "e.jsonl")
    (shell.spool / "f.jsonl").write_bytes(b'{"runId":"r1","score":"thumbs_up"}\n')
    open_run = {"type": "run", "run_id": "open", "start_time": "2026-01-31T12:00:00Z"}
    SegmentFile().record("journal", "open", open_run, path=None).write(shell.spool, "g.jsonl")
    bundle = tmp_path / "runs.zip"
    with live.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        shell.run("bundle", "-o", bundle, "--remove", code=65)
    assert sorted(path.name for path in shell.spool.iterdir()) == [f"{name}.jsonl" for name in "cdef"]
    assert {"sealed", "dead writer", "live writer", "damaged", "foreign"} <= runs_in_bundle(bundle)
    assert "removed 3 of 7 segments" in shell.printed
    for name, why in {"c": "writer may", "d": "damaged", "e": "writer may", "f": "no segment"}.items():
        assert any(f"{name}.jsonl stays: " in line and why in line for line in shell.printed.splitlines()), name


def test_what_grew_since_it_was_bundled_stays(tmp_path: Path) -> None:
    """A record that came after the bundle is not taken away with it."""
    path = SegmentFile().run("r1").write(tmp_path / "spool")
    bundle = tmp_path / "x.zip"
    with Snapshots([tmp_path / "spool"]) as snapshots, bundle.open("wb") as file:
        plan = build.plan(snapshots, EVERYTHING)
        build.write(plan, ".zip", file.fileno())
    with path.open("ab") as growing:
        growing.write(SegmentFile().run("later").lines[1])
    assert remove_bundled([(plan.members[0], "x.zip/1")], None) == {path: "it has grown since"}
    assert runs_in_spool(tmp_path / "spool") == {"r1", "later"}


def test_what_can_t_be_looked_at_or_removed_is_told_and_what_is_gone_already_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon may have delivered a file meanwhile; what stays for another reason is named with it."""
    spool = tmp_path / "spool"
    gone, folder, kept, taken = (
        SegmentFile().run(name).seal().write(spool, f"{name}.jsonl") for name in ("gone", "folder", "kept", "taken")
    )
    with Snapshots([spool]) as snapshots, (tmp_path / "x.zip").open("wb") as file:
        plan = build.plan(snapshots, EVERYTHING)
        build.write(plan, ".zip", file.fileno())
    gone.unlink()
    folder.unlink()
    folder.mkdir()
    unlink = Path.unlink

    def refuse(path: Path, **options: bool) -> None:
        if path == kept:
            raise PermissionError(13, "denied", str(path))
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", refuse)
    staying = remove_bundled([(member, "x.zip/1") for member in plan.members], None)
    assert set(staying) == {folder, kept}
    assert staying[kept] == "denied"
    assert not taken.exists()


def test_a_bundle_that_can_t_be_read_back_removes_nothing(tmp_path: Path) -> None:
    """Whatever byte the disk got wrong, the spool stays as it is."""
    SegmentFile().run("r1").seal().write(tmp_path / "spool")
    with Snapshots([tmp_path / "spool"]) as snapshots:
        plan = build.plan(snapshots, EVERYTHING)
        for ending in pack.ENDINGS:
            bundle = tmp_path / f"x{ending}"
            with bundle.open("wb") as file:
                build.write(plan, ending, file.fileno())
            build.read_back(FileOutput(bundle), plan.manifest)
            good = bundle.read_bytes()
            for bad in (good[: len(good) // 2], good[:-100] + bytes(100), b""):
                bundle.write_bytes(bad)
                with pytest.raises(build.BundleError, match="nothing was removed"):
                    build.read_back(FileOutput(bundle), plan.manifest)
    other = tmp_path / "other.zip"
    with Snapshots([tmp_path / "nowhere"]) as snapshots, other.open("wb") as file:
        build.write(build.plan(snapshots, EVERYTHING), ".zip", file.fileno())
    with pytest.raises(build.BundleError, match="does not hold"):
        build.read_back(FileOutput(other), plan.manifest)


def test_a_watching_daemon_keeps_its_spool(shell: Shell, tmp_path: Path) -> None:
    """While a daemon delivers, nothing is removed beside it: 73, and no bundle.  Without --remove a bundle is made."""
    SegmentFile().run("r1").write(shell.spool)
    with shell.daemon("--after", "keep"):
        shell.run("bundle", "-o", tmp_path / "x.zip", "--remove", code=73)
        assert not (tmp_path / "x.zip").exists()
        shell.run("bundle", "-o", tmp_path / "x.zip")
    assert "another uploader watches" in shell.printed


def test_the_ledger_knows_where_a_segment_lies_now(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """After a delivery that failed and a bundle, ``verify`` names the bundle; its replay completes the account."""
    SegmentFile().run("r1").seal().write(shell.spool, "a.jsonl")
    server.behaviour = always(Reply(503))
    shell.run("replay", "--timeout", "0.1", code=75)
    bundle = tmp_path / "runs.tar.gz"
    shell.run("bundle", "-o", bundle, "--remove")
    assert not list(shell.spool.iterdir())
    report = shell.json("verify", code=65)
    assert [check["path"] for check in report["segments"]] == [f"{bundle}/a.jsonl"]  # type: ignore[attr-defined]
    server.behaviour = always(Reply())
    shell.run("replay", bundle)
    shell.run("verify")


def test_without_a_ledger_none_is_made(shell: Shell, tmp_path: Path) -> None:
    """A machine that only records gets no state from a bundle."""
    SegmentFile().run("r1").seal().write(shell.spool)
    shell.run("bundle", "-o", tmp_path / "x.zip", "--remove")
    assert not list(shell.spool.iterdir())
    assert not shell.state.exists()


def test_killed_anywhere_nothing_is_lost(shell: Shell, tmp_path: Path) -> None:
    """After SIGKILL at any moment each record lies in the spool, or in a bundle that is complete."""
    spool = shell.spool
    everything = set()
    for number in range(300):
        SegmentFile().run(f"r{number}", response="x" * 2000).seal().write(spool)
        everything.add(f"r{number}")
    killed_after_the_name = 0
    dice = random.Random(5)  # noqa: S311 -- any moments do
    for attempt in range(12):
        bundle = tmp_path / f"{attempt}.tar.gz"
        segments = len(list(spool.iterdir()))
        reached = {
            "begun": lambda: list(tmp_path.glob(".*.tmp")),
            "named": bundle.exists,
            "removing": lambda segments=segments: len(list(spool.iterdir())) < segments,
        }
        kill_bundle(shell, bundle, reached[dice.choice(list(reached))])
        killed_after_the_name += bundle.exists()
        lying = runs_in_spool(spool)
        for path in tmp_path.glob("*.tar.gz"):
            lying |= runs_in_bundle(path)
        assert lying == everything
        for left in tmp_path.glob(".*.tmp"):
            left.unlink()
    assert killed_after_the_name


def kill_bundle(shell: Shell, bundle: Path, reached: Callable[[], object]) -> None:
    """Bundle with ``--remove``, and kill the command when ``reached()``, if it has not ended before."""
    process = children.start([COMMAND, "bundle", "-o", bundle, "--remove"], env=shell.environment)
    wait_until(lambda: reached() or process.poll() is not None, "the command")
    process.kill()
    process.wait()
