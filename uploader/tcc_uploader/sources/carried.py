"""Segments that were carried here: in bundles and other archives, or through standard input.  Read once, in order."""

import hashlib
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from tcc_uploader.files import ByteStream, open_plainly
from tcc_uploader.spool.format import Format, holds_record
from tcc_uploader.spool.journal import Allowance, Journal
from tcc_uploader.spool.reader import read_first_line, sniffed
from tcc_uploader.spool.segment import Reader, Segment

from .manifest import MANIFEST, MAX_MANIFEST, Manifest, ManifestEntry
from .streams import ArchiveError, read_fully
from .walk import Member, Refused, walk_archive

_MAX_PLAIN: Final = 256 * 1024 * 1024
"""Bytes of a plain file in an archive: it is read whole, for its identity is the hash of its bytes."""
_MAX_FIRST_LINE: Final = 64 * 1024 * 1024
"""Bytes in which a member's first line must end."""
_MAX_JOURNAL: Final = 64 * 1024 * 1024
"""Bytes of journal that may be in memory at once."""
_NO_FILE: Final = 0


class ArchiveSource:
    """One archive, compressed file or stream with segments.  What is wrong with it shows in ``wrong`` as it is read."""

    def __init__(self, path: Path, opened: Callable[[], BinaryIO]) -> None:
        self.path = path
        self.wrong: list[str] = []
        """Members that can't be read and why, and what the manifest says is missing."""
        self.newer: list[Path] = []
        """Members of a format that only a newer version can read."""
        self._opened = opened
        self._expected: dict[str, ManifestEntry] = {}
        """What manifests tell and was not met yet, by a member's name."""

    def segments(self) -> Iterator[Segment]:
        """Yield each segment; it must be read to its end before the next.  Nothing is raised."""
        allowance = Allowance(_MAX_JOURNAL)
        try:
            with self._opened() as file:
                for member in walk_archive(str(self.path), file):
                    if isinstance(member, Refused):
                        self.wrong.append(f"{member.name}: {member.why}")
                    else:
                        yield from self._segments_in(member, allowance)
        except OSError as error:
            self.wrong.append(f"{self.path}: {error.strerror or error}")
        self._tell_missing()

    def _segments_in(self, member: Member, allowance: Allowance) -> Iterator[Segment]:
        checked = _Checked(member.stream)
        if member.name.endswith(f"/{MANIFEST}"):
            self._take_manifest(member.name, read_fully(checked, MAX_MANIFEST + 1))
        else:
            segment = self._identified(member.name, checked, allowance)
            if segment is not None:
                yield segment
                self._compare(member.name, segment, checked)
        if checked.error:
            self.wrong.append(f"{member.name}: {checked.error}")

    def _identified(self, name: str, checked: "_Checked", allowance: Allowance) -> Segment | None:
        start = read_first_line(checked, most=_MAX_FIRST_LINE)
        kind, ident = sniffed(start)
        given = name == str(self.path)  # by itself; beside others, what holds no records is somebody else's
        if len(start) > _MAX_FIRST_LINE:
            self.wrong.append(f"{name}: no line ends in its first {_MAX_FIRST_LINE:,} bytes: it holds no records")
            return None
        if kind is Format.NEWER:
            self.newer.append(Path(name))
        elif given and kind in (Format.OTHER, Format.UNKNOWN):
            self.wrong.append(f"{name}: {kind.value if start else 'it is empty: copy it again'}")
        elif not given and kind is Format.PLAIN and not holds_record(start):
            return None
        elif kind is Format.PLAIN:
            start += read_fully(checked, _MAX_PLAIN + 1 - len(start))
            if len(start) > _MAX_PLAIN:
                self.wrong.append(f"{name}: plain JSONL of more than {_MAX_PLAIN:,} bytes: unpack it and give the file")
                return None
            ident = "plain-" + hashlib.sha256(start).hexdigest()
        if not ident:
            return None
        checked.put_back(start)
        return Segment(name, _NO_FILE, kind, ident, stream=checked, reader=Reader(journal=Journal(allowance)))

    def _take_manifest(self, name: str, data: bytes) -> None:
        try:
            manifest = Manifest.parse(data)
        except ValueError as error:
            self.wrong.append(f"{name}: {error}")
            return
        folder = name.removesuffix(MANIFEST)
        self._expected |= {folder + entry.name: entry for entry in manifest.segments}

    def _compare(self, name: str, segment: Segment, checked: "_Checked") -> None:
        entry = self._expected.pop(name, None)
        if entry is None:
            return
        missing = (entry.records or 0) - segment.counts.records
        if missing > 0:
            self.wrong.append(f"{name}: {missing:,} of {entry.records:,} records are missing, says the manifest")
        elif checked.hexdigest != entry.sha256:
            self.wrong.append(f"{name}: its bytes are not those that the manifest tells of")

    def _tell_missing(self) -> None:
        if self._expected:
            records = sum(entry.records or 0 for entry in self._expected.values())
            files = f"{len(self._expected):,} segment{'s'[: len(self._expected) != 1]}"
            self.wrong.append(f"{self.path}: {files} with {records:,} records are missing, says the manifest")


class _Checked:
    """A member's stream that ends where it can't be read on, and hashes what was read."""

    def __init__(self, stream: ByteStream) -> None:
        self.error = ""
        self._stream: ByteStream = stream
        self._hash = hashlib.sha256()
        self._first = BytesIO()

    @property
    def hexdigest(self) -> str:
        """The sha256 of what was read."""
        return self._hash.hexdigest()

    def put_back(self, data: bytes) -> None:
        """Let these bytes be read once more; they are hashed already."""
        self._first = BytesIO(data)

    def read(self, size: int, /) -> bytes:
        """Return the next bytes; none at the end, or when the rest can't be read."""
        if again := self._first.read(size):
            return again
        self._first = BytesIO()
        if self.error:
            return b""
        try:
            data = self._stream.read(size)
        except ArchiveError as error:
            self.error = str(error)
            return b""
        self._hash.update(data)
        return data


def from_file(path: Path) -> ArchiveSource:
    """Return what is carried in a file."""
    return ArchiveSource(path, lambda: open(path, "rb", opener=open_plainly))


def from_stdin() -> ArchiveSource:
    """Return what comes through standard input."""
    return ArchiveSource(Path("stdin"), lambda: sys.stdin.buffer)
