"""What gzip and zstd streams unpack to, read by the standard library in bounded memory."""

import sys
import zlib
from gzip import GzipFile
from types import ModuleType
from typing import Any, Final

from tcc_uploader.files import ByteStream

from .streams import ArchiveError, Budget, Checked


def _import_zstd() -> ModuleType | None:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd as module  # noqa: PLC0415
        else:
            from backports import zstd as module  # noqa: PLC0415
    except ImportError:
        return None
    return module


ZSTD: Final = _import_zstd()
"""``compression.zstd`` or its backport; None if it is not installed."""
_READER_ERRORS: Final = (OSError, zlib.error, *([] if ZSTD is None else [ZSTD.ZstdError]))
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
    return Checked(reader.read1, budget.count_unpacked, _DAMAGED, _READER_ERRORS)
