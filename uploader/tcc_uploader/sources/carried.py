"""Segments in bundles, other archives and compressed files, or from standard input.  They are read once, in order."""

import hashlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from gzip import GzipFile
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Final

from tcc_schemas.plain import NUL
from tcc_uploader.boundary import Boundary, UnexpectedError
from tcc_uploader.files import ByteStream, open_plainly, read_fully, size_of
from tcc_uploader.model.shortlist import Shortlist
from tcc_uploader.sinks import plural
from tcc_uploader.spool.format import PLAIN_ID, Format, holds_record, sniff
from tcc_uploader.spool.journal import Allowance, Journal
from tcc_uploader.spool.reader import read_first_line
from tcc_uploader.spool.segment import Reader, Segment

from .manifest import MANIFEST, MAX_MANIFEST, Expected, Listed, Manifest
from .streams import ArchiveError, LostError, Member, PutBack, Refused, chunks_of
from .walk import walk_in_steps

_MAX_PLAIN: Final = 256 * 1024 * 1024
"""Bytes that a plain file in an archive may have: it is held in memory, because its id is the hash of its bytes."""
_MAX_FIRST_LINE: Final = 64 * 1024 * 1024
"""Bytes in which a member's first line must end."""
_MAX_PACKED: Final = 32 * 1024 * 1024
"""Bytes that it may have when it is held, compressed."""
_MAX_JOURNAL: Final = 32 * 1024 * 1024
"""Bytes of memory for journal lines that are kept."""


@dataclass(slots=True)
class ArchiveSource:
    """One archive, compressed file or stream with segments.  ``problems`` and ``newer`` fill as it is read."""

    name: str
    """The path of a file; how it is called in any case."""
    stream: BinaryIO | None = None
    """What to read instead of the file."""
    problems: Shortlist[str] = field(default_factory=Shortlist)
    """Which members can't be read, and why; and what is missing by the manifest."""
    newer: Shortlist[str] = field(default_factory=Shortlist)
    """Members of a format that only a newer version can read."""
    at_end: bool = False
    """Whether it was read to its end."""
    listed: int = 0
    """How many records its manifests list, as far as it was read."""
    _partly: list[Listed] = field(default_factory=list)
    """The segments of which fewer records were there than its manifest lists."""
    _expected: Expected = field(default_factory=Expected)
    _manifests: int = 0
    """Bytes of the manifests so far."""

    @property
    def faults(self) -> list[tuple[str, int]]:
        """Itself, with the number of its problems that no manifest explains, if it was read and can be read again."""
        if not self.at_end or self.stream is not None:
            return []
        return [self.fault]

    @property
    def fault(self) -> tuple[str, int]:
        """Its name, and the number of its problems that no manifest explains."""
        return self.name, 0 if self._partly or self._expected else self.problems.number

    @property
    def cut(self) -> Iterator[Listed]:
        """What is missing by its manifests, if it was read to its end; made one by one, as there may be very many."""
        return chain(self._partly, self._expected if self.at_end else ())

    drains: ClassVar[bool] = False
    is_waiting: ClassVar[bool] = False

    @property
    def size(self) -> int:
        """Bytes of the file; 0 if that can't be told."""
        return 0 if self.stream else size_of(Path(self.name))

    @property
    def not_read(self) -> dict[str, str]:
        """Its name, if it was not read to its end yet."""
        return {} if self.at_end else {self.name: ""}

    @property
    def is_read_once(self) -> bool:
        """Whether it can't be read a second time."""
        return self.stream is not None

    def unread(self) -> "ArchiveSource":
        """Return a source of the same file of which nothing was read yet."""
        return ArchiveSource(self.name)

    def segments(self) -> Iterator[Segment]:
        """Yield each segment; read it to its end before you ask for the next.  Raises nothing."""
        return filter(None, self.steps())

    def steps(self) -> Iterator[Segment | None]:
        """Yield each segment, as :meth:`segments` does, and None after each piece of what holds no records."""
        allowance = Allowance(_MAX_JOURNAL)
        try:
            with self.stream or open(self.name, "rb", opener=open_plainly) as file:
                for member in walk_in_steps(self.name, file):
                    if member is None:
                        yield None
                    elif isinstance(member, Refused):
                        self.problems.append(f"{member.name}: {member.why}")
                    else:
                        yield from self._segments_in(member, allowance)
        except OSError as error:
            self.problems.append(f"{self.name}: {error.strerror or error}")
        if self._expected:
            missing = f"{plural(len(self._expected), 'segment')} with {plural(self._expected.records, 'record')}"
            self.problems.append(f"{self.name}: {missing} missing, says the manifest")
        self.at_end = True

    def _segments_in(self, member: Member, allowance: Allowance) -> Iterator[Segment | None]:
        name, stream = member.name, _HashedStream(member.name, member.stream)
        segment: Segment | None = None
        try:
            with Boundary(name, ValueError):
                if name.endswith(f"/{MANIFEST}"):
                    self._expect(name, stream)
                else:
                    segment = yield from self._identified(name, stream, allowance)
        except ValueError as error:
            self.problems.append(f"{name}: {error}")
        if segment is not None:
            yield segment
            self._compare(name, segment, stream)
            if segment.journal.lost and not segment.seal:
                lost = f"{plural(len(segment.journal.lost), 'run')} without an end not kept: there are too many"
                self.problems.append(f"{name}: {lost}; unpack it, and give the folder instead")
        if stream.error:
            self.problems.append(f"{name}: {stream.error}")

    def _expect(self, name: str, stream: "_HashedStream") -> None:
        """Read a manifest, and expect what it lists.  Raises ValueError."""
        left = MAX_MANIFEST - self._manifests
        data = read_fully(stream, left + 1)
        if len(data) > left:
            self.problems.append(
                f"{name}: manifests of more than {MAX_MANIFEST >> 20} MiB: what they list is not checked"
            )
            return
        self._manifests += len(data)
        manifest = Manifest.parse(data)
        self.listed += manifest.records
        for entry in manifest.segments:
            self._expected.add(name.removesuffix(MANIFEST), entry)

    def _identified(
        self, name: str, stream: "_HashedStream", allowance: Allowance
    ) -> Generator[None, None, Segment | None]:
        """Yield None after each piece of a plain file; return the segment in a member, None if there is none."""
        start = read_first_line(stream, most=_MAX_FIRST_LINE)
        kind, ident = sniff(start, name)
        given = name == self.name  # in an archive, files without records are of no interest
        if len(start) > _MAX_FIRST_LINE:
            self.problems.append(f"{name}: no line ends in its first {_MAX_FIRST_LINE:,} bytes: it holds no records")
            return None
        whole: ByteStream = PutBack(BytesIO(start), stream)
        if kind is Format.NEWER:
            self.newer.append(name)
        elif kind is Format.UTF_16 or (given and (kind.is_foreign or kind is Format.UNKNOWN)):
            self.problems.append(f"{name}: {kind.value if start else 'it is empty: copy it again'}")
        elif kind is Format.PLAIN and (given or holds_record(start, name) or not start.strip(NUL)):
            held = yield from _held(whole)
            if held is None:
                self.problems.append(f"{name}: plain JSONL of more than {_MAX_PLAIN:,} bytes: give it unpacked")
                return None
            ident, whole = PLAIN_ID + stream.hash.hexdigest(), held
        if not ident:
            return None
        return Segment(name, 0, kind, ident, stream=whole, reader=Reader(journal=Journal(allowance)))

    def _compare(self, name: str, segment: Segment, stream: "_HashedStream") -> None:
        if (listed := self._expected.take(name)) is None:
            return
        missing = listed.records - segment.counts.records
        if missing > 0:
            # a plain file's id is the hash of its bytes: what was read of it is counted under another id
            self._partly.append(listed if listed.id == segment.id else listed._replace(records=missing))
            self.problems.append(
                f"{name}: {missing:,} of {plural(listed.records, 'record')} missing, says the manifest"
            )
        elif stream.hash.digest() != listed.sha256:
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
        except LostError:
            raise  # this is no end: whoever reads the segment stops there
        except (ArchiveError, UnexpectedError) as error:
            self.error = str(error)
            return b""
        self.hash.update(data)
        return data


def _held(stream: ByteStream) -> Generator[None, None, ByteStream | None]:
    """Read a stream to its end, and yield None after each piece; return what it held, None if that is too much.

    It is held compressed: what a few bytes unpacked to takes few bytes again.
    """
    packed = BytesIO()
    size = 0
    with GzipFile(fileobj=packed, mode="wb", compresslevel=1) as packer:
        for data in chunks_of(stream):
            size += packer.write(data)
            if size > _MAX_PLAIN or packed.tell() > _MAX_PACKED:
                return None
            yield None
    packed.seek(0)
    return GzipFile(fileobj=packed)
