"""Records inside of archives, however they are wrapped: found by what the bytes are, not by what a name says.

Everything is streamed, nothing is written anywhere, links are never followed, and what an archive may cost is
limited: see :mod:`tcc_uploader.sources.streams`.
"""

import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import PurePosixPath
from typing import BinaryIO, Final, NamedTuple

from tcc_uploader.files import CHUNK, ByteStream

from .decompress import Decompressed, bzip2, gzip, xz, zstd
from .manifest import MANIFEST
from .streams import ArchiveError, Budget, Metered, Peeked, Source
from .tar import Entry
from .tar import entries as tar_members
from .zip import entries as zip_members

__all__ = ["START", "ArchiveError", "ByteStream", "Member", "Refused", "is_archive", "walk"]

START: Final = 512
"""Bytes from which an archive is known."""
MAX_NESTING: Final = 4
"""Archives and compressed files inside of each other."""
MAX_NAME: Final = 4096
"""Characters of a member's name."""
_COMPRESSED: Final = {
    b"\x1f\x8b": gzip,
    b"\x28\xb5\x2f\xfd": zstd,
    b"BZh": bzip2,
    b"\xfd7zXZ\0": xz,
}
_ZIP: Final = (b"PK\3\4", b"PK\5\6", b"PK\7\x08")
_COMPRESSED_SUFFIXES: Final = (".gz", ".zst", ".bz2", ".xz")


class Member(NamedTuple):
    """Bytes that are no archive any more, and where they lie: archives and folders before ``/``, safe to print."""

    name: str
    stream: ByteStream


class Refused(NamedTuple):
    """What is not read, and why."""

    name: str
    why: str


def is_archive(start: bytes) -> bool:
    """Tell from the first :data:`START` bytes whether a file is compressed, or holds other files."""
    return _is_tar(start) or start.startswith((*_COMPRESSED, *_ZIP))


def walk(name: str, stream: BinaryIO) -> Iterator[Member | Refused]:
    """Yield every ``.jsonl`` file and manifest in a stream, to whatever depth; the stream itself if it is no archive.

    Read a member to its end before you ask for the next, or not at all.  ``Member.stream.read`` raises
    :class:`ArchiveError` where an archive is damaged or cut short; what comes before was good.
    """
    budget = Budget()
    yield from _Walk(stream, budget).opened(printable(name), Source(stream, budget), wanted=True, depth=0)


class _Walk:
    """One pass through a source."""

    def __init__(self, file: BinaryIO, budget: Budget) -> None:
        self._file = file
        self._budget = budget

    def opened(self, name: str, stream: ByteStream, *, wanted: bool, depth: int) -> Iterator[Member | Refused]:
        """Yield what a stream holds; itself if it is no archive and ``wanted``."""
        try:
            stream = Peeked(stream, START)
            start = stream.start
            if not is_archive(start):
                if wanted:
                    yield Member(name, stream)
            elif depth == MAX_NESTING:
                yield Refused(name, f"more than {MAX_NESTING} archives inside of each other: unpack the outermost")
            elif start.startswith(_ZIP):
                yield from self._open_zip(name, stream, depth=depth)
            elif _is_tar(start):
                yield from self._inside(name, tar_members(stream, self._budget), depth)
            else:
                make = next(make for magic, make in _COMPRESSED.items() if start.startswith(magic))
                unpacked = Metered(Decompressed(stream, make), self._budget)
                yield from self.opened(name, unpacked, wanted=wanted, depth=depth + 1)
        except ArchiveError as error:
            yield Refused(name, str(error))

    def _open_zip(self, name: str, stream: ByteStream, *, depth: int) -> Iterator[Member | Refused]:
        """Yield what a zip file holds, which is read from its end."""
        if depth == 0 and self._file.seekable():
            self._budget.take(self._file.seek(0, 2))
            yield from self._inside(name, zip_members(self._file, self._budget), depth)
            return
        before = self._budget.held
        try:
            whole = BytesIO()
            while data := stream.read(CHUNK):
                self._budget.hold(len(data))
                whole.write(data)
            yield from self._inside(name, zip_members(whole, self._budget), depth)
        finally:
            self._budget.held = before

    def _inside(self, name: str, entries: Iterable[Entry], depth: int) -> Iterator[Member | Refused]:
        for entry in entries:
            path = PurePosixPath(entry.name.replace("\\", "/"))
            if "__MACOSX" in path.parts or path.name.startswith("._"):
                continue
            refusal = entry.refusal or _refusal(entry.name, path)
            place = f"{name}/{printable(str(path)[:MAX_NAME])}"
            if refusal:
                yield Refused(place, refusal)
            else:
                yield from self.opened(place, entry.stream, wanted=_is_wanted(path), depth=depth + 1)


def _is_tar(start: bytes) -> bool:
    return start[257:262] == b"ustar"


def _is_wanted(path: PurePosixPath) -> bool:
    """Whether a file of this name may hold records."""
    unpacked = path.with_suffix("") if path.suffix in _COMPRESSED_SUFFIXES else path
    return unpacked.suffix == ".jsonl" or path.name == MANIFEST


def _refusal(name: str, path: PurePosixPath) -> str:
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name):
        return "its name leads out of the archive"
    if not path.name or len(name) > MAX_NAME:
        return "it has no usable name"
    return ""


def printable(name: str) -> str:
    """Escape what a terminal would obey or could not show."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in name)
