"""Recognizes from a file's first lines a segment, a segment of a newer version, or plain JSONL.  Pure."""

import hashlib
from enum import Enum
from typing import Final

from tcc_schemas.lines import Line, decode, other_version
from tcc_schemas.plain import BOM, plain_record
from tcc_schemas.splitter import LineSplitter, RawLine

_LOOKED_AT: Final = 100
_MOST_LINES: Final = 16_384
"""Lines of a chunk that are in memory together."""
LINE_START: Final = b'{"v":1,"crc":"'
"""The first bytes of every line of a segment."""
EXPORT_LINE: Final = b'{"tcc_export":1}'
"""The first line of a JSONL export."""
REPORT_START: Final = b"<!doctype html><!-- tcc-upload report -->"
"""How a report begins."""
EXPORT_STARTS: Final = (b'{"tcc_export":', b"SQLite format 3\0", REPORT_START)
"""How exports begin."""


class Format(Enum):
    """What a file holds."""

    UNKNOWN = "nothing yet"
    SEGMENT = "segment"
    NEWER = "segment of a newer version"
    PLAIN = "plain JSONL"
    OTHER = "no JSON in any of its lines (an encrypted bundle? decrypt it first)"
    EXPORT = "an export or report, made to be looked at: give the spool or bundle that it was made from"
    LETTER = "a letter, on its way again"

    @property
    def is_foreign(self) -> bool:
        """Whether there are no records in it, whatever is added."""
        return self in (Format.OTHER, Format.EXPORT)


def sniff(start: bytes) -> tuple[Format, str]:
    """Return the format of a file with this beginning, and its segment id; ``""`` if there is no id yet.

    If a segment's first line is damaged, the id is made from this line's bytes.
    """
    splitter = LineSplitter()
    lines = splitter.feed(few_lines(start))
    kind = _format_of(lines, splitter.rest)
    if kind is not Format.SEGMENT or not lines:
        return kind, ""
    first = decode(lines[0])
    if isinstance(first, Line) and first.kind == "segment":
        return kind, first.id
    evidence = first.crc if isinstance(first, Line) else first.raw
    return kind, "damaged-" + hashlib.sha256(evidence).hexdigest()[:32]


def few_lines(data: bytes) -> bytes:
    """Return the beginning of a chunk, with about :data:`_MOST_LINES`: short lines take a hundred times their bytes."""
    return data[: max(1, len(data) * _MOST_LINES // max(_MOST_LINES, data.count(b"\n")))]


def _format_of(lines: list[RawLine], rest: bytes) -> Format:
    """Return the format of a file, from its first complete lines and the bytes after them.

    One line with a valid checksum is enough for a segment: if the first line is damaged, the others are still read.
    """
    if any(isinstance(decode(line), Line) for line in lines):
        return Format.SEGMENT
    first = next((line.data for line in lines if line.data is not None), None)
    start = rest if first is None else first
    if start.startswith(EXPORT_STARTS):
        return Format.EXPORT
    if b"\0" in start:
        return Format.OTHER  # valid JSON never has this byte
    if not start:
        return Format.UNKNOWN if first is None else Format.PLAIN
    if start.startswith(LINE_START) or LINE_START.startswith(start):
        return Format.SEGMENT
    if other_version(start) is not None:
        return Format.NEWER
    texts = (rest, *(line.data or b"" for line in lines))
    any_json = any(text.removeprefix(BOM).lstrip().startswith((b"{", b"[")) for text in texts)
    return Format.PLAIN if any_json or not start.strip() else Format.OTHER


def holds_record(start: bytes) -> bool:
    """Whether one of the first :data:`_LOOKED_AT` lines of a plain file is a record."""
    lines = start.split(b"\n", _LOOKED_AT)[:_LOOKED_AT]
    return any(isinstance(plain_record(RawLine(1, 0, len(line), line)), Line) for line in lines)
