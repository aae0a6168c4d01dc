"""Segments that were carried: archives, compressed files and streams are replayed as spools are."""

import gzip
import hashlib
import io
import json
import lzma
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from support.faults import FaultServer, Reply, SegmentFile, always, run_item
from support.rigging import Rig
from support.shell import COMMAND, Shell
from tcc_uploader.delivery.line_cache import LineCache
from tcc_uploader.sources.carried import ArchiveSource
from tcc_uploader.sources.manifest import Manifest, ManifestEntry

AT = "2026-01-31T12:00:00.123Z"
Files = dict[str, bytes]


def tar_of(files: Files | list[tuple[str, bytes]]) -> bytes:
    """Return a tar archive."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, data in files.items() if isinstance(files, dict) else files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return raw.getvalue()


def zip_of(files: Files) -> bytes:
    """Return a zip archive."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return raw.getvalue()


def bundle_of(segments: Files) -> bytes:
    """Return a bundle: a tar whose manifest tells of these segments with two records each."""
    entries = [
        ManifestEntry(
            name=name,
            id="ignored",
            records=2,
            bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            sealed=True,
            torn=0,
        )
        for name, data in segments.items()
    ]
    manifest = Manifest(made_at=AT, made_by="tcc-offline 0", records=2 * len(entries), segments=entries)
    return tar_of({"manifest.json": manifest.model_dump_json().encode(), **segments})


def segment(*runs: str) -> bytes:
    """Return a sealed segment with these runs."""
    file = SegmentFile()
    for run in runs:
        file.run(run)
    return file.seal().data


WRAPPED: dict[str, Callable[[bytes], bytes]] = {
    "a.jsonl.gz": gzip.compress,
    "a.jsonl.zst": zstd.compress,
    "a.tar": lambda data: tar_of({"spool/a.jsonl": data}),
    "a.tar.gz": lambda data: gzip.compress(tar_of({"a.jsonl": data})),
    "a.tar.zst": lambda data: zstd.compress(tar_of({"a.jsonl": data})),
    "a.zip": lambda data: zip_of({"a.jsonl": data, "coverage.xml": b"<x/>"}),
    "artifact.zip": lambda data: zip_of({"runs.tar.zst": zstd.compress(tar_of({"a.jsonl": data}))}),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_whatever_a_segment_is_wrapped_in_its_records_arrive_once(shell: Shell, server: FaultServer, name: str) -> None:
    """Replayed twice, verified and looked at: each record was sent once, and the source is as it was."""
    path = shell.spool.parent / name
    path.write_bytes(WRAPPED[name](segment("r1", "r2")))
    before = path.read_bytes()
    assert shell.json("replay", path, "--dry-run")["pending"] == 2
    assert shell.json("replay", path)["delivered_now"] == 2
    again = shell.json("replay", path)
    assert (again["delivered"], again["delivered_now"]) == (2, 0)
    assert "2 records = 2 delivered" in shell.run("verify", path)
    assert sorted(ident for ids in server.ids for ident in ids) == ["r1", "r2"]
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["a.tar.zst", "a.jsonl.gz", "artifact.zip", "plain"])
def test_standard_input_takes_what_a_file_may_hold(shell: Shell, server: FaultServer, name: str) -> None:
    """``replay -`` through a real pipe delivers every record."""
    data = WRAPPED.get(name, bytes)(segment("r1", "r2"))
    command = [COMMAND, "replay", "-", "--json"]
    done = subprocess.run(command, input=data, env=shell.environment, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(ident for ids in server.ids for ident in ids) == ["r1", "r2"]


def test_a_folder_stands_for_all_that_lies_in_it(shell: Shell, server: FaultServer) -> None:
    """Artifacts as a CI's download leaves them: a folder each, with spools, archives and whatever else."""
    folder = shell.spool.parent / "artifacts"
    (folder / "job 1" / "spool").mkdir(parents=True)
    (folder / "job 1" / "spool" / "a.jsonl").write_bytes(segment("r1"))
    (folder / "job 2").mkdir()
    (folder / "job 2" / "runs.tar.zst").write_bytes(WRAPPED["a.tar.zst"](segment("r2")))
    (folder / "job 2" / "report.html").write_text("<html>")
    (folder / "top.jsonl").write_bytes(segment("r3"))
    (folder / "link").symlink_to("/etc")
    assert shell.json("replay", folder)["delivered_now"] == 3
    assert sorted(ident for ids in server.ids for ident in ids) == ["r1", "r2", "r3"]


def test_plain_lines_in_a_stream_keep_their_identity(shell: Shell, server: FaultServer) -> None:
    """A file of wire items, compressed and replayed twice: delivered before, no duplicates, and one letter."""
    path = shell.spool.parent / "items.jsonl.gz"
    item = b'{"type":"run","run_id":"r1","start_time":"%b","end_time":"%b","status_code":0}' % (
        AT.encode(),
        AT.encode(),
    )
    path.write_bytes(gzip.compress(item + b'\n{"no":"item"}\n'))
    for _ in range(2):
        told = shell.json("replay", path, code=65)
        assert (told["delivered"], told["duplicate"], told["dead"]) == (1, 0, 1)
    assert server.ids == [["r1"]]


def test_a_bundle_cut_short_says_how_many_records_are_missing(shell: Shell, server: FaultServer) -> None:
    """What is there is delivered; the manifest tells what is not; the exit code is 65, of verify too."""
    segments = {"a.jsonl": segment("r1", "r2"), "b.jsonl": segment("r3", "r4"), "c.jsonl": segment("r5", "r6")}
    whole = bundle_of(segments)
    path = shell.spool.parent / "runs.tar"
    path.write_bytes(whole[: whole.index(b'"r4"')])
    told = shell.run("replay", path, code=65)
    assert "3 delivered" in told
    assert sorted(ident for ids in server.ids for ident in ids) == ["r1", "r2", "r3"]
    assert "b.jsonl: 1 of 2 records missing" in shell.printed
    assert "1 segment with 2 records missing" in shell.printed
    assert "1 segment with 2 records missing" in shell.run("verify", path, code=65)


def test_a_segment_cut_short_in_an_archive_is_known_by_its_seal(shell: Shell, server: FaultServer) -> None:
    """Without a manifest the seal is the witness: a line taken out shows."""
    lines = segment("r1", "r2", "r3").splitlines(keepends=True)
    path = shell.spool.parent / "runs.tar.gz"
    path.write_bytes(gzip.compress(tar_of({"a.jsonl": b"".join(lines[:2] + lines[3:])})))
    assert "2 delivered" in shell.run("replay", path, code=65)
    assert "the seal counts 3 records, 2 are here" in shell.run("verify", path, code=70)


@pytest.mark.parametrize(("truth", "lie"), [(b'"format":1', b'"format":9'), (b'"segments":', b'"segmints":')])
def test_a_manifest_that_makes_no_sense_costs_no_record(
    shell: Shell, server: FaultServer, truth: bytes, lie: bytes
) -> None:
    """A manifest of another format, or without its segments, is named; every record arrives."""
    path = shell.spool.parent / "runs.tar"
    path.write_bytes(bundle_of({"a.jsonl": segment("r1", "r2")}).replace(truth, lie))
    assert "2 delivered" in shell.run("replay", path, code=65)
    assert "manifest.json: the manifest is damaged, or of another tool" in shell.printed


def test_a_manifest_that_lies_about_the_bytes_is_found_out(shell: Shell, server: FaultServer) -> None:
    """Other bytes than those that were hashed are delivered if they verify, and told of."""
    path = shell.spool.parent / "runs.tar"
    data = bundle_of({"a.jsonl": segment("r1", "r2")})
    digest = data.index(b'"sha256":"') + 10
    path.write_bytes(data[:digest] + b"0" * 64 + data[digest + 64 :])
    assert "2 delivered" in shell.run("replay", path, code=65)
    assert "its bytes are not those that the manifest tells of" in shell.printed


def test_two_members_of_one_name_are_two_segments(rig: Rig, server: FaultServer, tmp_path: Path) -> None:
    """Nothing of the first is lost when a second one of its name comes."""
    path = tmp_path / "runs.tar"
    path.write_bytes(tar_of([("a.jsonl", segment("r1")), ("a.jsonl", segment("r2"))]))
    outcome = rig.once(archives=[ArchiveSource(path)])
    assert sorted(ident for ids in server.ids for ident in ids) == ["r1", "r2"]
    assert (outcome.counts.records, outcome.damage) == (2, 0)


def test_a_run_without_an_end_is_recovered_from_a_stream(rig: Rig, server: FaultServer, tmp_path: Path) -> None:
    """Its journal is kept while the stream goes by, and becomes its record when its writer is said to be dead."""
    file = SegmentFile().run("r1")
    item = {"type": "run", "run_id": "open", "start_time": AT, "prompt": {"user_prompt": "p"}}
    for run_id in ("r1", "open"):
        file.record("journal", run_id, item | {"run_id": run_id}, path=None)
    path = tmp_path / "runs.tar.gz"
    path.write_bytes(gzip.compress(tar_of({"a.jsonl": file.data})))
    assert rig.once(archives=[ArchiveSource(path)]).counts.records == 1
    assert rig.once(archives=[ArchiveSource(path)], is_gone=lambda _: True).counts.recovered == 1
    assert [ids for ids in server.ids if "open" in ids] == [["open"]]


def test_what_waits_for_an_operator_does_not_stop_a_stream(
    rig: Rig, server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With little memory, and a key that is not held under most records: all others arrive, these stay pending."""
    monkeypatch.setattr("tcc_uploader.delivery.line_cache._PINNED_BYTES", 20_000)
    strange = {f"{n}.jsonl": SegmentFile().run(key_hint="00000000").seal().data for n in range(100)}
    path = tmp_path / "runs.tar"
    path.write_bytes(tar_of({**strange, "good.jsonl": segment(*(f"r{n}" for n in range(50)))}))
    outcome = rig.once(archives=[ArchiveSource(path)])
    assert (outcome.counts.delivered, outcome.counts.pending) == (50, 100)


def test_a_server_that_is_away_stops_a_stream_and_not_the_memory(
    rig: Rig, server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream is read no further than what may be held; when it ends in vain, the exit says that more is pending."""
    monkeypatch.setattr("tcc_uploader.delivery.line_cache._PINNED_BYTES", 20_000)
    most = 0
    pin = LineCache.pin

    def watched(self: LineCache, *arguments: object) -> None:
        nonlocal most
        pin(self, *arguments)  # type: ignore[arg-type]
        most = max(most, self._pinned_bytes)

    monkeypatch.setattr(LineCache, "pin", watched)
    server.behaviour = always(Reply(503))
    path = tmp_path / "runs.tar"
    path.write_bytes(tar_of({f"{n}.jsonl": segment(*(f"r{n}-{m}" for m in range(10))) for n in range(100)}))
    outcome = rig.once(archives=[ArchiveSource(path)])
    assert outcome.timed_out
    assert outcome.unread
    assert 20_000 <= most < 100_000


def test_the_readers_take_what_is_no_archive_for_what_it_is(shell: Shell) -> None:
    """A file named as an archive that is none is told of, and nothing is sent."""
    path = shell.spool.parent / "runs.tar.zst"
    path.write_bytes(b"this is no archive at all\n")
    assert "no JSON in any of its lines" in shell.run("replay", path, code=65) + shell.printed


def test_a_foreign_file_becomes_a_few_letters_at_most(shell: Shell) -> None:
    """Thousands of lines that are no records are counted as damage; the records among them arrive."""
    path = shell.spool.parent / "items.jsonl.gz"
    item = json.dumps(run_item("r1")).encode()
    path.write_bytes(gzip.compress(item + b"\n" + b"{}\n" * 3000))
    told = shell.json("replay", path, code=65)
    assert (told["delivered"], told["dead"], told["damage"]) == (1, 20, 2980)
    assert "20 dead" in shell.run("replay", path, code=65)
    assert "21 records = 1 delivered + 0 pending + 20 dead" in shell.run("verify", path, code=65)


def test_a_file_of_something_else_in_an_artifact_is_passed_over(shell: Shell) -> None:
    """An artifact may hold other tools' JSON lines: they are no trouble of ours."""
    path = shell.spool.parent / "artifact.zip"
    other = b'{"score": 1}\n' * 500
    path.write_bytes(zip_of({"evals.jsonl": other, "random.jsonl": b"\0\1" * 500, "a.jsonl": segment("r1")}))
    told = shell.json("replay", path)
    assert (told["delivered"], told["dead"], told["damage"]) == (1, 0, 0)


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("empty.tar.zst", b"", "it is empty"),
        ("runs.gpg", bytes(range(256)) * 40 + b"\n{\n", "an encrypted bundle?"),
        ("runs.tar.xz", lzma.compress(tar_of({"a.jsonl": b"{}"})), "it is compressed with xz: unpack it first"),
        ("endless.jsonl.gz", gzip.compress(bytes(70_000_000).replace(b"\0", b"x"), 1), "no line ends"),
    ],
)
def test_what_can_be_no_carrier_is_told_of(shell: Shell, name: str, data: bytes, told: str) -> None:
    """An empty copy, an encrypted bundle, a file without a line's end: none passes for delivered."""
    path = shell.spool.parent / name
    path.write_bytes(data)
    shell.run("replay", path, code=77 if name.endswith("gpg") else 65)
    assert told in shell.printed


def test_a_copy_that_was_cut_is_damage_and_breaks_no_count(shell: Shell) -> None:
    """After the whole was replayed, ``verify`` of a shorter copy says what is wrong with the copy."""
    whole, cut = shell.spool.parent / "runs.tar", shell.spool.parent / "cut.tar"
    data = bundle_of({"a.jsonl": segment("r1", "r2")})
    whole.write_bytes(data)
    cut.write_bytes(data[: data.index(b'"r2"')])
    shell.run("replay", whole)
    assert "cut short" in shell.run("verify", cut, code=65)


def test_runs_without_an_end_that_wait_in_an_archive_are_told_of(shell: Shell) -> None:
    """Whether their processes live is not known elsewhere: the operator is told how to say that they don't."""
    file = SegmentFile().run("r1")
    item = {"type": "run", "run_id": "open", "start_time": AT, "prompt": {"user_prompt": "p"}}
    file.record("journal", "open", item, path=None)
    path = shell.spool.parent / "runs.tar.gz"
    path.write_bytes(gzip.compress(tar_of({"a.jsonl": file.data})))
    shell.run("replay", path)
    assert "1 journaled run without an end" in shell.printed
    assert shell.json("replay", path)["unended"] == 1
    assert shell.json("replay", path, "--assume-dead")["unended"] == 0
