"""Find the files with records in archives in archives.  The bytes tell what an archive is, not its name.

Everything is streamed, nothing is written to disk, no link is followed.  What an archive may cost is limited by
:class:`tcc_uploader.sources.streams.Budget`.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath
from typing import BinaryIO, Final

from tcc_uploader.boundary import Boundary, UnexpectedError
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
MAX_PLACE: Final = 2 * MAX_NAME
"""Characters of a member's name behind those of all archives that it lies in."""
_MAGICS: Final = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    **dict.fromkeys((b"PK\3\4", b"PK\5\6", b"PK\7\x08"), "zip"),
}
_COMPRESSED_SUFFIXES: Final = (".gz", ".zst", ".bz2", ".xz")
_ARCHIVE_SUFFIXES: Final = ("", ".tar", ".zip")
"""What stands before the last suffix of what may hold other files: ``runs.tar.xz``, ``runs``, not ``log.txt.xz``."""


def kind_of(start: bytes) -> str:
    """Return what archive or compression begins with these :data:`START` bytes; ``""`` if none does."""
    if start[257:262] == b"ustar":
        return "tar"
    return next((kind for magic, kind in _MAGICS.items() if start.startswith(magic)), "")


def walk_archive(name: str, stream: BinaryIO) -> Iterator[Member | Refused]:
    """Yield every ``.jsonl`` file and manifest in a stream, at any depth; the stream itself if it is no archive.

    A name tells the archives and folders that a member lies in, and is safe to print.
    Read a member to its end before you ask for the next, or not at all.  ``Member.stream.read`` raises
    :class:`ArchiveError` where an archive is damaged or cut short; the bytes before that place are good.
    """
    return filter(None, walk_in_steps(name, stream))


def walk_in_steps(name: str, stream: BinaryIO) -> Iterator[Member | Refused | None]:
    """Yield what :func:`walk_archive` does, and None after each piece of what is passed over."""
    budget = Budget()
    source = Checked(stream.read, budget.count_source, UNREADABLE, (OSError,))
    yield from _Walk(stream, budget).opened(printable(name), source, wanted=True, depth=0)


@dataclass(slots=True)
class _Walk:
    """One pass through a source."""

    _file: BinaryIO
    _budget: Budget

    def opened(self, name: str, stream: ByteStream, *, wanted: bool, depth: int) -> Iterator[Member | Refused | None]:
        """Yield the members in a stream; the stream itself if it is no archive and ``wanted``."""
        return _set_aside(name, self._opened(name, stream, wanted=wanted, depth=depth))

    def _opened(self, name: str, stream: ByteStream, *, wanted: bool, depth: int) -> Iterator[Member | Refused | None]:
        start = stream.read(START)
        with suppress(ArchiveError):  # the stream raises it again, behind these bytes
            while len(start) < START and (data := stream.read(START - len(start))):
                start += data
        stream = PutBack(BytesIO(start), stream)
        match kind_of(start):
            case "":
                if wanted:
                    yield Member(name, stream)
            case "bzip2" | "xz" as kind:
                if wanted or PurePosixPath(name).with_suffix("").suffix in _ARCHIVE_SUFFIXES:
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

    def _open_zip(self, name: str, stream: ByteStream, *, depth: int) -> Iterator[Member | Refused | None]:
        """Yield the members of a zip file.  It is read from its end: held in memory, if it can't be sought in."""
        before = self._budget.held
        try:
            if depth == 0 and self._file.seekable():
                file = self._file
                self._budget.count_source(file.seek(0, 2))
            else:
                file = BytesIO()
                for data in chunks_of(stream):
                    self._budget.hold(len(data))
                    file.write(data)
                    yield None
            yield from self._inside(name, zip_archive.members_of(file, self._budget), depth)
        finally:
            self._budget.held = before

    def _inside(
        self, name: str, members: Iterable[Member | Refused | None], depth: int
    ) -> Iterator[Member | Refused | None]:
        for member in members:
            yield None
            if member is not None:
                yield from _set_aside(name, self._member(name, member, depth))

    def _member(self, name: str, member: Member | Refused, depth: int) -> Iterator[Member | Refused | None]:
        """Yield what one member of the archive ``name`` holds."""
        path = PurePosixPath(member.name[: MAX_NAME + 1].replace("\\", "/"))
        if "__MACOSX" in path.parts or path.name.startswith("._"):
            return
        place = f"{name}/{printable(str(path)[:MAX_NAME])}"
        if isinstance(member, Refused):
            yield Refused(place, member.why)
        elif path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", member.name):
            yield Refused(place, "its name leads out of the archive")
        elif not path.name or len(member.name) > MAX_NAME or len(place) > MAX_PLACE:
            yield Refused(place[:MAX_PLACE], "it has no usable name")
        else:
            unpacked = path.with_suffix("") if path.suffix in _COMPRESSED_SUFFIXES else path
            wanted = unpacked.suffix == ".jsonl" or path.name == MANIFEST
            yield from self.opened(place, member.stream, wanted=wanted, depth=depth + 1)


def _set_aside(name: str, members: Iterable[Member | Refused | None]) -> Iterator[Member | Refused | None]:
    """Yield ``members`` of what is called ``name``; at what can't be read yield why, and end."""
    try:
        with Boundary(name, OSError):
            yield from members
    except (ArchiveError, UnexpectedError) as error:
        yield Refused(name, str(error))


def printable(name: str) -> str:
    """Escape what a terminal would obey or could not show."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in name)
