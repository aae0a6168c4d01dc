"""Segments in bundles, other archives and compressed files, or from standard input.  They are read once, in order."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

from tcc_uploader.boundary import Boundary, UnexpectedError
from tcc_uploader.files import ByteStream, open_plainly
from tcc_uploader.spool.format import Format, holds_record, sniff
from tcc_uploader.spool.journal import Allowance, Journal
from tcc_uploader.spool.reader import read_first_line
from tcc_uploader.spool.segment import Reader, Segment

from .manifest import MANIFEST, MAX_MANIFEST, Manifest, ManifestEntry
from .streams import ArchiveError, Member, PutBack, Refused, read_fully
from .walk import walk_archive

_MAX_PLAIN: Final = 256 * 1024 * 1024
"""Bytes that a plain file in an archive may have: it is held in memory, because its id is the hash of its bytes."""
_MAX_FIRST_LINE: Final = 64 * 1024 * 1024
"""Bytes in which a member's first line must end."""
_MAX_JOURNAL: Final = 64 * 1024 * 1024
"""Bytes of journal lines that are kept in memory."""


@dataclass(slots=True)
class ArchiveSource:
    """One archive, compressed file or stream with segments.  ``problems`` and ``newer`` fill as it is read."""

    path: Path
    stream: BinaryIO | None = None
    """What to read instead of the file at ``path``."""
    problems: list[str] = field(default_factory=list)
    """Which members can't be read, and why; and what is missing by the manifest."""
    newer: list[Path] = field(default_factory=list)
    """Members of a format that only a newer version can read."""
    at_end: bool = False
    """Whether it was read to its end."""
    _expected: dict[str, ManifestEntry] = field(default_factory=dict)
    """Segments that manifests list and that were not read yet, by name."""

    def unread(self) -> "ArchiveSource":
        """Return a source of the same file of which nothing was read yet."""
        return ArchiveSource(self.path)

    def segments(self) -> Iterator[Segment]:
        """Yield each segment; read it to its end before you ask for the next.  Raises nothing."""
        allowance = Allowance(_MAX_JOURNAL)
        try:
            with self.stream or open(self.path, "rb", opener=open_plainly) as file:
                for member in walk_archive(str(self.path), file):
                    if isinstance(member, Refused):
                        self.problems.append(f"{member.name}: {member.why}")
                    else:
                        yield from self._segments_in(member, allowance)
        except OSError as error:
            self.problems.append(f"{self.path}: {error.strerror or error}")
        if self._expected:
            records = sum(entry.records or 0 for entry in self._expected.values())
            files = f"{len(self._expected):,} segment{'s'[: len(self._expected) != 1]}"
            self.problems.append(f"{self.path}: {files} with {records:,} records are missing, says the manifest")
        self.at_end = True

    def _segments_in(self, member: Member, allowance: Allowance) -> Iterator[Segment]:
        name, stream = member.name, _HashedStream(member.name, member.stream)
        segment: Segment | None = None
        try:
            with Boundary(name, ValueError):
                if name.endswith(f"/{MANIFEST}"):
                    self._expect(name.removesuffix(MANIFEST), Manifest.parse(read_fully(stream, MAX_MANIFEST + 1)))
                else:
                    segment = self._identified(name, stream, allowance)
        except ValueError as error:
            self.problems.append(f"{name}: {error}")
        if segment is not None:
            yield segment
            self._compare(name, segment, stream)
        if stream.error:
            self.problems.append(f"{name}: {stream.error}")

    def _expect(self, folder: str, manifest: Manifest) -> None:
        self._expected |= {folder + entry.name: entry for entry in manifest.segments}

    def _identified(self, name: str, stream: "_HashedStream", allowance: Allowance) -> Segment | None:
        start = read_first_line(stream, most=_MAX_FIRST_LINE)
        kind, ident = sniff(start, name)
        given = name == str(self.path)  # in an archive, files without records are of no interest
        if len(start) > _MAX_FIRST_LINE:
            self.problems.append(f"{name}: no line ends in its first {_MAX_FIRST_LINE:,} bytes: it holds no records")
            return None
        if kind is Format.NEWER:
            self.newer.append(Path(name))
        elif given and (kind.is_foreign or kind is Format.UNKNOWN):
            self.problems.append(f"{name}: {kind.value if start else 'it is empty: copy it again'}")
        elif kind is Format.PLAIN and (given or holds_record(start, name)):
            start += read_fully(stream, _MAX_PLAIN + 1 - len(start))
            if len(start) > _MAX_PLAIN:
                self.problems.append(f"{name}: plain JSONL of more than {_MAX_PLAIN:,} bytes: give it unpacked")
                return None
            ident = "plain-" + hashlib.sha256(start).hexdigest()
        if not ident:
            return None
        whole = PutBack(BytesIO(start), stream)
        return Segment(name, 0, kind, ident, stream=whole, reader=Reader(journal=Journal(allowance)))

    def _compare(self, name: str, segment: Segment, stream: "_HashedStream") -> None:
        if (entry := self._expected.pop(name, None)) is None:
            return
        missing = (entry.records or 0) - segment.counts.records
        if missing > 0:
            self.problems.append(f"{name}: {missing:,} of {entry.records:,} records are missing, says the manifest")
        elif stream.hash.hexdigest() != entry.sha256:
            self.problems.append(f"{name}: its bytes are not those that the manifest tells of")


@dataclass(slots=True)
class _HashedStream:
    """A member's stream that hashes what is read, and ends where the rest can't be read: ``error`` says why."""

    _name: str
    _stream: ByteStream
    error: str = ""
    hash: Any = field(default_factory=hashlib.sha256)

    def read(self, size: int, /) -> bytes:
        if self.error:
            return b""
        try:
            with Boundary(self._name, OSError):
                data = self._stream.read(size)
        except (ArchiveError, UnexpectedError) as error:
            self.error = str(error)
            return b""
        self.hash.update(data)
        return data
