"""One file of a spool as the uploader sees it: how far it was read, what it held, what became of it.  Pure."""

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
from tcc_uploader.files import ByteStream, inode_of
from tcc_uploader.model.fate import Counts

from .format import Format
from .journal import Journal

Found = Line | Invalid | Damage


MOST_INVALID: Final = 20
"""Lines of one plain file that may become letters because they are no records."""
FIRST: Final = 1
"""The sequence number of a process's first segment."""


class Writer(NamedTuple):
    """Who wrote a segment, as its first line says (:class:`tcc_schemas.records.SegmentHeader`)."""

    host: str
    boot_id: str
    process: str
    sequence: int
    inode: int


class Sealed(NamedTuple):
    """What a valid seal says of its segment: its records, and those that its writer had to refuse."""

    records: int
    refused: int


@dataclass(slots=True, eq=False)
class Reader:
    """What is known of a segment's lines for the sake of those to come."""

    splitter: LineSplitter = field(default_factory=LineSplitter)
    tally: Tally = field(default_factory=Tally)
    journal: Journal = field(default_factory=Journal)
    header: Writer | None = None
    invalid: int = 0
    """Lines of a plain file that are no records, and are letters of their own."""

    @property
    def tells_of_earlier(self) -> bool:
        """Whether it may say what became of a run that began in an earlier segment of the same process."""
        return self.header is not None and self.header.process != "" and self.header.sequence > FIRST

    def note(self, line: Line) -> None:
        """Take a line of a segment, in order."""
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
    """Which file it was when it was first looked at: see :func:`identity_of`."""
    format: Format
    id: str
    number: int = 0
    """The ledger's number for its id."""
    handle: int = 0
    """This file's number in this process: two copies of a segment share an id and a number, not a handle."""
    counts: Counts = field(default_factory=Counts)
    lines: int = 0
    """Complete lines read so far, and where the last of them ended."""
    offset: int = 0
    reader: Reader | None = None
    """Made with the first bytes, and let go at a seal: of 100,000 segments that wait, most will never grow."""
    stream: ByteStream | None = None
    """Where its bytes come from, if that is no file: they can't be read a second time."""
    seal: Sealed | None = None
    damaged: int = 0
    skipped: int = 0
    """Lines of a kind that this version does not know and that ask for no delivery."""
    cut: bool = False
    """The seal and the lines before it do not agree."""
    limit: int | None = None
    """Where to stop reading: the bytes that a plain file's id was made from."""
    whole: bytes = b""
    """All of a small file, from when it was identified until it is read: it is opened once."""
    at_end: bool = False
    """Read up to where the file ended when it was last looked at."""

    @property
    def path(self) -> Path:
        """Where it lies; a name within an archive, for one that an archive carries."""
        return Path(self.file)

    @property
    def header(self) -> Writer | None:
        """Who writes it, as long as that may matter."""
        return self.reader.header if self.reader else None

    @property
    def journal(self) -> Journal:
        """What its journal lines say, as long as that may matter."""
        return self.reader.journal if self.reader else Journal()

    @property
    def torn(self) -> int:
        """Bytes of its torn tail."""
        return self.reader.splitter.tail if self.reader else 0

    @property
    def inode(self) -> int:
        """Its file's inode."""
        return inode_of(self.identity)

    @property
    def size(self) -> int:
        """Bytes read so far, the torn tail included."""
        size = self.offset + self.torn
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
        return self.damaged + self.cut + bool(self.torn)


def take(segment: Segment, data: bytes) -> list[Found]:
    """Take a segment's next bytes: note what their lines say of it, return what concerns delivery."""
    reader = segment.reader = segment.reader or Reader()
    lines = reader.splitter.feed(data)
    if segment.format is Format.PLAIN:
        concerned = _plain(segment, reader, lines)
    else:
        concerned = [found for raw in lines if (found := _note(segment, reader, decode(raw))) is not None]
    segment.lines, segment.offset = reader.splitter.number, reader.splitter.offset
    if segment.seal and segment.at_end and not segment.torn:
        reader.journal.seal()
        segment.reader = reader if reader.tells_of_earlier else None
    return concerned


def _plain(segment: Segment, reader: Reader, lines: list[RawLine]) -> list[Found]:
    splitter = reader.splitter
    if segment.at_end and (rest := splitter.rest):
        # the last line of a hand-written file may lack its newline; one that is no record is torn
        last = plain_record(RawLine(splitter.number + 1, splitter.offset, len(rest), rest))
        lines += [] if isinstance(last, Invalid) else splitter.feed(b"\n")
    found = [record for raw in lines if (record := plain_record(raw)) is not None and _counts(segment, reader, record)]
    segment.counts.records += len(found)
    return list(found)


def _counts(segment: Segment, reader: Reader, record: Line | Invalid) -> bool:
    """Whether what a plain line holds meets a fate: a file of something else must not become a letter for each line."""
    if isinstance(record, Invalid):
        reader.invalid += 1
        segment.damaged += reader.invalid > MOST_INVALID
    return isinstance(record, Line) or reader.invalid <= MOST_INVALID


def _note(segment: Segment, reader: Reader, found: Line | Damage) -> Found | None:
    """Take what a line says of its segment; return it if it concerns delivery."""
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


@lru_cache
def _sealed(records: int, refused: int) -> Sealed:
    """Return what many seals say alike."""
    return Sealed(records, refused)


def _header(body: bytes) -> Writer | None:
    try:
        header = SegmentHeader.model_validate_json(body)
    except ValidationError:
        return None
    host, boot_id, process = map(sys.intern, (header.host, header.boot_id, header.process))
    return Writer(host, boot_id, process, header.sequence, header.inode)
