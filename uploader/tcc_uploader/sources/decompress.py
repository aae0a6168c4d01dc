"""What gzip and zstd streams unpack to, read by the standard library in bounded memory."""

import sys
import zlib
from contextlib import suppress
from gzip import GzipFile
from importlib import import_module
from typing import Any, Final

from tcc_uploader.files import ByteStream

from .streams import ArchiveError, Budget, Checked

ZSTD: Any = None
"""``compression.zstd`` or its backport; None if it is not installed."""
with suppress(ImportError):
    ZSTD = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

READER_ERRORS: Final = (OSError, EOFError, zlib.error, *([] if ZSTD is None else [ZSTD.ZstdError]))
"""What the readers of the standard library raise at damaged bytes."""
_DAMAGED: Final = "its compressed bytes are damaged ({}): fetch or copy it again"


def decompressed(stream: ByteStream, kind: str, budget: Budget) -> Checked:
    """Return what a ``gzip`` or ``zstd`` stream unpacks to, and those that follow it.

    Raises :class:`ArchiveError` if there is no library for it.
    """
    source: Any = stream  # nothing but its read() is called
    if kind == "gzip":
        reader = GzipFile(fileobj=source, mode="rb")
    elif ZSTD is not None:
        reader = ZSTD.ZstdFile(source)
    else:
        raise ArchiveError("needs zstd: pip install 'tcc-offline[zstd]'")
    # read() would lose what was good before the damage
    return Checked(reader.read1, budget.count_unpacked, _DAMAGED, READER_ERRORS)
