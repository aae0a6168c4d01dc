"""Recognizes from a file's first lines a segment, a segment of a newer version, or plain JSONL.  Pure."""

import hashlib
import re
from enum import Enum
from typing import Final

from tcc_schemas.lines import Damage, Line, is_whole_in_other_version, other_version
from tcc_schemas.plain import BOM, NUL
from tcc_schemas.splitter import LineSplitter, RawLine

from .decoding import read_line

_LOOKED_AT: Final = 100
_MOST_LINES: Final = 16_384
"""Lines of a chunk that are in memory together."""
PLAIN_ID: Final = "plain-"
"""How the id of a plain file begins, before the hash of its bytes."""
LINE_START: Final = b'{"v":1,"crc":"'
"""The first bytes of every line of a segment."""
EXPORT_LINE: Final = b'{"tcc_export":1}'
"""The first line of a JSONL export."""
REPORT_START: Final = b"<!doctype html><!-- tcc-upload report -->"
"""How a report begins."""
EXPORT_STARTS: Final = (b'{"tcc_export":', b"SQLite format 3\0", REPORT_START)
"""How exports begin.  A ledger begins as the second one, too."""
_STATE_START: Final = re.compile(
    rb'\{\s*"(?:id": ?"[0-9a-f]{32}",\s*"reason"|action": ?"(?:requeue|drop)"|watcher":|format":1,"made_at":)'
)
"""How a letter, a request, a status file and a manifest begin."""
_UTF_16_START: Final = re.compile(rb"\xff\xfe|\xfe\xff|[{\[]\0.\0|[{\[]\0\0\0", re.DOTALL)
"""How text in UTF-16 or UTF-32 begins, with a byte-order mark or as JSON (behind the NUL bytes of big-endian text)."""


class Format(Enum):
    """What a file holds."""

    UNKNOWN = "nothing yet"
    SEGMENT = "segment"
    NEWER = "segment of a newer version"
    PLAIN = "plain JSONL"
    OTHER = "no JSON in any of its lines (an encrypted bundle? decrypt it first)"
    UTF_16 = "text in UTF-16 or UTF-32, as some Windows programs write it: save it as UTF-8"
    EXPORT = (
        "an export or report, made to be looked at, or a ledger, and no spool file: "
        "give the spool or bundle that it was made from"
    )
    STATE = (
        "a letter, request, status file or manifest of tcc-upload, and no spool file: "
        "`tcc-upload dead requeue` sends a letter again"
    )
    LETTER = "a letter, on its way again"

    @property
    def is_foreign(self) -> bool:
        """Whether there are no records in it, whatever is added."""
        return self in (Format.OTHER, Format.UTF_16, Format.EXPORT, Format.STATE)


FOREIGN: Final = frozenset(kind.value for kind in Format if kind.is_foreign)
"""Why files without records can't be read, as people are told."""


def sniff(start: bytes, file: str) -> tuple[Format, str]:
    """Return the format of a file with this beginning, and its segment id; ``""`` if there is no id yet.

    ``file`` is its path, for messages.

    NUL bytes before the first line are passed over; a file that has nothing else is a plain file without a record.  If
    a segment's first line is damaged, the id is made from this line's bytes.
    """
    splitter = LineSplitter()
    text = start.lstrip(NUL)
    if start and not text:
        return Format.PLAIN, ""
    lines = splitter.feed(few_lines(text))
    kind = _format_of(text, lines, splitter.rest, file, has_nuls=NUL in start)
    if kind is not Format.SEGMENT or not lines:
        return kind, ""
    first = read_line(lines[0], file, plain=False)
    if isinstance(first, Line) and first.kind == "segment":
        return kind, first.id
    evidence = first.crc if isinstance(first, Line) else lines[0].data or b""
    return kind, "damaged-" + hashlib.sha256(evidence).hexdigest()[:32]


def few_lines(data: bytes) -> bytes:
    """Return the beginning of a chunk, with about :data:`_MOST_LINES`: short lines take a hundred times their bytes."""
    return data[: max(1, len(data) * _MOST_LINES // max(_MOST_LINES, data.count(b"\n")))]


def _format_of(text: bytes, lines: list[RawLine], rest: bytes, file: str, *, has_nuls: bool) -> Format:
    """Return the format of a file, from its beginning: its first complete lines and the bytes after them.

    One line with a valid checksum is enough for a segment: if the first line is damaged, the others are still read.
    """
    first = next((line.data for line in lines if line.data is not None), None)
    if first is not None and is_whole_in_other_version(first):
        return Format.NEWER
    if any(isinstance(read_line(line, file, plain=False), Line) for line in lines):
        return Format.SEGMENT
    start = (rest if first is None else first).removeprefix(BOM)
    if start.startswith(EXPORT_STARTS):
        return Format.EXPORT
    if _STATE_START.match(text):
        return Format.STATE
    if _UTF_16_START.match(text):
        return Format.UTF_16
    if has_nuls and not start.startswith(LINE_START):  # valid JSON never has this byte
        return Format.PLAIN if holds_record(text, file) else Format.OTHER
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
