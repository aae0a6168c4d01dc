"""Archives of every kind: what is good is handed out, whatever it is wrapped in."""

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from support.archive_samples import LINES, NOISE, PACKERS, WHOLE, Pipe, empty_folder, found, tar, zipped
from tcc_uploader.sources.walk import START, Member, kind_of, walk_archive

__all__ = ["empty_folder"]


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("source", [io.BytesIO, Pipe])
def test_every_kind_is_read_from_files_and_pipes(kind: str, source: type[io.BytesIO]) -> None:
    """What an archive is shows in its bytes alone, and a pipe will do."""
    assert found(source(WHOLE[kind])) == ({"x/a.jsonl": LINES, "x/b.jsonl": NOISE}, {})
    assert kind_of(WHOLE[kind][:START])


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_compressed_lines_need_no_archive(pack: Callable[[bytes], bytes]) -> None:
    """A compressed file is one member, whatever follows in the same way, and has its own name."""
    assert found(pack(LINES)) == ({"x": LINES}, {})
    assert found(pack(LINES) + pack(NOISE)) == ({"x": LINES + NOISE}, {})
    assert found(zipped({"a.jsonl.gz": gzip.compress(LINES), "coverage.xml.gz": gzip.compress(b"<x/>")})) == (
        {"x/a.jsonl.gz": LINES},
        {},
    )


def test_zeros_between_and_behind_gzip_streams_are_padding() -> None:
    """Tapes and block devices pad with zeros: no byte of any stream is lost, and nothing is called damaged."""
    zeros = bytes(5000)
    assert found(gzip.compress(LINES) + zeros + gzip.compress(NOISE) + zeros) == ({"x": LINES + NOISE}, {})


@pytest.mark.parametrize(("kind", "pack"), [("bzip2", bz2.compress), ("xz", lzma.compress)])
def test_bzip2_and_xz_are_refused_with_advice(kind: str, pack: Callable[[bytes], bytes]) -> None:
    """Nothing is read from them, and whoever gave one that may hold records learns what to do first."""
    advice = f"it is compressed with {kind}: unpack it first"
    assert kind_of(pack(LINES)[:START])
    assert found(pack(LINES)) == ({}, {"x": advice})
    packed = dict.fromkeys(("a.jsonl.xz", "b.jsonl.bz2", "runs.tar.xz", "runs", "coverage.xml.xz"), pack(LINES))
    good, bad = found(tar({**packed, "c.jsonl": LINES}))
    assert good == {"x/c.jsonl": LINES}
    assert bad == dict.fromkeys(("x/a.jsonl.xz", "x/b.jsonl.bz2", "x/runs.tar.xz", "x/runs"), advice)


@pytest.mark.parametrize(("kind", "method"), [("bzip2", zipfile.ZIP_BZIP2), ("LZMA", zipfile.ZIP_LZMA)])
def test_zip_members_of_other_methods_are_refused_with_advice(kind: str, method: int) -> None:
    """A zip packed with bzip2 or LZMA is not read, and says why."""
    advice = f"it is compressed with {kind}: unpack it first"
    assert found(zipped({"a.jsonl": LINES}, method)) == ({}, {"x/a.jsonl": advice})


def test_a_plain_stream_is_itself() -> None:
    """What is no archive is handed out as it is, also if it is empty or shorter than any magic."""
    for data in (b"", b"{", LINES, LINES * 100):
        assert not kind_of(data[:START])
        assert found(data) == ({"x": data}, {})
        assert found(Pipe(data)) == ({"x": data}, {})


@pytest.mark.parametrize("layout", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_of_every_tar_layout_are_read(layout: int) -> None:
    """Long and unusual names come out as they went in; ``./`` and folders are no part of the story."""
    names = ["./a.jsonl", f"{'d' * 90}/{'n' * 90}.jsonl"]
    names += [] if layout == tarfile.USTAR_FORMAT else [f"{'long' * 100}/é.jsonl"]
    good, bad = found(tar(dict.fromkeys(names, LINES), layout))
    assert list(good) == [f"x/{name.removeprefix('./')}" for name in names]
    assert not bad


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip_methods(method: int) -> None:
    """Members are unpacked however a zip tool packs by default."""
    assert found(zipped({"a.jsonl": LINES}, method)) == ({"x/a.jsonl": LINES}, {})


def test_a_zip_that_was_streamed_is_read() -> None:
    """Sizes may stand behind a member, or in the fields for large files, as tools that write to a pipe put them."""
    raw = io.BytesIO()

    class Forward(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: bytes, /) -> int:  # type: ignore[override]
            return raw.write(data)

    with zipfile.ZipFile(Forward(), "w") as archive, archive.open("a.jsonl", "w", force_zip64=True) as member:
        member.write(LINES)
    assert found(raw.getvalue()) == ({"x/a.jsonl": LINES}, {})


def test_an_artifact_s_bundles_are_found_in_it() -> None:
    """Archives are entered whatever their names; what else a CI job leaves is passed over."""
    artifact = zipped(
        {
            "log.txt": b"noise",
            "coverage.xml": b"<x/>",
            "__MACOSX/a.jsonl": b"litter",
            "._a.jsonl": b"litter",
            "out/": b"",
            "out/a.jsonl": LINES,
            "out/manifest.json": b"{}",
            "out/runs": zstd.compress(tar({"b.jsonl": LINES, "readme": b"noise"})),
            "inner.zip": zipped({"c.jsonl": LINES}),
        }
    )
    good, bad = found(artifact, "artifact.zip")
    assert list(good) == [
        f"artifact.zip/{name}" for name in ("out/a.jsonl", "out/manifest.json", "out/runs/b.jsonl", "inner.zip/c.jsonl")
    ]
    assert not bad


def test_members_may_be_left_unread() -> None:
    """Asking for the next member skips the rest of this one."""
    for data in WHOLE.values():
        assert [member.name for member in walk_archive("x", io.BytesIO(data))] == ["x/a.jsonl", "x/b.jsonl"]
        first_bytes = [m.stream.read(1) for m in walk_archive("x", io.BytesIO(data)) if isinstance(m, Member)]
        assert first_bytes == [LINES[:1], NOISE[:1]]


def test_without_the_extra_zstd_says_what_to_install(tmp_path: Path) -> None:
    """Whoever lacks the library learns its name, and the other kinds still work."""
    program = (
        "import io, sys\n"
        "sys.modules['backports.zstd'] = sys.modules['compression.zstd'] = None\n"
        "from tcc_uploader.sources.walk import walk_archive\n"
        "print([item.why for item in walk_archive('x', io.BytesIO(b'\\x28\\xb5\\x2f\\xfd' + bytes(20)))])\n"
        "print([item.stream.read(9) for item in walk_archive('x', io.BytesIO(sys.stdin.buffer.read()))])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=gzip.compress(b"plain"), capture_output=True, check=True, cwd=os.sep
    )
    assert done.stdout.decode().splitlines() == ["[\"needs zstd: pip install 'tcc-offline[zstd]'\"]", "[b'plain']"]


def test_archives_may_follow_each_other() -> None:
    """Tars that were joined are read to the last."""
    joined = tar({"a.jsonl": LINES}) + tar({"b.jsonl": NOISE})
    assert found(joined) == ({"x/a.jsonl": LINES, "x/b.jsonl": NOISE}, {})
