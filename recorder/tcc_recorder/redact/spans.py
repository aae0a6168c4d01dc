"""Spans of serialised JSON: where they may begin and end, and how they are replaced.

In serialised JSON a quote of a JSON text in a JSON text has one backslash before it, one level deeper three, and at
depth d 2^d - 1.  So the number of backslashes says which string a quote opens or closes, at any depth.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from tcc_recorder.values import REDACTED

MARK: Final = REDACTED.encode()
LONGEST: Final = 4096
"""The most bytes of one value."""
_ESCAPED: Final = b'nrtbf"/'
_END_OF_NAME: Final = re.compile(rb"""[^"]{0,200}+"(?:\s|\\+[nrt])*+:""")


class Span(NamedTuple):
    """Where a secret stands, and the text that replaces it."""

    start: int
    end: int
    mark: bytes = MARK


def backslashes_before(data: bytes, place: int) -> int:
    """Return how many backslashes stand directly before a place."""
    first = place
    while first > 0 and data[first - 1] == 0x5C:
        first -= 1
    return place - first


def level(backslashes: int) -> int:
    """Return how many of the backslashes before a quote belong to it: 2^d - 1; the others are the text before it.

    A string that was opened by a quote of this level, or of a higher one, ends there.
    """
    return backslashes & ~(backslashes + 1)


def string_end(data: bytes, start: int, opened: int) -> int:
    """Return where the string ends whose content begins at ``start``, behind a quote of level ``opened``; -1: too far.

    It ends at its closing quote, or before it, where a string around it ends.
    """
    quote, before = start - 1, start
    limit = min(len(data), start + LONGEST)
    while (quote := data.find(b'"', quote + 1, limit)) >= 0:
        depth = level(min(backslashes_before(data, quote), quote - before))
        if depth <= opened:
            return quote - depth
        before = quote + 1
    return -1 if len(data) > limit else limit


def trimmed(data: bytes, span: Span) -> Span:
    """Return the span without a half escape sequence or character at its ends, within the string it began in."""
    start, end, mark = span
    if start and data[start - 1] == 0x5C and start < end:
        start += 5 if data[start] == 0x75 else data[start] in _ESCAPED  # u and four hex digits; n, t, …
    quote = data.find(b'"', start, end)
    while quote >= 0:
        if level(backslashes_before(data, quote)) == 0:
            end = quote
            break
        quote = data.find(b'"', quote + 1, end)
    while end > start and (data[end - 1] == 0x5C or (end < len(data) and data[end] & 0xC0 == 0x80)):
        end -= 1
    return Span(start, max(start, end), mark)


def merged(data: bytes, spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order, without overlaps; empty ones and marks of an earlier redaction are left out."""
    found: list[Span] = []
    for span in sorted(spans):
        clean = span if span.mark is not MARK else trimmed(data, span)
        if clean.start >= clean.end or data[clean.start : clean.end] == MARK:
            continue
        if found and clean.start < found[-1].end:
            found[-1] = found[-1]._replace(end=max(found[-1].end, clean.end))
        else:
            found.append(clean)
    return _with_distinct_names(data, found)


def _with_distinct_names(data: bytes, spans: list[Span]) -> list[Span]:
    """Return the spans with numbered marks in names, from the second on: two names that are one cost a member."""
    found: list[Span] = []
    names = 0
    for span in spans:
        is_name = span.mark is MARK and _END_OF_NAME.match(data, span.end) is not None
        names += is_name
        mark = b"%b %d]" % (MARK[:-1], names) if is_name and names > 1 else span.mark
        found.append(span._replace(mark=mark))
    return found


def replaced(data: bytes, spans: Iterable[Span]) -> bytes:
    """Return the data with each span, in order, replaced by its mark."""
    parts: list[bytes] = []
    end = 0
    for span in spans:
        parts += (data[end : span.start], span.mark)
        end = span.end
    parts.append(data[end:])
    return b"".join(parts)
