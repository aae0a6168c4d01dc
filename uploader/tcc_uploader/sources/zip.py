"""The members of a zip archive, read by :mod:`zipfile` in limited memory; its errors become one type."""

import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from tcc_uploader.boundary import Boundary, UnexpectedError

from .decompress import READER_ERRORS
from .streams import UNREADABLE, ArchiveError, Budget, Checked, Member, Refused, errors_as

MAX_DIRECTORY: Final = 4 * 1024 * 1024
"""Bytes of an archive's directory, some 40,000 members: :mod:`zipfile` needs 10 times as much memory for it."""
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNREAD_METHODS: Final = {9: "deflate64", 12: "bzip2", 14: "LZMA", 93: "zstd", 95: "xz"}
_ENCRYPTED: Final = 0x2041
"""Flags: encrypted, strongly encrypted, with a hidden directory."""
_UNIX: Final = 3
"""The system on which members have Unix modes."""
_ZIPFILE_ERRORS: Final = (*READER_ERRORS, zipfile.BadZipFile, struct.error, OverflowError, RuntimeError, ValueError)
"""What :mod:`zipfile` raises for invalid data."""
_BAD_DIRECTORY: Final = "its directory is damaged or cut short: fetch or copy it again"
_BAD_MEMBER: Final = "its bytes are not those that were packed: fetch or copy it again"


class _BoundedFile:
    """A file of which no more than :data:`MAX_DIRECTORY` can be read at once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1, /) -> bytes:
        """Return at most ``size`` bytes, or the rest, for which :mod:`zipfile` asks close to the end only.

        Raises :class:`ArchiveError`.
        """
        if size > MAX_DIRECTORY:
            raise ArchiveError(
                f"its directory has more than {MAX_DIRECTORY >> 20} MiB: unpack it, and give the folder instead"
            )
        with errors_as(UNREADABLE, OSError):
            return self._file.read(size if size >= 0 else MAX_DIRECTORY)


def members_of(file: BinaryIO, budget: Budget) -> Iterator[Member | Refused | None]:
    """Yield the members, in the order of the directory, which is at the end of the file; None for a folder.

    Raises :class:`ArchiveError` if the directory can't be read.
    """
    with errors_as(_BAD_DIRECTORY, *_ZIPFILE_ERRORS):
        archive = zipfile.ZipFile(_BoundedFile(file))
    for info in archive.infolist():
        budget.count_member()
        if info.filename.endswith("/"):  # is_dir() of Python 3.11 raises IndexError for a member without a name
            yield None
            continue
        try:
            with Boundary(info.filename, OSError):
                read = _opened(archive, info)
        except (ArchiveError, UnexpectedError) as error:
            yield Refused(info.filename, str(error))
        else:
            yield Member(info.filename, Checked(read, budget.count_unpacked, _BAD_MEMBER, _ZIPFILE_ERRORS))


def _opened(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[int], bytes]:
    """Return what reads a member.  Raises :class:`ArchiveError` if it is not to be read, or can't be."""
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == _UNIX else 0
    if info.flag_bits & _ENCRYPTED:
        raise ArchiveError("it is encrypted: unpack it with its password first")
    if kind not in (0, stat.S_IFREG):
        raise ArchiveError("it is a symbolic link" if kind == stat.S_IFLNK else "it is no regular file")
    if info.compress_type not in _METHODS:
        method = _UNREAD_METHODS.get(info.compress_type, f"method {info.compress_type}")
        raise ArchiveError(f"it is compressed with {method}: unpack it first")
    with errors_as(_BAD_MEMBER, *_ZIPFILE_ERRORS):
        return archive.open(info).read
