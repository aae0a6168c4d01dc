"""Bodies of requests, as they were before they were compressed.  Pure."""

import zlib
from typing import Final

from .items import NotUnderstoodError

MOST_BYTES: Final = 32 * 1024 * 1024
"""Bytes that a body is unpacked to; more is a bomb, or nothing that an SDK posts."""
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS + 32
_BARE: Final = -zlib.MAX_WBITS
"""What some programs send as ``deflate``, though the standard means zlib's format."""


def unpacked(body: bytes, encoding: str | None) -> bytes:
    """Return a body without its content encoding (``gzip``, ``deflate`` or None).

    Raises NotUnderstoodError if it can't be undone, or only to more than :data:`MOST_BYTES`.
    """
    if encoding is None:
        return body
    for window in (_GZIP_OR_ZLIB, _BARE):
        unpacker = zlib.decompressobj(window)
        try:
            found = unpacker.decompress(body, MOST_BYTES + 1)
        except zlib.error:
            continue
        if len(found) > MOST_BYTES:
            raise NotUnderstoodError(f"it unpacks to more than {MOST_BYTES // 2**20} MiB")
        if unpacker.eof and not unpacker.unused_data:
            return found
    raise NotUnderstoodError(f"its {encoding} is damaged")
