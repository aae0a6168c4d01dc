"""What compressed streams unpack to, in bounded memory."""

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable
from types import ModuleType
from typing import Final, Protocol

from tcc_uploader.files import CHUNK, ByteStream

from .streams import ArchiveError

_XZ_MEMORY: Final = 256 * 1024 * 1024
"""Bytes that an xz stream may ask for."""


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
_DAMAGE: Final[tuple[type[Exception], ...]] = (
    OSError,
    ValueError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    *([] if ZSTD is None else [ZSTD.ZstdError]),
)
"""What decompressors raise."""


class Decompressor(Protocol):
    """What the decompressors of the standard library have in common."""

    @property
    def eof(self) -> bool: ...  # noqa: D102
    @property
    def needs_input(self) -> bool: ...  # noqa: D102
    @property
    def unused_data(self) -> bytes: ...  # noqa: D102
    def decompress(self, data: bytes, max_length: int) -> bytes: ...  # noqa: D102


class Inflater:
    """A gzip decompressor with the methods of the others."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        """Whether the end mark was read."""
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        """Whether there is nothing left to decompress without more input."""
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        """What follows the end mark."""
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return at most ``max_length`` bytes."""
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


class Decompressed:
    """What a compressed stream unpacks to; others may follow it, with zeros between and behind them."""

    def __init__(self, stream: ByteStream, make: Callable[[], Decompressor]) -> None:
        self._stream = stream
        self._make = make
        self._decompressor = make()
        self._begun = False
        self._rest = b""
        self._error: ArchiveError | None = None

    def read(self, size: int, /) -> bytes:
        """Return the next bytes.  What could not be read once can't be read again."""
        if self._error is not None:
            raise self._error
        try:
            return self._read(size)
        except ArchiveError as error:
            self._error = error
        except _DAMAGE as error:
            self._error = ArchiveError(f"its compressed bytes are damaged ({error}): fetch or copy it again")
        raise self._error

    def _read(self, size: int) -> bytes:
        while size:
            if self._decompressor.eof and not self._next_begins():
                return b""
            data = self._rest
            if not data and self._decompressor.needs_input:
                data = self._stream.read(CHUNK)
                if not data:
                    raise ArchiveError("it is cut short: fetch or copy it again")
            self._rest, self._begun = b"", True
            if unpacked := self._decompressor.decompress(data, size):
                return unpacked
        return b""

    def _next_begins(self) -> bool:
        """Whether another compressed stream follows the one that has ended."""
        if self._begun:
            self._rest, self._begun = self._decompressor.unused_data, False
        self._rest = self._rest.lstrip(b"\0")
        while not self._rest:
            data = self._stream.read(CHUNK)
            if not data:
                return False
            self._rest = data.lstrip(b"\0")
        self._decompressor = self._make()
        return True


def gzip() -> Decompressor:
    """Return a decompressor for gzip."""
    return Inflater()


def bzip2() -> Decompressor:
    """Return a decompressor for bzip2."""
    return bz2.BZ2Decompressor()


def xz() -> Decompressor:
    """Return a decompressor for xz."""
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


def zstd() -> Decompressor:
    """Return a decompressor for zstd.  Raises :class:`ArchiveError` if there is none."""
    if ZSTD is None:
        raise ArchiveError("needs zstd: pip install 'tcc-offline[zstd]'")
    decompressor: Decompressor = ZSTD.ZstdDecompressor()
    return decompressor
