"""Where lines stand, in little memory, and how they are read again."""

import tempfile
from array import array
from bisect import bisect_left
from collections import OrderedDict
from contextlib import ExitStack
from io import FileIO
from typing import BinaryIO, Final, NamedTuple

from tcc_schemas.lines import Line, encode
from tcc_schemas.splitter import RawLine
from tcc_uploader.files import opened, read_fully
from tcc_uploader.spool.decoding import read_line
from tcc_uploader.spool.format import Format
from tcc_uploader.spool.segment import Segment

from .values import Record, Source

_MOST_OPEN: Final = 16
"""Files that are held open, because the next line is mostly in one of them."""


class Place(NamedTuple):
    """The position of a line; offset and size in bytes.  In the temporary file, they are those of its copy there."""

    source: Source
    number: int
    offset: int
    size: int


Row = tuple[int, int, int, int, int]
"""A run's time (milliseconds since 1970) and key, and the number, offset and size of its line."""


class Block:
    """The places of the runs in one source that have not had their turn, oldest first."""

    __slots__ = ("_columns", "source")

    def __init__(self, source: Source, rows: list[Row]) -> None:
        self.source = source
        rows.sort(key=lambda row: (row[0], row[2]))
        self._columns: tuple[array[int], ...] = tuple(array("q", column) for column in zip(*rows, strict=True))

    def __bool__(self) -> bool:
        return bool(self._columns[0])

    @property
    def newest(self) -> int:
        """The time of the run that :meth:`pop` returns next."""
        return self._columns[0][-1]

    def pop(self) -> tuple[int, Place]:
        """Take the newest run out; return its key and its place."""
        _, key, number, offset, size = (column.pop() for column in self._columns)
        return key, Place(self.source, number, offset, size)


class Numbers:
    """A set of 64-bit numbers that takes little more than 8 bytes for each; a ``set`` takes 70."""

    def __init__(self) -> None:
        self._parts = [array("q") for _ in range(4096)]
        """By their last bits, each in order: so short that inserting a number moves few others."""

    def __contains__(self, number: int) -> bool:
        part, at = self._place_of(number)
        return at < len(part) and part[at] == number

    def add(self, number: int) -> bool:
        """Take in a number; return whether it is new."""
        part, at = self._place_of(number)
        if at < len(part) and part[at] == number:
            return False
        part.insert(at, number)
        return True

    def _place_of(self, number: int) -> "tuple[array[int], int]":
        part = self._parts[number % len(self._parts)]
        return part, bisect_left(part, number)


class Shelf:
    """Reads lines again, and keeps copies of those that can be read only once.  To be closed."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, tuple[ExitStack, FileIO]] = OrderedDict()
        self._copies: BinaryIO | None = None
        self._end = 0

    def close(self) -> None:
        """Close all files; the copies are gone then."""
        while self._files:
            self._close_oldest()
        if self._copies is not None:
            self._copies.close()

    def keep(self, source: Source, line: Line) -> Place:
        """Return the place of a line; copy the line to the temporary file if it can't be read again."""
        if source.identity is not None:
            return Place(source, line.number, line.offset, line.size)
        if self._copies is None:
            self._copies = tempfile.TemporaryFile(prefix="tcc-")  # noqa: SIM115 -- closed with the shelf
        copy = encode(
            line.kind,
            line.id,
            line.body,  # read by its size, so a newline in it does no harm
            at=line.at,
            run_id=line.run_id,
            path=line.path,
            type=line.type,
            encoding=line.encoding,
            url=line.url,
            key=line.key,
            converted=line.converted,
        )
        self._copies.seek(self._end)
        self._copies.write(copy)
        place = Place(source, line.number, self._end, len(copy))
        self._end += len(copy)
        return place

    def read(self, place: Place) -> Record | None:
        """Read a line again; None if it is damaged now.  Raises OSError; FileNotFoundError if the file is gone."""
        source = place.source
        file = self._copies if source.identity is None else self._opened(source)
        if file is None:
            return None
        file.seek(place.offset)
        raw = RawLine(place.number, place.offset, place.size, read_fully(file, place.size).removesuffix(b"\n"))
        is_plain = source.format is Format.PLAIN and source.identity is not None  # copies are no plain lines
        found = read_line(raw, source.name, plain=is_plain)
        return Record(source, found) if isinstance(found, Line) else None

    def _opened(self, source: Source) -> FileIO:
        if source.name in self._files:
            self._files.move_to_end(source.name)
        else:
            with ExitStack() as until_here:
                file, _ = until_here.enter_context(opened(source.name, source.identity))
                self._files[source.name] = until_here.pop_all(), file
        while len(self._files) > _MOST_OPEN:
            self._close_oldest()
        return self._files[source.name][1]

    def _close_oldest(self) -> None:
        _, (stack, _) = self._files.popitem(last=False)
        stack.close()


def source_of(segment: Segment) -> Source:
    """Return the source that a segment is read from."""
    return Source(segment.file, segment.id, segment.format, None if segment.stream else segment.identity)
