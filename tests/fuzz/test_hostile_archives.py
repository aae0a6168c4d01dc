"""Hostile archives and manifests: the engine goes on, and delivers what is good beside them."""

import gzip
import io
import zipfile

from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from fuzz.campaign import folder, fuzz
from fuzz.hostile import as_json, mutated, plain_lines, spoiled, texts
from fuzz.world import GOOD, Uploader, assert_nothing_unforeseen, parts, write_good
from support.archive_samples import tar, zipped
from support.faults import SegmentFile

_BUNDLED = SegmentFile("bundled").run("b-1").run("b-2").seal().data
_MANIFEST = {
    "format": 1,
    "made_at": "2026-01-31T12:00:00Z",
    "made_by": "somebody",
    "records": 2,
    "segments": [
        {
            "name": "a.jsonl",
            "id": "bundled",
            "records": 2,
            "bytes": len(_BUNDLED),
            "sha256": "0" * 64,
            "sealed": True,
            "torn": 0,
        }
    ],
    "selection": {"since": None, "until": None, "sessions": [], "statuses": [], "limit": 5},
}
_MEMBERS = {"manifest.json": as_json(_MANIFEST), "a.jsonl": _BUNDLED, "b/c.jsonl.gz": gzip.compress(_BUNDLED)}
_PACKED = [
    tar(_MEMBERS),
    zipped(_MEMBERS),
    gzip.compress(tar(_MEMBERS), mtime=0),
    zstd.compress(tar(_MEMBERS)),
    zipped({"deep.tar.gz": gzip.compress(tar(_MEMBERS), mtime=0), "a.jsonl": _BUNDLED}),
    gzip.compress(_BUNDLED, mtime=0),
]


def _deliver(archive: bytes, expected: frozenset[str], part: int, name: str = "0.tar") -> None:
    with folder() as path:
        uploader = Uploader(path)
        write_good(uploader.spool)
        (uploader.archives / name).write_bytes(archive)
        (uploader.archives / "1.tar").write_bytes(tar({"good.jsonl": SegmentFile("beside").run("beside-1").data}))
        result = uploader.once()
        assert uploader.received >= GOOD | {"beside-1"}
        assert uploader.received >= expected or result.problems or result.damage or result.newer
        uploader.look(part)
        assert_nothing_unforeseen()


@fuzz(100)
@given(st.sampled_from(_PACKED).flatmap(mutated), parts)
def test_changed_bytes_of_an_archive(archive: bytes, part: int) -> None:
    """Whatever happened to an archive's bytes: what is missing is told, and what lies beside it is delivered."""
    _deliver(archive, frozenset({"b-1", "b-2"}), part)


@fuzz(60)
@given(spoiled(_MANIFEST), st.booleans(), parts)
def test_manifests(manifest: object, tarred: bool, part: int) -> None:
    """Whatever a manifest says: the bundle's records are delivered."""
    members = {"manifest.json": as_json(manifest), "a.jsonl": _BUNDLED}
    with folder() as path:
        uploader = Uploader(path)
        (uploader.archives / "0.tar").write_bytes(tar(members) if tarred else zipped(members))
        uploader.once()
        assert uploader.received >= {"b-1", "b-2"}
        uploader.look(part)
        assert_nothing_unforeseen()


@fuzz(100)
@given(
    texts, st.lists(plain_lines, max_size=3).map(b"\n".join), st.sampled_from(["", ".jsonl", ".jsonl.gz", ".gz"]), parts
)
def test_members(name: str, content: bytes, ending: str, part: int) -> None:
    """Whatever a member is called and holds: the members beside it are delivered."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for member, data in ((name + ending, content), ("good.jsonl", _BUNDLED)):
            info = zipfile.ZipInfo("x" * 4)
            info.filename = member.encode(errors="replace").decode()
            archive.writestr(info, data)
    _deliver(raw.getvalue(), frozenset({"b-1", "b-2"}), part, "0.zip")
