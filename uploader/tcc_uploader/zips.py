"""The entries of a zip archive, one at a time: the standard library would hold the whole directory in memory."""

import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final, NamedTuple

from .compressed import Decompressed, Decompressor, bzip2, deflate, zstd
from .streams import ArchiveError, Budget, ByteStream, Section
from .tars import Entry

_END: Final = struct.Struct("<4s4H2IH")
_END_64: Final = struct.Struct("<4sQ2H2I4Q")
_LOCATOR: Final = struct.Struct("<4sIQI")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_EXTRA: Final = struct.Struct("<2H")
_LONGEST_COMMENT: Final = 65_535
_IN_EXTRA: Final = 0xFFFFFFFF
_ENCRYPTED: Final = 0x2041
_UTF_8: Final = 0x800
_UNIX: Final = 3
_STORED: Final = 0
_METHODS: Final[dict[int, Callable[[], Decompressor]]] = {8: deflate, 12: bzip2, 93: zstd}
_DAMAGED: Final = "its directory is damaged or cut short: fetch or copy it again"


class _Record(NamedTuple):
    """What the directory says of a member; offset and sizes in bytes."""

    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    mode: int
    offset: int


class _Window:
    """A part of a file, read where it lies, whatever else is read in between."""

    def __init__(self, file: BinaryIO, offset: int) -> None:
        self._file = file
        self._offset = offset

    def read(self, size: int, /) -> bytes:
        data = _read_at(self._file, self._offset, size)
        self._offset += len(data)
        return data


class _Checked:
    """A member's bytes, which must be as many, and have the CRC-32, that the directory says."""

    def __init__(self, stream: ByteStream, record: _Record, budget: Budget) -> None:
        self._stream = stream
        self._record = record
        self._budget = budget
        self._size = 0
        self._crc = 0

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self._budget.make(len(data))
        self._size += len(data)
        self._crc = zlib.crc32(data, self._crc)
        ended = size > 0 and not data
        if self._size > self._record.size or (
            ended and (self._size, self._crc) != (self._record.size, self._record.crc)
        ):
            raise ArchiveError("its bytes are not those that were packed: fetch or copy it again")
        return data


def entries(file: BinaryIO, budget: Budget) -> Iterator[Entry]:
    """Yield the members that are no folders; each is to be read before the next is asked for, or not at all.

    ``file`` is read from its end, and wherever its directory points.  Raises :class:`ArchiveError` if the rest of the
    directory can't be read.
    """
    for record in _directory(file):
        budget.member()
        if record.name.endswith("/"):
            continue
        refusal = _refusal(record)
        stream: ByteStream = _Window(file, 0)
        if not refusal:
            try:
                stream = _Checked(_unpacked(file, record), record, budget)
            except ArchiveError as error:
                refusal = str(error)
        yield Entry(record.name, refusal, stream)


def _directory(file: BinaryIO) -> Iterator[_Record]:
    offset, size = _directory_place(file)
    end = offset + size
    while offset < end:
        _, made_by, _, flags, method, _, _, crc, packed, size, *lengths, _, _, attributes, where = _unpack(
            _CENTRAL, file, offset, b"PK\1\2"
        )
        name_length, extra_length, comment_length = lengths
        offset += _CENTRAL.size
        rest = _read_at(file, offset, name_length + extra_length)
        offset += name_length + extra_length + comment_length
        name = rest[:name_length].decode("utf-8" if flags & _UTF_8 else "cp437", errors="backslashreplace")
        size, packed, where = _long(rest[name_length:], size, packed, where)
        mode = attributes >> 16 if made_by >> 8 == _UNIX else 0
        yield _Record(name, flags, method, crc, packed, size, mode, where)


def _directory_place(file: BinaryIO) -> tuple[int, int]:
    """Return the directory's offset and size in bytes.  Raises :class:`ArchiveError`."""
    length = _length(file)
    start = max(0, length - _END.size - _LONGEST_COMMENT)
    at = _read_at(file, start, length - start).rfind(b"PK\5\6")
    if at < 0:
        raise ArchiveError(_DAMAGED)
    end = start + at
    *_, size, offset, _ = _unpack(_END, file, end, b"PK\5\6")
    if end >= _LOCATOR.size and _read_at(file, end - _LOCATOR.size, 4) == b"PK\6\7":
        _, _, where, _ = _unpack(_LOCATOR, file, end - _LOCATOR.size, b"PK\6\7")
        *_, size, offset = _unpack(_END_64, file, where, b"PK\6\6")
    if offset + size > end:
        raise ArchiveError(_DAMAGED)
    return offset, size


def _long(extra: bytes, *numbers: int) -> list[int]:
    """Return the numbers, those that had no room in the directory taken from its extra field."""
    found = list(numbers)
    while len(extra) >= _EXTRA.size:
        kind, length = _EXTRA.unpack_from(extra)
        if kind == 1:
            field = extra[4 : 4 + length]
            for index, number in enumerate(found):
                if number == _IN_EXTRA:
                    found[index], field = int.from_bytes(field[:8], "little"), field[8:]
        extra = extra[4 + length :]
    return found


def _refusal(record: _Record) -> str:
    kind = stat.S_IFMT(record.mode)
    if record.flags & _ENCRYPTED:
        return "it is encrypted: unpack it with its password first"
    if kind not in (0, stat.S_IFREG):
        return "it is a symbolic link" if kind == stat.S_IFLNK else "it is no regular file"
    if record.method != _STORED and record.method not in _METHODS:
        return f"it is packed by an unusual method ({record.method}): pack it with deflate"
    return ""


def _unpacked(file: BinaryIO, record: _Record) -> ByteStream:
    *_, name_length, extra_length = _unpack(_LOCAL, file, record.offset, b"PK\3\4")
    start = record.offset + _LOCAL.size + name_length + extra_length
    packed = Section(_Window(file, start), record.packed)
    if record.method == _STORED:
        return packed
    return Decompressed(packed, _METHODS[record.method], once=True)


def _unpack(layout: struct.Struct, file: BinaryIO, offset: int, signature: bytes) -> tuple[int, ...]:
    """Return the members of a structure behind its signature.  Raises :class:`ArchiveError`."""
    data = _read_at(file, offset, layout.size)
    if len(data) < layout.size or not data.startswith(signature):
        raise ArchiveError(_DAMAGED)
    return layout.unpack(data)


def _read_at(file: BinaryIO, offset: int, size: int) -> bytes:
    try:
        file.seek(offset)
        return file.read(size)
    except (OSError, ValueError, OverflowError) as error:
        raise ArchiveError(f"can't be read: {error}") from error


def _length(file: BinaryIO) -> int:
    try:
        return file.seek(0, 2)
    except OSError as error:
        raise ArchiveError(f"can't be read: {error}") from error
