"""A segment as the uploader sees it: how far its file was read, what it held, what became of its records.  Pure."""

import sys
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import ValidationError

from tcc_schemas.lines import Damage, Line, LineSplitter, RawLine, decode
from tcc_schemas.plain import Invalid, plain_record
from tcc_schemas.records import Seal, SegmentHeader
from tcc_schemas.tally import Tally
from tcc_uploader.files import ByteStream
from tcc_uploader.model.fate import Counts

from .format import Format
from .journal import Journal

Found = Line | Invalid | Damage
MOST_INVALID: Final = 20
"""Lines of one plain file that become dead letters because they are no records; further ones count as damage."""


class Writer(NamedTuple):
    """Who wrote a segment, as its first line says (:class:`tcc_schemas.records.SegmentHeader`)."""

    host: str
    boot_id: str
    process: str
    sequence: int
    inode: int


class Sealed(NamedTuple):
    """What a valid seal tells: the number of records in its segment, and of those that its writer refused."""

    records: int
    refused: int


_sealed = lru_cache(Sealed)  # one object for all seals with the same numbers, to save memory


@dataclass(slots=True, eq=False)
class Reader:
    """What must be known of a segment's lines to read the next ones."""

    splitter: LineSplitter = field(default_factory=LineSplitter)
    tally: Tally = field(default_factory=Tally)
    journal: Journal = field(default_factory=Journal)
    header: Writer | None = None
    invalid: int = 0
    """Lines of a plain file that are no records."""

    def note(self, line: Line) -> None:
        """Note the next line of a segment."""
        if line.kind == "segment" and line.number == 1:
            self.header = _header(line.body)
        elif line.kind == "journal":
            self.journal.note(line)
        elif line.kind == "run" and line.is_record:
            self.journal.end(line.id)
        self.tally.add(line.crc, is_record=line.is_record)


@dataclass(slots=True, eq=False)
class Segment:
    """A file with records.  Offsets and sizes are bytes."""

    file: str
    """Its path, as text: there may be 100,000 segments in memory, and a Path takes five times as much."""
    identity: int
    """Which file it was at first: see :func:`tcc_uploader.files.identity_of`."""
    format: Format
    id: str
    number: int = 0
    """The ledger's number for its id."""
    handle: int = 0
    """This file's number in this process: two copies of a segment share an id and a number, not a handle."""
    counts: Counts = field(default_factory=Counts)
    lines: int = 0
    """Complete lines read so far."""
    offset: int = 0
    """Where the last of them ended."""
    reader: Reader | None = None
    """Made at the first bytes, and dropped at a seal, to save memory: most of 100,000 waiting segments never grow."""
    stream: ByteStream | None = None
    """Where its bytes come from if not from a file; they can be read once."""
    seal: Sealed | None = None
    damaged: int = 0
    skipped: int = 0
    """Lines of a kind that this version does not know and that are not to be delivered."""
    cut: bool = False
    """The seal does not match the lines before it: some are missing, or changed."""
    limit: int | None = None
    """Where to stop reading a plain file: its id is the hash of so many bytes."""
    whole: bytes = b""
    """All bytes of a small file, read when it was identified, so that it is opened once."""
    at_end: bool = False
    """Whether it was read to the end that the file had then."""

    @property
    def path(self) -> Path:
        """Its path; that of a member of an archive begins with the archive's."""
        return Path(self.file)

    @property
    def header(self) -> Writer | None:
        """Who wrote it; None once it is sealed and read."""
        return self.reader.header if self.reader else None

    @property
    def journal(self) -> Journal:
        """Its journal; an empty one once it is sealed and read."""
        return self.reader.journal if self.reader else Journal()

    @property
    def torn(self) -> int:
        """Bytes behind its last complete line."""
        return self.reader.splitter.tail if self.reader else 0

    @property
    def size(self) -> int:
        """Bytes read so far, the torn tail included."""
        size = self.offset + self.torn
        # the last line of a plain file may be counted with a newline that is not in the file
        return size if self.limit is None else min(size, self.limit)

    @property
    def settled(self) -> bool:
        """Whether the file was read to its end, and no record of it is pending."""
        return self.at_end and self.counts.pending == 0

    @property
    def complete(self) -> bool:
        """Whether no more records can come: it is sealed, or a plain file, of which later bytes are not read."""
        return self.seal is not None or self.format is Format.PLAIN

    @property
    def removable(self) -> bool:
        """Whether it may be removed once it is settled and its writer gone.  A damaged file stays, as evidence."""
        undamaged = self.format is Format.SEGMENT and not self.damaged and not self.cut
        return undamaged and (self.seal is not None or not self.journal.undecided)

    @property
    def damage(self) -> int:
        """Damaged lines, plus one for a torn tail and one for a seal that does not match."""
        return self.damaged + self.cut + bool(self.torn)


def feed(segment: Segment, data: bytes) -> list[Found]:
    """Note what a segment's next bytes tell; return the records, and what is damaged among their lines."""
    reader = segment.reader = segment.reader or Reader()
    lines = reader.splitter.feed(data)
    if segment.format is Format.PLAIN:
        found = _plain_records(segment, reader, lines)
    else:
        found = [noted for raw in lines if (noted := _note(segment, reader, decode(raw))) is not None]
    segment.lines, segment.offset = reader.splitter.number, reader.splitter.offset
    if segment.seal and segment.at_end and not segment.torn:
        reader.journal.seal()
        writer = reader.header
        # a process's later segments may end runs that began in an earlier one
        segment.reader = reader if writer and writer.process and writer.sequence > 1 else None
    return found


def _plain_records(segment: Segment, reader: Reader, lines: list[RawLine]) -> list[Found]:
    splitter = reader.splitter
    if segment.at_end and (rest := splitter.rest):
        # the last line of a hand-written file may have no newline; if it is no record it is a torn tail
        last = plain_record(RawLine(splitter.number + 1, splitter.offset, len(rest), rest))
        lines += [] if isinstance(last, Invalid) else splitter.feed(b"\n")
    found: list[Found] = []
    for raw in lines:
        record = plain_record(raw)
        if isinstance(record, Invalid):
            reader.invalid += 1
            if reader.invalid > MOST_INVALID:  # not every line of a foreign file may become a dead letter
                segment.damaged += 1
                continue
        if record is not None:
            found.append(record)
    segment.counts.records += len(found)
    return found


def _note(segment: Segment, reader: Reader, found: Line | Damage) -> Found | None:
    """Note what a line tells of its segment; return it if it is a record or damage."""
    segment.seal = None  # a seal counts only as the last line
    if isinstance(found, Damage):
        segment.damaged += 1
        return found
    is_record = found.is_record
    if found.kind == "seal":
        _note_seal(segment, reader.tally, found)
    elif not (is_record or found.kind == "journal" or (found.kind == "segment" and found.number == 1)):
        segment.skipped += 1
    reader.note(found)
    segment.counts.records += is_record
    return found if is_record else None


def _note_seal(segment: Segment, tally: Tally, line: Line) -> None:
    try:
        seal = Seal.model_validate_json(line.body)
    except ValidationError:
        segment.damaged += 1
        return
    segment.seal = _sealed(seal.records, seal.refused)
    segment.cut = (seal.records, seal.crcs) != (tally.records, tally.crcs)


def _header(body: bytes) -> Writer | None:
    try:
        header = SegmentHeader.model_validate_json(body)
    except ValidationError:
        return None
    host, boot_id, process = map(sys.intern, (header.host, header.boot_id, header.process))
    return Writer(host, boot_id, process, header.sequence, header.inode)
