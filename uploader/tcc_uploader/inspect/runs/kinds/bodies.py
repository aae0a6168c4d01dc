"""Bodies of requests, as they were before they were compressed.  Pure."""

from typing import Final

from tcc_schemas import encodings

from .items import NotUnderstoodError

MOST_BYTES: Final = 32 * 1024 * 1024
"""Bytes that a body is unpacked to; more is a bomb, or nothing that an SDK posts."""


def unpacked(body: bytes, encoding: str | None) -> bytes:
    """Return a body without its content encoding (``gzip``, ``deflate`` or None).

    Raises NotUnderstoodError if it can't be undone, or only to more than :data:`MOST_BYTES`.
    """
    try:
        found = encodings.unpacked(body, encoding, MOST_BYTES)
    except encodings.TooLargeError as error:
        raise NotUnderstoodError(f"it unpacks to more than {MOST_BYTES // 2**20} MiB") from error
    if found is None:
        raise NotUnderstoodError(f"its {encoding} is damaged")
    return found
