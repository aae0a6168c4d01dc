"""What gzip and zstd streams unpack to, read by the standard library in bounded memory."""

import sys
import zlib
from gzip import GzipFile
from types import ModuleType
from typing import Any, Final, Protocol

from tcc_uploader.files import ByteStream

from .streams import CUT_SHORT, ArchiveError


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
_READER_ERRORS: Final[tuple[type[Exception], ...]] = (OSError, zlib.error, *([] if ZSTD is None else [ZSTD.ZstdError]))
"""What the readers of the standard library raise at damaged bytes."""


class _Reader(Protocol):
    def read1(self, size: int, /) -> bytes: ...


class Decompressed:
    """What a compressed stream unpacks to, and those that follow it."""

    def __init__(self, stream: ByteStream, kind: str) -> None:
        """``kind`` is ``gzip`` or ``zstd``.  Raises :class:`ArchiveError` if there is no library for it."""
        self._reader = _gzip(stream) if kind == "gzip" else _zstd(stream)
        self._error: ArchiveError | None = None

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes, ``b""`` at the end.  Raises :class:`ArchiveError`, then again at each call."""
        if self._error is None:
            try:
                return self._reader.read1(size)  # read() would lose what was good before the damage
            except ArchiveError as error:
                self._error = error
            except EOFError:
                self._error = ArchiveError(CUT_SHORT)
            except _READER_ERRORS as error:
                self._error = ArchiveError(f"its compressed bytes are damaged ({error}): fetch or copy it again")
        raise self._error


def _gzip(stream: ByteStream) -> _Reader:
    source: Any = stream  # GzipFile calls nothing but read()
    return GzipFile(fileobj=source, mode="rb")


def _zstd(stream: ByteStream) -> _Reader:
    if ZSTD is None:
        raise ArchiveError("needs zstd: pip install 'tcc-offline[zstd]'")
    reader: _Reader = ZSTD.ZstdFile(stream)
    return reader
