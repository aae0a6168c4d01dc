"""Segments in bundles, other archives and compressed files, or from standard input.  They are read once, in order."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

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
    _opened: Callable[[], BinaryIO]
    problems: list[str] = field(default_factory=list)
    """Which members can't be read, and why; and what is missing by the manifest."""
    newer: list[Path] = field(default_factory=list)
    """Members of a format that only a newer version can read."""
    _expected: dict[str, ManifestEntry] = field(default_factory=dict)
    """Segments that manifests list and that were not read yet, by name."""

    def segments(self) -> Iterator[Segment]:
        """Yield each segment; read it to its end before you ask for the next.  Raises nothing."""
        allowance = Allowance(_MAX_JOURNAL)
        try:
            with self._opened() as file:
                for member in walk_archive(str(self.path), file):
                    if isinstance(member, Refused):
                        self.problems.append(f"{member.name}: {member.why}")
                    else:
                        yield from self._segments_in(member, allowance)
        except OSError as error:
            self.problems.append(f"{self.path}: {error.strerror or error}")
        self._tell_missing()

    def _segments_in(self, member: Member, allowance: Allowance) -> Iterator[Segment]:
        stream = _HashedStream(member.stream)
        if member.name.endswith(f"/{MANIFEST}"):
            self._take_manifest(member.name, read_fully(stream, MAX_MANIFEST + 1))
        elif (segment := self._identified(member.name, stream, allowance)) is not None:
            yield segment
            self._compare(member.name, segment, stream)
        if stream.error:
            self.problems.append(f"{member.name}: {stream.error}")

    def _identified(self, name: str, stream: "_HashedStream", allowance: Allowance) -> Segment | None:
        start = read_first_line(stream, most=_MAX_FIRST_LINE)
        kind, ident = sniff(start)
        given = name == str(self.path)  # in an archive, files without records are of no interest
        if len(start) > _MAX_FIRST_LINE:
            self.problems.append(f"{name}: no line ends in its first {_MAX_FIRST_LINE:,} bytes: it holds no records")
            return None
        if kind is Format.NEWER:
            self.newer.append(Path(name))
        elif given and kind in (Format.OTHER, Format.UNKNOWN):
            self.problems.append(f"{name}: {kind.value if start else 'it is empty: copy it again'}")
        elif not given and kind is Format.PLAIN and not holds_record(start):
            return None
        elif kind is Format.PLAIN:
            start += read_fully(stream, _MAX_PLAIN + 1 - len(start))
            if len(start) > _MAX_PLAIN:
                self.problems.append(f"{name}: plain JSONL of more than {_MAX_PLAIN:,} bytes: give it unpacked")
                return None
            ident = "plain-" + hashlib.sha256(start).hexdigest()
        if not ident:
            return None
        whole = PutBack(BytesIO(start), stream)
        return Segment(name, 0, kind, ident, stream=whole, reader=Reader(journal=Journal(allowance)))

    def _take_manifest(self, name: str, data: bytes) -> None:
        folder = name.removesuffix(MANIFEST)
        try:
            self._expected |= {folder + entry.name: entry for entry in Manifest.parse(data).segments}
        except ValueError as error:
            self.problems.append(f"{name}: {error}")

    def _compare(self, name: str, segment: Segment, stream: "_HashedStream") -> None:
        if (entry := self._expected.pop(name, None)) is None:
            return
        missing = (entry.records or 0) - segment.counts.records
        if missing > 0:
            self.problems.append(f"{name}: {missing:,} of {entry.records:,} records are missing, says the manifest")
        elif stream.hash.hexdigest() != entry.sha256:
            self.problems.append(f"{name}: its bytes are not those that the manifest tells of")

    def _tell_missing(self) -> None:
        if self._expected:
            records = sum(entry.records or 0 for entry in self._expected.values())
            files = f"{len(self._expected):,} segment{'s'[: len(self._expected) != 1]}"
            self.problems.append(f"{self.path}: {files} with {records:,} records are missing, says the manifest")


@dataclass(slots=True)
class _HashedStream:
    """A member's stream that hashes what is read, and ends where the rest can't be read: ``error`` says why."""

    _stream: ByteStream
    error: str = ""
    hash: Any = field(default_factory=hashlib.sha256)

    def read(self, size: int, /) -> bytes:
        try:
            data = self._stream.read(size)
        except ArchiveError as error:
            self.error = str(error)
            return b""
        self.hash.update(data)
        return data


def from_file(path: Path) -> ArchiveSource:
    """Return the source that reads an archive or a compressed file."""
    return ArchiveSource(path, lambda: open(path, "rb", opener=open_plainly))
