"""Find the files with records in archives in archives.  The bytes tell what an archive is, not its name.

Everything is streamed, nothing is written to disk, no link is followed.  What an archive may cost is limited by
:class:`tcc_uploader.sources.streams.Budget`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath
from typing import BinaryIO, Final

from tcc_uploader.files import ByteStream

from . import tar
from . import zip as zip_archive
from .decompress import decompressed
from .manifest import MANIFEST
from .streams import UNREADABLE, ArchiveError, Budget, Checked, Member, PutBack, Refused, chunks_of

START: Final = 512
"""Bytes from which an archive is known."""
MAX_NESTING: Final = 4
"""Archives and compressed files inside of each other."""
MAX_NAME: Final = 4096
"""Characters of a member's name."""
_MAGICS: Final = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    **dict.fromkeys((b"PK\3\4", b"PK\5\6", b"PK\7\x08"), "zip"),
}
_COMPRESSED_SUFFIXES: Final = (".gz", ".zst", ".bz2", ".xz")
_ARCHIVE_SUFFIXES: Final = ("", ".tar", ".zip")


def is_archive(start: bytes) -> bool:
    """Tell from the first :data:`START` bytes whether a file is compressed, or holds other files."""
    return _kind_of(start) != ""


def walk_archive(name: str, stream: BinaryIO) -> Iterator[Member | Refused]:
    """Yield every ``.jsonl`` file and manifest in a stream, at any depth; the stream itself if it is no archive.

    A name tells the archives and folders that a member lies in, and is safe to print.
    Read a member to its end before you ask for the next, or not at all.  ``Member.stream.read`` raises
    :class:`ArchiveError` where an archive is damaged or cut short; the bytes before that place are good.
    """
    budget = Budget()
    source = Checked(stream.read, budget.count_source, UNREADABLE, (OSError,))
    yield from _Walk(stream, budget).opened(printable(name), source, wanted=True, depth=0)


@dataclass(slots=True)
class _Walk:
    """One pass through a source."""

    _file: BinaryIO
    _budget: Budget

    def opened(self, name: str, stream: ByteStream, *, wanted: bool, depth: int) -> Iterator[Member | Refused]:
        """Yield the members in a stream; the stream itself if it is no archive and ``wanted``."""
        try:
            start = _start_of(stream)
            stream = PutBack(BytesIO(start), stream)
            match _kind_of(start):
                case "":
                    if wanted:
                        yield Member(name, stream)
                case "bzip2" | "xz" as kind:
                    if wanted or _may_be_archive(name):
                        yield Refused(name, f"it is compressed with {kind}: unpack it first")
                case _ if depth == MAX_NESTING:
                    yield Refused(name, f"more than {MAX_NESTING} archives inside of each other: unpack the outermost")
                case "zip":
                    yield from self._open_zip(name, stream, depth=depth)
                case "tar":
                    yield from self._inside(name, tar.members_of(stream, self._budget), depth)
                case kind:
                    unpacked = decompressed(stream, kind, self._budget)
                    yield from self.opened(name, unpacked, wanted=wanted, depth=depth + 1)
        except ArchiveError as error:
            yield Refused(name, str(error))

    def _open_zip(self, name: str, stream: ByteStream, *, depth: int) -> Iterator[Member | Refused]:
        """Yield the members of a zip file.  It is read from its end: held in memory, if it can't be sought in."""
        if depth == 0 and self._file.seekable():
            self._budget.count_source(self._file.seek(0, 2))
            yield from self._inside(name, zip_archive.members_of(self._file, self._budget), depth)
            return
        before = self._budget.held
        try:
            whole = BytesIO()
            for data in chunks_of(stream):
                self._budget.hold(len(data))
                whole.write(data)
            yield from self._inside(name, zip_archive.members_of(whole, self._budget), depth)
        finally:
            self._budget.held = before

    def _inside(self, name: str, members: Iterable[Member | Refused], depth: int) -> Iterator[Member | Refused]:
        for member in members:
            path = PurePosixPath(member.name.replace("\\", "/"))
            if "__MACOSX" in path.parts or path.name.startswith("._"):
                continue
            place = f"{name}/{printable(str(path)[:MAX_NAME])}"
            if isinstance(member, Refused):
                yield Refused(place, member.why)
            elif why := _refusal(member.name, path):
                yield Refused(place, why)
            else:
                yield from self.opened(place, member.stream, wanted=_is_wanted(path), depth=depth + 1)


def _start_of(stream: ByteStream) -> bytes:
    """Read the first :data:`START` bytes.  Raises :class:`ArchiveError` if there is not even one."""
    start = b""
    try:
        while len(start) < START and (data := stream.read(START - len(start))):
            start += data
    except ArchiveError:
        if not start:
            raise  # else the stream raises it again, behind these bytes
    return start


def _kind_of(start: bytes) -> str:
    """Return what archive or compression begins so; ``""`` if none does."""
    if start[257:262] == b"ustar":
        return "tar"
    return next((kind for magic, kind in _MAGICS.items() if start.startswith(magic)), "")


def _is_wanted(path: PurePosixPath) -> bool:
    """Whether a file of this name may hold records."""
    unpacked = path.with_suffix("") if path.suffix in _COMPRESSED_SUFFIXES else path
    return unpacked.suffix == ".jsonl" or path.name == MANIFEST


def _may_be_archive(name: str) -> bool:
    """Whether a compressed file of this name may hold other files: ``runs.tar.xz`` and ``runs``, not ``log.txt.xz``."""
    return PurePosixPath(name).with_suffix("").suffix in _ARCHIVE_SUFFIXES


def _refusal(name: str, path: PurePosixPath) -> str:
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name):
        return "its name leads out of the archive"
    if not path.name or len(name) > MAX_NAME:
        return "it has no usable name"
    return ""


def printable(name: str) -> str:
    """Escape what a terminal would obey or could not show."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in name)
