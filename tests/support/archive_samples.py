"""Sample archives of every kind, and a function that reads them."""

import gzip
import io
import random
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import pytest
from backports import zstd

from tcc_uploader.sources.walk import ArchiveError, Refused, walk_archive

LINES = b'{"type":"run"}\n' * 40
NOISE = random.Random(7).randbytes(900)  # noqa: S311 -- any bytes do
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zstd": lambda data: zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1}),
}


class Pipe(io.BytesIO):
    """A stream that can't seek, and returns at most 100 bytes at once."""

    def seekable(self) -> bool:  # noqa: D102
        return False

    def read(self, size: int | None = -1, /) -> bytes:  # noqa: D102
        return super().read(min(size or 0, 100))


def tar(members: Mapping[str, bytes], layout: int = tarfile.PAX_FORMAT) -> bytes:
    """Return a tar archive."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=layout) as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return raw.getvalue()


def header(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> bytes:
    """Return one tar header without its member's content."""
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, size, "/etc/passwd"
    return member.tobuf(tarfile.GNU_FORMAT)


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return raw.getvalue()


def found(data: bytes | BinaryIO, name: str = "x") -> tuple[dict[str, bytes], dict[str, str]]:
    """Walk an archive to its end; return the content of each member, and why members are refused or incomplete."""
    good: dict[str, bytes] = {}
    bad: dict[str, str] = {}
    for item in walk_archive(name, io.BytesIO(data) if isinstance(data, bytes) else data):
        if isinstance(item, Refused):
            bad[item.name] = item.why
            continue
        good[item.name] = b""
        try:
            while part := item.stream.read(1 << 16):
                assert len(part) <= 1 << 16
                good[item.name] += part
        except ArchiveError as error:
            bad[item.name] = str(error)
    return good, bad


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run the test in an empty folder, also used for temporary files, and check that it stays empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert not list(tmp_path.iterdir())


WHOLE: dict[str, bytes] = {
    "tar": tar({"a.jsonl": LINES, "b.jsonl": NOISE}),
    **{f"tar.{kind}": pack(tar({"a.jsonl": LINES, "b.jsonl": NOISE})) for kind, pack in PACKERS.items()},
    "zip": zipped({"a.jsonl": LINES, "b.jsonl": NOISE}),
}
