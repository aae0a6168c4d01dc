"""Splits a growing byte stream into lines.  Pure."""

from typing import Final, NamedTuple

MAX_LINE: Final = 64 * 1024 * 1024
"""A line of more bytes than this (LF included) is not written, and is skipped by a reader."""
_CRC_IS_IN: Final = 64
"""Bytes at the beginning of a line.  Its CRC is among them, so another line has others."""


class RawLine(NamedTuple):
    """The bytes of one line, without its LF; ``data`` is None if the line is oversized."""

    number: int
    offset: int
    size: int
    data: bytes | None


class LineSplitter:
    """Split a growing byte stream into lines; at most one unfinished line is kept in memory.

    ``number`` and ``offset`` are the numbers of lines and bytes in the file before the stream.
    """

    __slots__ = ("_parts", "number", "offset", "tail")

    def __init__(self, *, number: int = 0, offset: int = 0) -> None:
        self.number = number
        """Lines seen so far."""
        self.offset = offset
        """Where the unfinished line begins: directly after the last LF."""
        self.tail = 0
        """Bytes of the unfinished line seen so far: the torn tail, if the file ends here."""
        self._parts: tuple[bytes, ...] = ()  # a tuple, as an empty list takes memory: a spool can hold 100,000 segments

    def feed(self, data: bytes) -> list[RawLine]:
        """Take the next bytes of the file; return the lines that are complete now."""
        lines = []
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            lines.append(self._complete(data[start:end]))
            start = end + 1
        if start < len(data):
            self._hold(data[start:])
        return lines

    def rewind(self) -> None:
        """Forget the unfinished line, which must then be fed again: its writer may replace it by another line."""
        self.tail = 0
        self._parts = ()

    def skip_nuls(self) -> int:
        """Leave out the NUL bytes with which the unfinished line begins; return how many there were."""
        rest = self.rest if self.begun.startswith(b"\0") else b""
        kept = rest.lstrip(b"\0")
        skipped = len(rest) - len(kept)
        if skipped:
            self.offset += skipped
            self.tail, self._parts = len(kept), (kept,) if kept else ()
        return skipped

    @property
    def rest(self) -> bytes:
        """The unfinished line (empty if it is already oversized)."""
        return b"".join(self._parts)

    @property
    def begun(self) -> bytes:
        """The first bytes of the unfinished line, with its CRC if that was seen (empty if it is already oversized)."""
        return self._parts[0][:_CRC_IS_IN] if self._parts else b""

    def _hold(self, part: bytes) -> None:
        self.tail += len(part)
        self._parts = () if self.tail > MAX_LINE else (*self._parts, part)

    def _complete(self, last: bytes) -> RawLine:
        size = self.tail + len(last) + 1
        data: bytes | None = None
        if size <= MAX_LINE:
            data = b"".join([*self._parts, last]) if self._parts else last
        self.number += 1
        line = RawLine(self.number, self.offset, size, data)
        self.offset += size
        self.tail = 0
        self._parts = ()
        return line
