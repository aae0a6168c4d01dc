"""The entries of a zip archive, read by :mod:`zipfile`, whose memory is bounded here, and whose errors get one type."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from tcc_uploader.files import CHUNK, ByteStream

from .decompress import Decompressed, bzip2
from .streams import ArchiveError, Budget, Metered
from .tar import Entry

MAX_DIRECTORY: Final = 16 * 1024 * 1024
"""Bytes of an archive's directory, which :mod:`zipfile` holds whole, 10 times over: some 150,000 members."""
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_ENCRYPTED: Final = 0x2041
_UNIX: Final = 3
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
"""What :mod:`zipfile` raises at bytes that make no sense."""
_DAMAGED: Final = "its directory is damaged or cut short: fetch or copy it again"
_CHANGED: Final = "its bytes are not those that were packed: fetch or copy it again"


class _Bounded:
    """A file that gives no large piece at once, and says so if it can't be read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1, /) -> bytes:
        """Return ``size`` bytes; if negative, the rest, which :mod:`zipfile` asks for close to the end alone."""
        if size > MAX_DIRECTORY:
            raise ArchiveError(
                f"its directory has more than {MAX_DIRECTORY >> 20} MiB: unpack it, and give the folder instead"
            )
        try:
            return self._file.read(size if size >= 0 else MAX_DIRECTORY)
        except OSError as error:
            raise ArchiveError(f"can't be read: {error.strerror or error}") from error


class _Checked:
    """A member's bytes, whose size and CRC-32 were found to be as packed."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        with _errors_as(_CHANGED):
            return self._stream.read(min(size, CHUNK))


def entries(file: BinaryIO, budget: Budget) -> Iterator[Entry]:
    """Yield the members that are no folders; each is to be read before the next is asked for, or not at all.

    ``file`` is read from its end, and wherever its directory points.  Raises :class:`ArchiveError` if the directory
    can't be read.
    """
    with _errors_as(_DAMAGED):
        archive = zipfile.ZipFile(_Bounded(file))
    for info in archive.infolist():
        budget.member()
        if info.is_dir():
            continue
        refusal = _refusal(info)
        stream: ByteStream = file
        if not refusal:
            try:
                stream = Metered(_Checked(_opened(archive, info)), budget)
            except ArchiveError as error:
                refusal = str(error)
        yield Entry(info.filename, refusal, stream)


def _refusal(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == _UNIX else 0
    if info.flag_bits & _ENCRYPTED:
        return "it is encrypted: unpack it with its password first"
    if kind not in (0, stat.S_IFREG):
        return "it is a symbolic link" if kind == stat.S_IFLNK else "it is no regular file"
    if info.compress_type not in _METHODS:
        return f"it is packed by an unusual method ({info.compress_type}): pack it with deflate"
    return ""


def _opened(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> ByteStream:
    with _errors_as(_CHANGED):
        if info.compress_type != zipfile.ZIP_BZIP2:
            return archive.open(info)
        # zipfile would unpack whatever a few kilobytes of bzip2 come to in one piece: gigabytes.  Taken as stored,
        # they are unpacked here; bzip2 has checksums of its own.
        info.compress_type, info.file_size = zipfile.ZIP_STORED, info.compress_size
        del info.CRC
        return Decompressed(archive.open(info), bzip2)


@contextmanager
def _errors_as(text: str) -> Iterator[None]:
    """Raise an :class:`ArchiveError` for every error of :mod:`zipfile`: the file's own if there was one."""
    try:
        yield
    except ArchiveError:
        raise
    except _DAMAGE as error:
        if isinstance(error.__context__, ArchiveError):
            raise error.__context__ from None
        raise ArchiveError(text) from error
