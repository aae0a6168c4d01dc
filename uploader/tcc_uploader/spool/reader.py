"""Read a segment's file: identify it from its first lines, read it chunk by chunk, read single records again."""

import errno
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Final

from tcc_schemas.lines import Damage, Line
from tcc_schemas.room import UNTOLD, Room
from tcc_schemas.splitter import MAX_LINE, LineSplitter, RawLine
from tcc_uploader.boundary import Boundary, UnexpectedError
from tcc_uploader.files import CHUNK, DISK, ByteStream, Disk, identity_of, opened, read_fully

from .decoding import read_line
from .format import PLAIN_ID, Format, few_lines, sniff
from .journal import LineRef, Span, recovered
from .scan import Seen, stamp_of
from .segment import Found, Reader, Segment, feed

_STREAM_CHUNK: Final = 64 * 1024
"""Bytes that are read from a stream in one call."""


def identify(path: Path, disk: Disk = DISK) -> tuple[Segment, Seen]:
    """Return the segment in a file, and the file as it was then; no record is read yet.  Raises OSError."""
    return next(filter(None, identify_in_steps(path, disk)))


def identify_in_steps(path: Path, disk: Disk = DISK) -> Iterator[tuple[Segment, Seen] | None]:
    """Yield None after each chunk of a plain file, which is hashed whole; at last what :func:`identify` returns.

    The size was taken before the first byte was read: what is written meanwhile is seen as growth later.
    Raises OSError.
    """
    with Boundary(str(path), OSError), opened(path, disk=disk) as (file, status):
        start = read_first_line(file, min(CHUNK, status.st_size))
        kind, ident = sniff(start, str(path))
        limit = None
        if kind is Format.PLAIN:
            file.seek(0)
            whole_hash = hashlib.sha256()
            while data := file.read(CHUNK):
                whole_hash.update(data)
                if len(data) == CHUNK:
                    yield None
            ident = PLAIN_ID + whole_hash.hexdigest()
            limit = file.tell()
    whole = start if kind is Format.SEGMENT and len(start) >= status.st_size else b""
    seen = Seen(str(path), identity_of(status), status.st_size if limit is None else limit, stamp_of(status))
    yield Segment(seen.file, seen.identity, kind, ident, limit=limit, whole=whole), seen


def room_told_in(path: Path) -> Room:
    """Return what a segment's header tells of the room in its spool; the defaults if it can't be read."""
    with suppress(OSError), opened(path) as (file, status):
        start = read_first_line(file, min(CHUNK, status.st_size))
        segment = Segment(str(path), identity_of(status), *sniff(start, str(path)))
        if segment.format is Format.SEGMENT:
            feed(segment, start)
            return segment.room
    return UNTOLD


def begins_with(path: Path, size: int, ident: str) -> bool:
    """Whether the first ``size`` bytes of a file are those of the plain file with this id.  Raises OSError."""
    hashed = hashlib.sha256()
    with opened(path) as (file, _):
        while data := file.read(min(CHUNK, size)):
            hashed.update(data)
            size -= len(data)
    return not size and ident == PLAIN_ID + hashed.hexdigest()


def read_first_line(stream: ByteStream, size: int = CHUNK, most: int = MAX_LINE) -> bytes:
    """Read ``size`` bytes, then more (up to about ``most``) until there is a complete line.  Raises OSError."""
    parts = [stream.read(size)]
    size = len(parts[0])
    while b"\n" not in parts[-1] and size <= most and (more := stream.read(CHUNK)):
        parts.append(more)
        size += len(more)
    return b"".join(parts)


def read_on(segment: Segment, disk: Disk = DISK) -> list[Found]:
    """Read a segment's next chunk; return its records and damage.  Raises OSError; FileNotFoundError if it is gone."""
    try:
        with Boundary(segment.file, OSError):
            return _read_on(segment, disk)
    except UnexpectedError as error:
        if segment.stream is None:
            raise
        segment.note_unexpected()
        segment.at_end = True
        return [Damage(segment.lines + 1, segment.offset, 0, str(error), b"")]


def _read_on(segment: Segment, disk: Disk) -> list[Found]:
    if segment.at_end and segment.reader:
        segment.reader.splitter.rewind()  # the writer may have overwritten a torn tail
    if segment.whole:
        data = few_lines(segment.whole)
        segment.whole = segment.whole[len(data) :]
        segment.at_end = not segment.whole
    elif segment.stream is None:
        data = _read_file_on(segment, disk)
        if segment.reader is None and not data:
            return []  # sealed, and nothing was added after the seal
    else:
        data = segment.stream.read(_STREAM_CHUNK)
        segment.at_end = not data
    return feed(segment, data)


def fetch(segment: Segment, place: LineRef, disk: Disk = DISK) -> Line | None:
    """Read one line again; None if it is damaged now.

    Raises OSError; FileNotFoundError if the file is gone, or is a plain file that was written anew.
    """
    if isinstance(place, Line):
        return place
    raw = RawLine(place.number, place.offset, place.size, read_again(segment, place, disk).removesuffix(b"\n"))
    found = read_line(raw, segment.file, plain=segment.format is Format.PLAIN)
    if segment.format is Format.PLAIN and not isinstance(found, Line):
        raise FileNotFoundError(errno.ENOENT, "it was written anew", segment.file)
    return found if isinstance(found, Line) else None


def read_again(segment: Segment, place: Span, disk: Disk = DISK) -> bytes:
    """Read the bytes of a line again.  Raises OSError, also for a stream; FileNotFoundError if the file is gone."""
    if segment.stream is not None:
        raise OSError(errno.ESPIPE, "a stream can't be read again: unpack it", segment.file)
    with opened(segment.file, segment.identity, disk) as (file, _):
        file.seek(place.offset)
        return read_fully(file, place.size)


def recover(segment: Segment, run_id: str, disk: Disk = DISK) -> Line | None:
    """Make the record of an open run whose process died; None if its line is damaged.  Raises OSError, ValueError."""
    with Boundary(segment.file, OSError, ValueError):
        run = segment.journal.open[run_id]
        own = fetch(segment, run.own, disk)
        if own is None:
            return None
        children = [fetch(segment, child, disk) for child in run.children.values()]
        return recovered(run.place, own, [child for child in children if child is not None])


def _read_file_on(segment: Segment, disk: Disk) -> bytes:
    with opened(segment.file, segment.identity, disk) as (file, status):
        if status.st_size < segment.size:
            raise FileNotFoundError(errno.ENOENT, "another file has taken this name", segment.file)
        end = status.st_size if segment.limit is None else segment.limit
        if segment.reader is None and 0 < segment.size < end:
            segment.reader = _caught_up(file, segment)
        file.seek(segment.size)
        data = few_lines(file.read(min(CHUNK, end - segment.size)))
        if segment.reader is not None and _is_replaced(file, segment.reader.splitter):
            segment.reader.splitter.rewind()
            return b""  # the next read begins where that line did
        segment.at_end = segment.size + len(data) >= end or not data  # a plain file may have become shorter
    return data


def _is_replaced(file: FileIO, splitter: LineSplitter) -> bool:
    """Whether the writer took back the line of which the beginning was read before, and wrote another one.

    Asked after a read: what was read then belongs to the same line if that is still there.
    """
    begun = splitter.begun
    if not begun:
        return False
    file.seek(splitter.offset)
    return read_fully(file, len(begun)) != begun


def _caught_up(file: FileIO, segment: Segment) -> Reader:
    """Make a segment's reader again: it was dropped at the seal, but there are more bytes after the seal."""
    reader = Reader()
    file.seek(0)
    while (left := segment.size - reader.splitter.offset - reader.splitter.tail) and (
        data := file.read(min(CHUNK, left))
    ):
        for raw in reader.splitter.feed(data):
            found = read_line(raw, segment.file, plain=False)
            if isinstance(found, Line):
                reader.note(found)
    return reader
