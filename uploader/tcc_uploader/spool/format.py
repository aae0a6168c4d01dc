"""Recognizes from a file's first lines a segment, a segment of a newer version, or plain JSONL.  Pure."""

import hashlib
from enum import Enum
from typing import Final

from tcc_schemas.lines import Damage, Line, other_version
from tcc_schemas.plain import BOM
from tcc_schemas.splitter import LineSplitter, RawLine

from .decoding import read_line

_LOOKED_AT: Final = 100
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


def sniff(start: bytes, file: str) -> tuple[Format, str]:
    """Return the format of a file with this beginning, and its segment id; ``""`` if there is no id yet.

    ``file`` is its path, for messages.

    If a segment's first line is damaged, the id is made from this line's bytes.
    """
    splitter = LineSplitter()
    lines = splitter.feed(start)
    kind = _format_of(lines, splitter.rest, file)
    if kind is not Format.SEGMENT or not lines:
        return kind, ""
    first = read_line(lines[0], file, plain=False)
    if isinstance(first, Line) and first.kind == "segment":
        return kind, first.id
    evidence = first.crc if isinstance(first, Line) else lines[0].data or b""
    return kind, "damaged-" + hashlib.sha256(evidence).hexdigest()[:32]


def _format_of(lines: list[RawLine], rest: bytes, file: str) -> Format:
    """Return the format of a file, from its first complete lines and the bytes after them.

    One line with a valid checksum is enough for a segment: if the first line is damaged, the others are still read.
    """
    if any(isinstance(read_line(line, file, plain=False), Line) for line in lines):
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


def holds_record(start: bytes, file: str) -> bool:
    """Whether one of the first :data:`_LOOKED_AT` lines of a plain file is a record, or may be one.

    ``file`` is its path, for messages.
    """
    lines = start.split(b"\n", _LOOKED_AT)[:_LOOKED_AT]
    found = (read_line(RawLine(1, 0, len(line), line), file, plain=True) for line in lines)
    return any(isinstance(each, Line | Damage) for each in found)
