"""The content of a request: which types and encodings are taken, and what is inside an encoded body.  Pure."""

import gzip
import zlib
from typing import Final, Literal

from tcc_schemas.lines import CONTENT_TYPE

JSON: Final = "application/json"
PROTOBUF: Final = "application/x-protobuf"
Encoding = Literal["gzip", "deflate"]

_GZIP: Final = zlib.MAX_WBITS | 16
_ZLIB: Final = zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS


class TooLargeError(ValueError):
    """A body unpacks to more than it may."""


def media_type(content_type: str | None) -> str | None:
    """Return :data:`JSON` or :data:`PROTOBUF`; None for any other type, which a line can't hold."""
    if content_type in (JSON, PROTOBUF):
        return content_type
    found = CONTENT_TYPE.fullmatch((content_type or "").strip())
    return found[1].lower() if found else None


def encoding_of(content_encoding: str | None) -> Encoding | None:
    """Return how a body is encoded, None if it is not.  Raises ValueError for an encoding that a line can't hold."""
    match (content_encoding or "").strip().lower():
        case "" | "identity":
            return None
        case "gzip":
            return "gzip"
        case "deflate":
            return "deflate"
    raise ValueError("the Content-Encoding must be gzip or deflate")


def unpacked(body: bytes, encoding: Encoding | None, limit: int) -> bytes | None:
    """Return a body without its encoding; None if it is not encoded so.

    Raises TooLargeError if that is more than ``limit`` bytes, of which it makes no more.
    """
    if encoding is None:
        return body
    if encoding == "gzip":
        return _members(body, _GZIP, limit)
    found = _members(body, _ZLIB, limit)  # what RFC 9110 calls deflate; some send it without the header of zlib
    return _members(body, _RAW, limit) if found is None else found


def packed(plain: bytes, encoding: Encoding | None) -> bytes:
    """Return a body with an encoding: the same bytes whenever it is done."""
    if encoding is None:
        return plain
    return gzip.compress(plain, compresslevel=6, mtime=0) if encoding == "gzip" else zlib.compress(plain)


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
