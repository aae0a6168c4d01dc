"""The content of a request: which types and encodings are taken.  Pure."""

import gzip
import zlib
from typing import Final

from tcc_schemas.encodings import Encoding
from tcc_schemas.lines import CONTENT_TYPE

JSON: Final = "application/json"
PROTOBUF: Final = "application/x-protobuf"


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


def packed(plain: bytes, encoding: Encoding | None) -> bytes:
    """Return a body with an encoding: the same bytes whenever it is done."""
    if encoding is None:
        return plain
    return gzip.compress(plain, compresslevel=6, mtime=0) if encoding == "gzip" else zlib.compress(plain)
