"""Content encodings of requests, undone within a limit: a body is input, and may be a bomb.  Pure."""

import zlib
from typing import Final, Literal

Encoding = Literal["gzip", "deflate"]
"""The encodings that a line of the spool can hold."""

_GZIP: Final = zlib.MAX_WBITS | 16
_ZLIB: Final = zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS


class TooLargeError(ValueError):
    """A body unpacks to more than it may."""


def unpacked(body: bytes, encoding: str | None, limit: int) -> bytes | None:
    """Return a body without its :data:`Encoding` (None: it has none); None if it is not encoded so.

    Raises TooLargeError if that is more than ``limit`` bytes, of which it makes no more.
    """
    if encoding is None:
        return body
    if encoding == "gzip":
        return _members(body, _GZIP, limit)
    found = _members(body, _ZLIB, limit)  # what RFC 9110 calls deflate; some send it without the header of zlib
    return _members(body, _RAW, limit) if found is None else found


def _members(body: bytes, wbits: int, limit: int) -> bytes | None:
    """Return what is in a stream, which may be several, one behind the other; None if it is none, or is cut."""
    parts: list[bytes] = []
    size = 0
    while body:
        member = zlib.decompressobj(wbits)
        try:
            part = member.decompress(body, limit + 1 - size)
        except zlib.error:
            return None
        size += len(part)
        if size > limit:
            raise TooLargeError(f"the body unpacks to more than {limit:,} bytes")
        if not member.eof:
            return None
        parts.append(part)
        body = member.unused_data
    return b"".join(parts)
