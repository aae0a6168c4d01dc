"""A segment as the uploader sees it: what was read so far, and how its records were settled.  Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import ValidationError

from tcc_schemas.lines import Damage, Line, decode
from tcc_schemas.plain import NUL, Invalid
from tcc_schemas.records import Seal
from tcc_schemas.room import UNTOLD, Room
from tcc_schemas.splitter import LineSplitter, RawLine
from tcc_schemas.tally import Tally
from tcc_uploader.files import ByteStream
from tcc_uploader.model.fate import Counts

from .decoding import read_line, unexpected_line
from .format import Format
from .header import Writer, header_in
from .journal import Journal

Found = Line | Invalid | Damage
MOST_INVALID: Final = 20
"""How many lines of one plain file that are no records become dead letters; further ones count as damage."""
_NULS: Final = "NUL bytes, as a power loss leaves them, or a file that was emptied while its writer went on"


class Sealed(NamedTuple):
    """The numbers in a valid seal: how many records the segment has, and how many its writer refused."""

    records: int
    refused: int


_sealed = lru_cache(Sealed)  # one object for all seals with the same numbers, to save memory


@dataclass(slots=True, eq=False)
class Reader:
    """What must be kept from a segment's earlier lines to read the next ones."""

    splitter: LineSplitter = field(default_factory=LineSplitter)
    tally: Tally = field(default_factory=Tally)
    journal: Journal = field(default_factory=Journal)
    header: Writer | None = None
    invalid: int = 0
    """How many lines of a plain file are no records."""
    nuls: int = 0
    """How many NUL bytes stand before the unfinished line of a plain file."""

    def note(self, line: Line) -> None:
        """Take in the next valid line of a segment."""
        if line.kind == "segment" and line.number == 1:
            self.header = header_in(line.body)
        elif line.kind == "journal":
            self.journal.note(line)
        elif line.kind == "run" and line.is_record:
            self.journal.end(line.id)
        self.tally.add(line.crc, is_record=line.is_record)


@dataclass(slots=True, eq=False, weakref_slot=True)
class Segment:
    """A file with records.  Offsets and sizes are bytes."""

    file: str
    """The path as text: a Path takes five times as much memory, and there may be 100,000 segments."""
    identity: int
    """Device and inode of the file when it was first read: see :func:`tcc_uploader.files.identity_of`."""
    format: Format
    id: str
    number: int = 0
    """The ledger's number for ``id``."""
    counted_here: bool = True
    """Whether this uploader writes its counts and removes its file; another one does, if it reads the segment now."""
    letter: str = ""
    """The id of the letter that this is, if it is one."""
    handle: int = 0
    """A number for this file in this process: two copies of a segment have the same id and number, but two handles."""
    counts: Counts = field(default_factory=Counts)
    lines: int = 0
    """Complete lines read so far."""
    offset: int = 0
    """Where the last complete line ended."""
    reader: Reader | None = None
    """Dropped at the seal to save memory, but kept if the segment is a later one of its process: see :func:`feed`."""
    stream: ByteStream | None = None
    """The source of the bytes, if they do not come from a file; it can be read only once."""
    seal: Sealed | None = None
    room: Room = UNTOLD  # what its writer leaves, as its header tells
    finished_at: int = 0
    """When it was found to be settled and unable to grow, in whole seconds since 1970; 0: it was not yet."""
    damaged: int = 0
    unexpected: int = 0
    """How many of the ``damaged`` lines can't be read for a reason that nobody foresaw: a newer version may do it."""
    skipped: int = 0
    """How many lines are of a kind that this version does not know, and are not to be delivered."""
    cut: bool = False
    """Whether the seal does not match the lines before it: lines are missing, or were changed."""
    limit: int | None = None
    """Where to stop reading a plain file or letter.  The id of a plain file is the hash of the bytes before."""
    whole: bytes = b""
    """All bytes of a small file, kept from :func:`.reader.identify`, so that the file is opened only once."""
    at_end: bool = False
    """Whether the last read reached the end of the file at that time."""
    on_release: "Callable[[Segment], None] | None" = None
    """Is told when nothing more is done with what is read of a stream that may be read again."""
    passed_over: int = 0
    """How many pending records of such a stream wait until it is read again, because they can't be sent now."""
    is_cut_off: bool = False
    """Whether the rest of the stream could not be read."""

    @property
    def is_read_again(self) -> bool:
        """Whether this is no more than a part of what will be read."""
        return bool(self.is_cut_off or self.passed_over)

    @property
    def path(self) -> Path:
        """The path of the file; for a member of an archive it begins with the archive's path."""
        return Path(self.file)

    @property
    def bytes_id(self) -> str | None:
        """The id, if it stands for all bytes of the file, or the file has no records (``""``); None for a segment."""
        return None if self.format is Format.SEGMENT else self.id

    @property
    def header(self) -> Writer | None:
        """The segment's writer; None if it is unknown, or if ``reader`` was dropped at the seal."""
        return self.reader.header if self.reader else None

    @property
    def journal(self) -> Journal:
        """The segment's journal; an empty one if ``reader`` was dropped at the seal."""
        return self.reader.journal if self.reader else Journal()

    @property
    def torn(self) -> int:
        """The number of bytes after the last complete line."""
        return self.reader.splitter.tail if self.reader else 0

    @property
    def size(self) -> int:
        """The number of bytes read so far, including a torn tail."""
        size = self.offset + self.torn
        # feed() may have added a newline to the last line of a plain file
        return size if self.limit is None else min(size, self.limit)

    @property
    def settled(self) -> bool:
        """Whether the file was read to the end, and none of its records is pending."""
        return self.at_end and self.counts.pending == 0

    @property
    def complete(self) -> bool:
        """Whether no records can be added: it is sealed, or a plain file (bytes after ``limit`` are not read).

        A file with something unexpected is never complete: it is read again at each start.
        """
        return (self.seal is not None or self.format is Format.PLAIN) and not self.unexpected

    @property
    def is_read_plain(self) -> bool:
        """Whether it is a plain file that was read to its ``limit``: what is added is read when this is settled."""
        return self.limit is not None and self.at_end

    @property
    def removable(self) -> bool:
        """Whether the file may be removed when settled and its writer is gone.

        A damaged file is kept as evidence, and one with lines of an unknown kind for a newer version.
        """
        whole = self.format is Format.SEGMENT and not (self.damaged or self.cut or self.skipped)
        return whole and (self.seal is not None or not self.journal.undecided)

    @property
    def damage(self) -> int:
        """The number of damaged lines, plus one for a torn tail, plus one for a seal that does not match.

        What follows the last complete line is a torn tail only at the end of the file.
        """
        return self.damaged + self.cut + bool(self.at_end and self.torn)

    def is_replaced_by(self, identity: int, size: int) -> bool:
        """Whether the file at its path, with this identity and size, is another one, or must be read anew."""
        if identity != self.identity or size < min(self.offset, self.size):
            return True
        return self.format is Format.PLAIN and bool(self.unexpected) and size != self.size

    def end_early(self) -> None:
        """End a stream whose rest could not be read, behind its last complete line."""
        self.at_end = self.is_cut_off = True
        if self.reader:
            self.reader.splitter.rewind()

    def note_unexpected(self) -> None:
        """Note that a part can't be read for a reason that nobody foresaw."""
        self.damaged += 1
        self.unexpected += 1


def feed(segment: Segment, data: bytes) -> list[Found]:
    """Update a segment from its next bytes; return their records, damaged lines, and plain lines without a record."""
    reader = segment.reader = segment.reader or Reader()
    lines = reader.splitter.feed(data)
    if segment.format is Format.PLAIN:
        found = _plain_records(segment, reader, lines)
    else:
        found = [taken for raw in lines if (taken := _taken(segment, reader, raw)) is not None]
    segment.lines, segment.offset = reader.splitter.number, reader.splitter.offset
    if segment.seal and segment.at_end and not segment.torn:
        reader.journal.seal()
        writer = reader.header
        # recovery needs a later segment of a process: it may end runs that began in an earlier one
        segment.reader = reader if writer and writer.process and writer.sequence > 1 else None
    return found


def _plain_records(segment: Segment, reader: Reader, lines: list[RawLine]) -> list[Found]:
    splitter = reader.splitter
    found = [each for raw in lines for each in _plain_line(segment, reader, raw)]
    reader.nuls += splitter.skip_nuls()
    if segment.at_end and (rest := splitter.rest):
        # the last line of a hand-written file may have no newline; if this line is no record it is a torn tail
        last = read_line(RawLine(splitter.number + 1, splitter.offset, len(rest), rest), segment.file, plain=True)
        if not isinstance(last, Invalid):
            found += (each for raw in splitter.feed(b"\n") for each in _plain_line(segment, reader, raw))
    if segment.at_end:
        found += _nuls_before(segment, reader, splitter.number + 1, splitter.offset)
    return found


def _taken(segment: Segment, reader: Reader, raw: RawLine) -> Found | None:
    """Update a segment from one line; return the line if it is a record or damaged."""
    try:
        return _note(segment, reader, decode(raw))
    except BaseException as error:  # noqa: BLE001 -- the boundary
        segment.note_unexpected()
        return unexpected_line(raw, segment.file, error)


def _plain_line(segment: Segment, reader: Reader, raw: RawLine) -> Iterator[Found]:
    """Yield what a plain line holds, after the NUL bytes that stand before it."""
    data = raw.data or b""
    nuls = len(data) - len(data.lstrip(NUL))
    reader.nuls += nuls
    yield from _nuls_before(segment, reader, raw.number, raw.offset + nuls)
    record = read_line(raw, segment.file, plain=True)
    if isinstance(record, Damage):
        segment.note_unexpected()
        yield record
        return
    if isinstance(record, Invalid):
        reader.invalid += 1
        if reader.invalid > MOST_INVALID:  # a file of another program must not make a letter of every line
            segment.damaged += 1
            return
    if record is not None:
        segment.counts.records += 1
        yield record


def _nuls_before(segment: Segment, reader: Reader, number: int, end: int) -> Iterator[Damage]:
    """Yield the NUL bytes that end at ``end`` and stand before line ``number``, as one damage, if there are any."""
    size, reader.nuls = reader.nuls, 0
    if size:
        segment.damaged += 1
        yield Damage(number, end - size, size, _NULS, b"")


def _note(segment: Segment, reader: Reader, found: Line | Damage) -> Found | None:
    """Update a segment from one line; return the line if it is a record or damaged."""
    segment.seal = None  # a seal is valid only as the last line
    if isinstance(found, Damage):
        segment.damaged += 1
        return found
    is_record = found.is_record
    if found.kind == "seal":
        try:
            seal = Seal.model_validate_json(found.body)
        except ValidationError:
            segment.damaged += 1
        else:
            segment.seal = _sealed(seal.records, seal.refused)
            segment.cut = (seal.records, seal.crcs) != (reader.tally.records, reader.tally.crcs)
    elif not (is_record or found.kind == "journal" or (found.kind == "segment" and found.number == 1)):
        segment.skipped += 1
    reader.note(found)
    if reader.header is not None:
        segment.room = reader.header.room
    segment.counts.records += is_record
    return found if is_record else None
