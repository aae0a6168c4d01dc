"""What an archive costs does not grow faster than its bytes, and what is kept of it is bounded."""

import gzip
import io
import tarfile
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path

import orjson
import pytest

from support.archive_samples import header, tar, zipped
from support.faults import AT, FaultServer, SegmentFile, run_item
from support.rigging import Rig
from tcc_schemas.lines import encode
from tcc_uploader.model import shortlist
from tcc_uploader.sources import carried, manifest
from tcc_uploader.sources.carried import ArchiveSource
from tcc_uploader.sources.walk import MAX_PLACE, Refused, walk_archive, walk_in_steps

MEGABYTE = 1 << 20


def member(name: str, data: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return one member of a tar archive."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(data)
    return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


def packed(path: Path, parts: Iterable[bytes]) -> ArchiveSource:
    """Write a compressed file."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        for part in parts:
            file.write(part)
    return ArchiveSource(path)


def peak_of(read: Callable[[], object]) -> int:
    """Return how many bytes of memory a call takes at most."""
    tracemalloc.start()
    try:
        read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def drained(source: ArchiveSource) -> None:
    """Read every segment of a source to its end."""
    for segment in source.segments():
        assert segment.stream is not None
        while segment.stream.read(MEGABYTE):
            pass


def open_run(number: int) -> bytes:
    """Return a segment whose only run has not ended."""
    item = {"type": "run", "run_id": f"r{number}", "start_time": AT}
    return SegmentFile(f"s{number}").record("journal", f"r{number}", orjson.dumps(item), path=None).data


def test_headers_that_describe_no_member_pile_up_nowhere(tmp_path: Path) -> None:
    """Of 60 MB in pax headers only what we go by is kept."""

    def pax(number: int) -> bytes:
        record = b"%d=" % number + b"v" * 600_000
        return member("pax", b"%d %b\n" % (len(record) + 8, record), b"x")

    source = packed(tmp_path / "a.tar.gz", (pax(number) for number in range(10**6, 10**6 + 100)))
    assert peak_of(lambda: drained(source)) < 8 * MEGABYTE


def test_many_manifests_cost_no_more_than_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit any more is not compared, and that is said; what was read before is."""
    entry = {"id": "x", "records": 2, "bytes": 1, "sha256": "0" * 64, "sealed": True, "torn": 0}
    listing = {"format": 1, "made_at": AT, "made_by": "x", "records": 4}
    data = orjson.dumps(listing | {"segments": [entry | {"name": f"{number}.jsonl"} for number in range(2)]})
    monkeypatch.setattr(carried, "MAX_MANIFEST", 3 * len(data))
    source = packed(tmp_path / "a.tar.gz", [*(member(f"{n}/manifest.json", data) for n in range(9)), bytes(1024)])
    drained(source)
    assert len([text for text in source.problems if "what they list is not checked" in text]) == 6
    assert "6 segments with 12 records missing" in source.problems[-1]


def test_what_is_expected_of_a_manifest_takes_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listed segment that was not read yet takes less than 300 bytes, and is forgotten when it is read."""
    entry = manifest.ManifestEntry("name", "id", 3, 1, "0f" * 32, sealed=True, torn=0)
    expected = manifest.Expected()

    def fill() -> None:
        for number in range(20_000):
            expected.add(f"{number}/", entry)

    assert peak_of(fill) < 20_000 * 300
    assert (len(expected), expected.records) == (20_000, 60_000)
    assert expected.take("7/name") == ("id", "7/name", 3, bytes.fromhex("0f" * 32))
    assert expected.take("7/name") is None
    assert (len(expected), expected.records) == (19_999, 59_997)


def test_names_in_archives_in_archives_do_not_add_up() -> None:
    """A place is no longer than two names, at whatever depth, and what lies deeper is refused."""
    name = "/".join(["n" * 200] * 19)
    data = tar({f"{name}/a.jsonl": b"{}\n"})
    for _ in range(3):
        data = tar({f"{name}/a.tar": data})
    (found,) = walk_archive("x", io.BytesIO(data))
    assert isinstance(found, Refused)
    assert len(found.name) <= MAX_PLACE


def test_problems_are_counted_and_not_all_kept(tmp_path: Path) -> None:
    """Of thousands of links a report keeps the first, and the number of all; each is damage."""
    links = (header(f"{number}.jsonl", tarfile.SYMTYPE) for number in range(3000))
    source = packed(tmp_path / "a.tar.gz", [*links, bytes(1024)])
    drained(source)
    assert (len(source.problems), source.problems.number) == (shortlist.MOST, 3000)


def test_plain_records_are_held_compressed(rig: Rig, server: FaultServer, tmp_path: Path) -> None:
    """A plain file of 40 MB that came in 40 kB takes little while it is hashed, and its record arrives."""
    start = orjson.dumps(run_item("plain")) + b"\n"
    source = packed(tmp_path / "a.jsonl.gz", [start, *[b" " * 999_999 + b"\n"] * 40])
    assert peak_of(lambda: drained(ArchiveSource(source.path))) < 8 * MEGABYTE
    assert rig.once(archives=[source]).counts.delivered == 1
    assert server.ids == [["plain"]]


def test_what_is_passed_over_is_passed_over_in_steps(tmp_path: Path) -> None:
    """Nobody waits until gigabytes of something else, or thousands of headers, were read."""
    for parts, least in (
        ([member("x.bin", bytes(30 * MEGABYTE)), bytes(1024)], 30),
        ([*(member("pax", b"", b"x") for _ in range(100)), bytes(1024)], 100),
        ([tar({f"{number}.txt": b"" for number in range(100)})], 100),
        ([zipped({f"{number}.txt": b"" for number in range(100)})], 100),
    ):
        source = packed(tmp_path / "a.gz", parts)
        with source.path.open("rb") as file:
            assert len([step for step in walk_in_steps("x", file) if step is None]) >= least


def test_members_of_one_name_are_taken_one_by_one(rig: Rig, tmp_path: Path) -> None:
    """The name of each is found at the first attempt, however many had it before, and stays short."""
    parts = (member("a.jsonl", open_run(number)) for number in range(200))
    source = packed(tmp_path / "a.tar.gz", [*parts, bytes(1024)])
    assert rig.once(archives=[source]).unended == 200
    assert rig.engine is not None
    names = [segment.file for segment in rig.engine.intake.live]
    assert len(set(names)) == 200
    assert max(map(len, names)) <= len(f"{source.path}/a.jsonl~200")
    assert rig.engine.intake._copies.total() == 199


def test_what_an_archive_has_begun_takes_bounded_memory(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs without an end for which there is no room are said to be lost, not recovered without their steps."""
    monkeypatch.setattr(carried, "_MAX_JOURNAL", 10_000)
    lines = [open_run(1)]
    for number in range(9):
        step = orjson.dumps({"type": "step", "run_id": "r1", "step_id": f"{number}"})
        lines.append(encode("journal", f"{number}", step, at=AT, run_id="r1"))
    few = packed(tmp_path / "few.jsonl.gz", lines[:2])
    many = packed(tmp_path / "many.jsonl.gz", lines)
    outcome = rig.once(archives=[few, many], is_gone=lambda _: True)
    assert outcome.counts.recovered == 1
    (problem,) = outcome.problems
    assert problem.startswith(f"{many.path}: 1 run without an end not kept")
