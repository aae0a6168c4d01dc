"""``tcc-upload bundle``: what is in a bundle, how it is chosen, and what happens when it can't be made."""

import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from backports import zstd

from support import children
from support.faults import AT, FaultServer, SegmentFile
from support.shell import COMMAND, Shell
from support.worlds import wait_until
from tcc_schemas.lines import Line, LineReader
from tcc_uploader.bundle import build
from tcc_uploader.bundle.snapshot import Snapshots
from tcc_uploader.model.selection import Selection
from tcc_uploader.sources.manifest import Manifest

EVERYTHING = Selection()
ENDINGS = [".tar.zst", ".tar.gz", ".tgz", ".zip"]


def unpacked(bundle: Path) -> dict[str, bytes]:
    """Return the members of a bundle in their order, as other tools see them."""
    data = bundle.read_bytes()
    if bundle.suffix == ".zip":
        with zipfile.ZipFile(bundle) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    if bundle.suffix == ".zst":
        data = zstd.decompress(data)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def contents(bundle: Path) -> tuple[Manifest, dict[str, bytes]]:
    """Return a bundle's manifest, which is its first member, and its segments."""
    members = unpacked(bundle)
    name, first = next(iter(members.items()))
    assert name == "manifest.json"
    del members[name]
    return Manifest.parse(first), members


def record_ids(segments: dict[str, bytes]) -> list[str]:
    """Return the ids of all records."""
    lines = (line for data in segments.values() for line in LineReader().read(data))
    return [line.id for line in lines if isinstance(line, Line) and line.is_record]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_bundle_holds_every_byte_and_replays(ending: str, shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """Every kind of bundle opens with ordinary tools, holds the segments as they are, and delivers them."""
    paths = [SegmentFile().run("r1").run("r2").seal().write(shell.spool), SegmentFile().run("r3").write(shell.spool)]
    bundle = tmp_path / f"runs{ending}"
    shell.run("bundle", "-o", bundle)
    manifest, members = contents(bundle)
    assert members == {path.name: path.read_bytes() for path in paths}
    assert [(entry.records, entry.sealed) for entry in sorted(manifest.segments, key=lambda it: it.sealed)] == [
        (1, False),
        (2, True),
    ]
    assert manifest.records == 3
    assert "2 segments, 3 records, " in shell.printed
    assert bundle.stat().st_mode & 0o777 == 0o600
    shell.run("replay", bundle)
    assert sorted(ids[0] for ids in server.ids) == ["r1", "r2", "r3"]
    assert not list(tmp_path.glob(".*tmp"))


def test_standard_output_gets_the_same_bundle(shell: Shell, tmp_path: Path) -> None:
    """``-o -`` writes to a pipe what would stand in the file, and says the rest to standard error."""
    SegmentFile().run("r1").write(shell.spool)
    done = subprocess.run([COMMAND, "bundle", "-o", "-"], env=shell.environment, capture_output=True, check=True)
    bundle = tmp_path / "x.tar.zst"
    bundle.write_bytes(done.stdout)
    assert record_ids(contents(bundle)[1]) == ["r1"]
    assert done.stderr.startswith(b"-: 1 segment, 1 record, ")


def test_the_same_segments_make_the_same_members(shell: Shell, tmp_path: Path) -> None:
    """Nothing of the machine is in a bundle's members: no times, no users."""
    SegmentFile().run("r1").write(shell.spool)
    for name in ("a.tar.gz", "b.tar.gz"):
        shell.run("bundle", "-o", tmp_path / name)
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        assert {(member.mtime, member.uid, member.gid, member.uname) for member in archive} == {(0, 0, 0, "")}


def test_torn_corrupt_and_plain_bytes_are_carried_as_they_are(shell: Shell, tmp_path: Path) -> None:
    """A torn tail is told and left out; a corrupt line is carried, and tells by 65; plain files come along whole."""
    torn = SegmentFile().run("r1")
    torn.write(shell.spool, "a.jsonl").write_bytes(torn.data + b'{"v":1,"crc"')
    SegmentFile().run("r2").raw(b'{"v":1,"crc":"00000000","n":2}\n').run("r3").write(shell.spool, "b.jsonl")
    plain = b'{"runId":"r1","score":"thumbs_up"}'
    (shell.spool / "c.jsonl").write_bytes(plain)
    (shell.spool / "._d \x01.jsonl").write_bytes(plain)
    (shell.spool / "e.jsonl").write_bytes(b"")
    bundle = tmp_path / "runs.zip"
    shell.run("bundle", "-o", bundle, code=65)
    manifest, members = contents(bundle)
    assert members["a.jsonl"] == torn.data
    told = {entry.name: (entry.records, entry.torn, entry.bytes) for entry in manifest.segments}
    assert told["a.jsonl"] == (1, 12, len(torn.data))
    assert told["b.jsonl"][0] == 2
    assert told["c.jsonl"] == (1, 0, len(plain))
    assert members["_._d__.jsonl"] == plain
    assert len(members) == 4
    assert "1 damaged line carried unchanged" in shell.printed


def test_several_spools_with_the_same_names_fit_into_one_bundle(shell: Shell, tmp_path: Path) -> None:
    """No segment takes another's place."""
    for number in range(3):
        SegmentFile().run(f"r{number}").write(tmp_path / f"spool{number}", "a.jsonl")
    bundle = tmp_path / "runs.tgz"
    shell.run("bundle", *(tmp_path / f"spool{number}" for number in range(3)), "-o", bundle)
    manifest, members = contents(bundle)
    assert sorted(record_ids(members)) == ["r0", "r1", "r2"]
    assert [entry.name for entry in manifest.segments] == list(members)


def test_an_existing_file_is_never_replaced(shell: Shell, tmp_path: Path) -> None:
    """It may be all that is left of what it holds."""
    bundle = tmp_path / "runs.zip"
    bundle.write_bytes(b"precious")
    shell.run("bundle", "-o", bundle, code=2)
    assert bundle.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["-o", "runs.rar"], ".tar.zst, .tar.gz, .tgz, .zip"),
        (["-o", "x.zip", "--since", "soon"], "2h, 7d"),
        (["-o", "x.zip", "--status", "fine"], "success"),
        (["-o", "x.zip", "--remove", "--session", "s"], "--remove needs"),
        (["-o", "-", "--remove"], "--remove needs"),
    ],
)
def test_misuse_is_told(arguments: list[str], advice: str, shell: Shell) -> None:
    """A command that can't be meant so ends with 2 and what to write instead."""
    shell.run("bundle", *arguments, code=2)
    assert advice in shell.printed
    assert not Path("x.zip").exists()


def test_a_selection_takes_whole_runs(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """With a run comes everything that belongs to it, wherever it lies; the lines are the original ones."""
    first = SegmentFile().run("r1", session_id="s1").run("r2", session_id="s2", status_code=2).seal()
    first.write(shell.spool, "a.jsonl")
    second = SegmentFile().step("r1", "late").feedback("r2").tool_call("r2", "t").feedback("r1")
    second.write(shell.spool, "b.jsonl")
    SegmentFile().run("r3", session_id="s3").write(shell.spool, "c.jsonl")
    (shell.spool / "d.jsonl").write_bytes(b'{"runId":"r9","score":"thumbs_up"}\n{"runId":"r1","score":"thumbs_down"}')
    bundle = tmp_path / "s1.zip"
    shell.run("bundle", "-o", bundle, "--session", "s1")
    manifest, members = contents(bundle)
    kept = b"".join(members.values())
    for line in (first.lines[1], second.lines[1], second.lines[4], b'{"runId":"r1","score":"thumbs_down"}\n'):
        assert kept.count(line) == 1
    assert b"r2" not in kept
    assert b"r9" not in kept
    assert manifest.records == 4
    assert manifest.selection is not None
    assert manifest.selection.sessions == ["s1"]
    assert shell.json("verify", bundle)["archives"] == []
    shell.run("replay", bundle)
    assert len(server.requests) == 4
    shell.run("bundle", "-o", tmp_path / "bad.zip", "--status", "error", "--status", "partial")
    assert set(record_ids(contents(tmp_path / "bad.zip")[1])) >= {"r2", "t"}
    assert "r1" not in record_ids(contents(tmp_path / "bad.zip")[1])


def test_a_selection_has_an_identity_of_its_own(shell: Shell, server: FaultServer, tmp_path: Path) -> None:
    """The same choice makes the same segment; a ledger that knows it still takes the original, and sends the rest."""
    original = SegmentFile().run("r1").run("r2", session_id="s").run("r3").seal()
    original.write(shell.spool)
    for name in ("a.zip", "b.zip"):
        shell.run("bundle", "-o", tmp_path / name, "--session", "s")
    [a], [b] = (contents(tmp_path / name)[0].segments for name in ("a.zip", "b.zip"))
    assert a == b
    assert a.id != original.id
    assert a.sealed
    shell.run("replay", tmp_path / "a.zip")
    shell.run("replay")
    assert sorted(ids[0] for ids in server.ids) == ["r1", "r2", "r3"]
    shell.run("verify")


@pytest.mark.parametrize(
    ("since", "kept"),
    [("2026-01-30", True), ("2026-01-31T12:00:00.123Z", True), ("2026-01-31T12:00:00.124Z", False), ("2m", False)],
)
def test_since_keeps_what_is_not_older(since: str, *, kept: bool, shell: Shell, tmp_path: Path) -> None:
    """Runs are chosen by when they began, to the millisecond."""
    assert AT == "2026-01-31T12:00:00.123Z"
    SegmentFile().run("r1").write(shell.spool)
    bundle = tmp_path / "x.zip"
    shell.run("bundle", "-o", bundle, "--since", since, code=0 if kept else 66)
    assert bundle.exists() == kept
    assert not kept or record_ids(contents(bundle)[1]) == ["r1"]


def test_what_is_delivered_meanwhile_is_in_the_bundle(tmp_path: Path) -> None:
    """A daemon may take segments away, and writers may add to them, while they are bundled."""
    paths = [SegmentFile().run(f"r{number}").write(tmp_path / "spool") for number in range(5)]
    with Snapshots([tmp_path / "spool"]) as snapshots:
        plan = build.plan(snapshots, EVERYTHING)
        paths[0].unlink()
        with paths[1].open("ab") as file:
            file.write(SegmentFile().run("later").lines[1])
        with (tmp_path / "x.zip").open("wb") as file:
            build.write(plan, ".zip", file.fileno())
    assert sorted(record_ids(contents(tmp_path / "x.zip")[1])) == [f"r{number}" for number in range(5)]


def test_a_segment_that_changes_on_the_way_stops_the_bundle(tmp_path: Path) -> None:
    """What the manifest says of a segment holds, or there is no bundle."""
    path = SegmentFile().run("r1").write(tmp_path / "spool")
    with Snapshots([tmp_path / "spool"]) as snapshots:
        plan = build.plan(snapshots, EVERYTHING)
        with path.open("r+b") as file:
            file.write(b"[")
        with (tmp_path / "x.zip").open("wb") as file, pytest.raises(build.BundleError, match="run it again"):
            build.write(plan, ".zip", file.fileno())


def test_more_segments_than_descriptors(shell: Shell, tmp_path: Path) -> None:
    """The limit on open files limits no bundle."""
    for number in range(300):
        SegmentFile().run(f"r{number}").write(shell.spool)
    bundle = tmp_path / "x.tar.gz"
    command = f"ulimit -n 100; exec {COMMAND} bundle -o {bundle}"
    subprocess.run(["/bin/sh", "-c", command], env=shell.environment, check=True, capture_output=True)
    assert len(record_ids(contents(bundle)[1])) == 300


WRITER = """
import sys, time, tcc_recorder as tcc
number = 0
while True:
    with tcc.run(run_id=f"{sys.argv[1]}-{number}") as run:
        run.prompt("x" * 500)
    print(number, flush=True)
    number += 1
    time.sleep(0.003)  # or the disk is full before the test ends
"""


def test_live_writers_lose_nothing(shell: Shell, tmp_path: Path) -> None:
    """Each bundle holds every record whose ``end()`` had returned before the command began."""
    progress = [tmp_path / f"progress{number}" for number in range(2)]
    writers = []
    for number, file in enumerate(progress):
        with file.open("wb") as output:
            command = [sys.executable, "-c", WRITER, str(number)]
            writers.append(children.start(command, env=shell.environment, stdout=output))
    try:
        for attempt in range(4):
            for file in progress:
                before = file.read_bytes().count(b"\n")
                wait_until(lambda file=file, before=before: file.read_bytes().count(b"\n") > before, "another run")
            ended = [file.read_bytes().count(b"\n") for file in progress]
            bundle = tmp_path / f"{attempt}.tar.zst"
            shell.run("bundle", "-o", bundle)
            found = set(record_ids(contents(bundle)[1]))
            for number, count in enumerate(ended):
                assert {f"{number}-{run}" for run in range(count)} <= found
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()


def test_a_full_disk_leaves_no_bundle(shell: Shell, tmp_path: Path) -> None:
    """What can't be written ends with 75, and nothing half-made stands under the name."""
    SegmentFile().run("r1", response=os.urandom(200_000).hex()).write(shell.spool)
    bundle = tmp_path / "x.tar.gz"
    command = f"ulimit -f 100; exec {COMMAND} bundle -o {bundle}"
    done = subprocess.run(["/bin/sh", "-c", command], env=shell.environment, check=False, capture_output=True)
    assert done.returncode == 75, done.stderr
    assert not [path for path in tmp_path.iterdir() if "x.tar.gz" in path.name]


def test_the_manifest_is_read_with_care() -> None:
    """A manifest that is none is refused with a reason."""
    for data in (b"", b"[]", b'{"format":2}', json.dumps({"format": 1, "segments": [{}]}).encode()):
        with pytest.raises(ValueError, match="manifest"):
            Manifest.parse(data)
