"""One file of a spool as the uploader sees it: how far it was read, what it held, what became of it."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import ValidationError

from tcc_schemas.lines import MAX_LINE, Damage, Line, LineSplitter, RawLine, Tally, decode
from tcc_schemas.records import Seal, SegmentHeader

from .formats import Format, Invalid, plain_record, segment_id, sniff
from .journal import Journal, recovered
from .letters import Letter
from .rows import Counts, SegmentRow

CHUNK: Final = 1024 * 1024
"""Bytes read at once."""

Found = Line | Invalid | Damage


class Identity(NamedTuple):
    """Which file a name stands for now."""

    device: int
    inode: int


@dataclass(slots=True, eq=False)
class Segment:
    """A file with records.  Offsets and sizes are bytes."""

    path: Path
    identity: Identity
    format: Format
    id: str
    number: int = 0
    """The ledger's number for its id."""
    handle: int = 0
    """This file's number in this process: two copies of a segment share an id and a number, not a handle."""
    header: SegmentHeader | None = None
    counts: Counts = field(default_factory=Counts)
    splitter: LineSplitter = field(default_factory=LineSplitter)
    tally: Tally = field(default_factory=Tally)
    journal: Journal = field(default_factory=Journal)
    recovered: dict[int, Line] = field(default_factory=dict)
    """Records made from the journal, by the line that they count for."""
    seal: Seal | None = None
    damaged: int = 0
    skipped: int = 0
    """Lines of a kind that this version does not know and that ask for no delivery."""
    cut: bool = False
    """The seal and the lines before it do not agree."""
    limit: int | None = None
    """Where to stop reading: the bytes that a plain file's id was made from."""
    at_end: bool = False
    """Read up to where the file ended when it was last looked at."""

    @property
    def size(self) -> int:
        """Bytes read so far, the torn tail included."""
        size = self.splitter.offset + self.splitter.tail
        return size if self.limit is None else min(size, self.limit)  # a newline may have been added in thought

    @property
    def settled(self) -> bool:
        """Whether every record read so far has met its fate, and nothing is left to read."""
        return self.at_end and self.counts.pending == 0

    @property
    def complete(self) -> bool:
        """Whether nothing more can come: a sealed segment, or a plain file as it was when it was first read."""
        return self.seal is not None or self.format is Format.PLAIN

    @property
    def removable(self) -> bool:
        """Whether it may go once it is settled and its writer gone: a damaged file stays, as the evidence it is."""
        undamaged = self.format is Format.SEGMENT and not self.damaged and not self.cut
        return undamaged and (self.seal is not None or not self.journal.undecided)

    @property
    def damage(self) -> int:
        """Damaged lines, and one each for a torn tail and for a seal that does not match."""
        return self.damaged + self.cut + bool(self.splitter.tail)

    def row(self, *, finished: bool) -> SegmentRow:
        """Return what the ledger keeps of it."""
        seal = self.seal
        return SegmentRow(
            self.number,
            self.id,
            file_name(self.path),
            self.size,
            finished,
            self.counts,
            self.damaged + self.cut,
            self.splitter.tail,
            seal.refused if seal else 0,
            seal.records if seal else None,
        )


def file_name(path: Path) -> str:
    """Return a path as text that UTF-8 can hold, whatever bytes it is made of."""
    return os.fsencode(path).decode(errors="backslashreplace")


class NotAFileError(OSError):
    """The name stands for a link, a device or a folder: it is left alone."""


@contextmanager
def opened(path: Path) -> Iterator[tuple[FileIO, os.stat_result]]:
    """Open a file of a spool for reading: no links, no devices, no waiting.  Raises OSError."""
    with FileIO(path, "rb", opener=open_plainly) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise NotAFileError(errno.EINVAL, "no regular file", str(path))
        yield file, status


def open_plainly(path: str, flags: int) -> int:
    """Open without following a link, and without waiting for a pipe's other end."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def _read_at(file: FileIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size) or b""


def identify(path: Path) -> Segment:
    """Look at how a file begins.  Raises OSError."""
    with opened(path) as (file, status):
        start = _read_first_line(file)
        splitter = LineSplitter()
        lines = splitter.feed(start)
        limit = None
        kind = sniff(lines, splitter.rest)
        if kind is Format.PLAIN:
            limit, digest = _hash(file)
            ident = "plain-" + digest
        elif kind is Format.SEGMENT and lines:
            ident = segment_id(decode(lines[0]))
        else:
            ident = ""  # nothing complete to name it by yet
    return Segment(path, Identity(status.st_dev, status.st_ino), kind, ident, limit=limit)


def read_on(segment: Segment) -> list[Found]:
    """Read the next chunk of a file, and note what its lines say of the segment.  Raises OSError."""
    if segment.at_end:
        segment.splitter.rewind()  # what was a torn tail may have been cut off and written over
    with opened(segment.path) as (file, status):
        if Identity(status.st_dev, status.st_ino) != segment.identity or status.st_size < segment.size:
            raise FileNotFoundError(errno.ENOENT, "another file has taken this name", str(segment.path))
        end = status.st_size if segment.limit is None else segment.limit
        data = _read_at(file, segment.size, min(CHUNK, end - segment.size))
        segment.at_end = segment.size + len(data) >= end
    lines = segment.splitter.feed(data)
    if segment.format is Format.PLAIN:
        return _plain(segment, lines)
    return [found for raw in lines if (found := _note(segment, decode(raw))) is not None]


def fetch(segment: Segment, offset: int, size: int, number: int) -> Line | None:
    """Read one record again; None if it can't be read as it was.  Raises OSError, FileNotFoundError if it has gone."""
    if number in segment.recovered:
        return segment.recovered[number]
    with opened(segment.path) as (file, status):
        if Identity(status.st_dev, status.st_ino) != segment.identity:
            raise FileNotFoundError(errno.ENOENT, "another file has taken this name", str(segment.path))
        data = _read_at(file, offset, size)
    if segment.format is Format.LETTER:
        return letter_line(Letter.model_validate_json(data))
    raw = RawLine(number, offset, size, data.removesuffix(b"\n"))
    found = plain_record(raw) if segment.format is Format.PLAIN else decode(raw)
    return found if isinstance(found, Line) else None


def recover(segment: Segment, run_id: str) -> Line | None:
    """Make the record of a run of this segment whose process died; None if the journal can't be read any more.

    Raises OSError.
    """
    run = segment.journal.open[run_id]
    own = fetch(segment, *run.own[1:], run.own.number)
    if own is None:
        return None
    children = [fetch(segment, child.offset, child.size, child.number) for child in run.children.values()]
    return recovered(run.place, own, [child for child in children if child is not None])


def open_letter(path: Path, number: int) -> tuple[Segment, Line]:
    """Take a letter as a file with one record, which counts in the segment with this number.

    Raises OSError, or ValueError if it is no letter.
    """
    with opened(path) as (file, status):
        data = file.read() or b""
    letter = Letter.model_validate_json(data)
    identity = Identity(status.st_dev, status.st_ino)
    segment = Segment(path, identity, Format.LETTER, letter.segment, number=number, limit=len(data))
    return segment, letter_line(letter)._replace(size=len(data))


def letter_line(letter: Letter) -> Line:
    """Return the record that a letter stands for."""
    return Line(
        number=letter.line,
        offset=0,
        size=0,
        crc=b"",
        kind=letter.kind,
        id=letter.record_id,
        run_id=letter.run_id,
        at=letter.died_at,
        path=letter.path,
        url=letter.record_url,
        key=letter.key,
        converted=False,
        body=letter.body_bytes,
    )


def _plain(segment: Segment, lines: list[RawLine]) -> list[Found]:
    splitter = segment.splitter
    if segment.at_end and (rest := splitter.rest):
        # the last line of a hand-written file may lack its newline; one that is no record is torn
        last = plain_record(RawLine(splitter.number + 1, splitter.offset, len(rest), rest))
        lines += [] if isinstance(last, Invalid) else splitter.feed(b"\n")
    found = [record for raw in lines if (record := plain_record(raw)) is not None]
    segment.counts.records += len(found)
    return list(found)


def _note(segment: Segment, found: Line | Damage) -> Found | None:
    """Take what a line says of its segment; return it if it concerns delivery."""
    segment.seal = None  # a seal counts only as the last line
    if isinstance(found, Damage):
        segment.damaged += 1
        return found
    if found.kind == "seal":
        _note_seal(segment, found)
    elif found.kind == "segment" and found.number == 1:
        segment.header = _header(found.body)
    elif found.kind == "journal":
        segment.journal.note(found)
    elif not found.is_record:
        segment.skipped += 1
    elif found.kind == "run":
        segment.journal.end(found.id)
    segment.tally.add(found.crc, is_record=found.is_record)
    segment.counts.records += found.is_record
    return found if found.is_record else None


def _note_seal(segment: Segment, line: Line) -> None:
    try:
        seal = Seal.model_validate_json(line.body)
    except ValidationError:
        segment.damaged += 1
        return
    segment.seal = seal
    segment.cut = (seal.records, seal.crcs) != (segment.tally.records, segment.tally.crcs)


def _header(body: bytes) -> SegmentHeader | None:
    try:
        return SegmentHeader.model_validate_json(body)
    except ValidationError:
        return None


def _read_first_line(file: FileIO) -> bytes:
    """Read a chunk, and more if it holds no complete line."""
    data = file.read(CHUNK) or b""
    while b"\n" not in data and len(data) <= MAX_LINE and (more := file.read(CHUNK)):
        data += more
    return data


def _hash(file: FileIO) -> tuple[int, str]:
    """Return a file's size and the sha256 of so many bytes."""
    file.seek(0)
    digest = hashlib.sha256()
    size = 0
    while chunk := file.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()
