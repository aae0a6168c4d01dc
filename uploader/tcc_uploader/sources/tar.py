"""The entries of a tar archive, from a stream.  Nothing is ever extracted, and headers cost a bounded memory.

:mod:`tarfile` won't do: it ends silently at a damaged header, and reads extended headers of any size whole.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from tcc_uploader.files import ByteStream

from .streams import ArchiveError, Budget, Section, read_fully, skip

BLOCK: Final = 512
MAX_HEADER: Final = 1024 * 1024
"""Bytes of a header that describes the next one: a long name, pax records."""
_FILES: Final = (b"0", b"\0", b"7")
_FOLDER: Final = b"5"
_PAX: Final = b"x"
_LONG_NAME: Final = b"L"
_ASIDE: Final = (b"g", b"K", b"V", b"D")
"""Records for all members, a link's long target, a label, a listing: nothing of a member's own."""
_WITHOUT_DATA: Final = {
    b"1": "it is a hard link",
    b"2": "it is a symbolic link",
    b"3": "it is a device",
    b"4": "it is a device",
    _FOLDER: "",
    b"6": "it is a FIFO",
}
_DAMAGED: Final = "a header in it is damaged: fetch or copy it again"


class Entry(NamedTuple):
    """A member of an archive: its name as it stands there; why it is not to be read, else ``""``; its bytes."""

    name: str
    refusal: str
    stream: ByteStream


def entries(stream: ByteStream, budget: Budget) -> Iterator[Entry]:
    """Yield the members that are no folders; each is to be read before the next is asked for, or not at all.

    Raises :class:`ArchiveError` if the rest can't be read.  Archives may follow each other.
    """
    described: dict[bytes, bytes] = {}
    ended = False
    while header := read_fully(stream, BLOCK):
        ended = not header.strip(b"\0")
        if ended:
            continue
        budget.member()
        name, size, kind = _decode(header, described)
        section = Section(stream, 0 if kind in _WITHOUT_DATA else size)
        if kind in (_PAX, _LONG_NAME):
            described |= _described(kind, read_fully(section, size)) if size <= MAX_HEADER else _too_long(size)
        elif kind not in _ASIDE:
            if kind != _FOLDER and not name.endswith(b"/"):
                yield Entry(name.decode(errors="surrogateescape"), _refusal(kind, described), section)
            described = {}
        skip(section)
        read_fully(stream, -size % BLOCK if kind not in _WITHOUT_DATA else 0)
    if not ended:
        raise ArchiveError("it is cut short: fetch or copy it again")


def _decode(header: bytes, described: dict[bytes, bytes]) -> tuple[bytes, int, bytes]:
    """Return a header's name, size in bytes and kind.  Raises :class:`ArchiveError`."""
    kind = header[156:157]
    try:
        witness = sum(header[:148]) + 8 * ord(" ") + sum(header[156:])
        if len(header) < BLOCK or _number(header[148:156]) != witness:
            raise ArchiveError(_DAMAGED)
        own = kind not in (_PAX, _LONG_NAME, *_ASIDE)
        size = int(described[b"size"]) if own and b"size" in described else _number(header[124:136])
    except ValueError:
        raise ArchiveError(_DAMAGED) from None
    if size < 0:
        raise ArchiveError(_DAMAGED)
    name = _text(header[:100])
    if header[257:263] == b"ustar\0" and (prefix := _text(header[345:500])):
        name = prefix + b"/" + name
    return described.get(b"path", name) if own else name, size, kind


def _refusal(kind: bytes, described: dict[bytes, bytes]) -> str:
    if kind == b"S" or any(key.startswith(b"GNU.sparse.") for key in described):
        return "it is a sparse file: pack it without --sparse"
    return _WITHOUT_DATA.get(kind) or ("" if kind in _FILES else f"it is of an unknown kind ({kind!r})")


def _described(kind: bytes, data: bytes) -> dict[bytes, bytes]:
    """Return what a header says of the next one."""
    if kind == _LONG_NAME:
        return {b"path": _text(data)}
    records = {}
    at = 0
    try:
        while at < len(data):
            space = data.index(b" ", at, at + 8)
            end = at + int(data[at:space])
            key, equals, value = data[space + 1 : end - 1].partition(b"=")
            if not equals or not space < end <= len(data):
                raise ArchiveError(_DAMAGED)
            records[key] = value
            at = end
    except ValueError:
        raise ArchiveError(_DAMAGED) from None
    return records


def _too_long(size: int) -> dict[bytes, bytes]:
    raise ArchiveError(f"a header in it claims {size:,} bytes: it was not made by an ordinary tar")


def _number(field: bytes) -> int:
    """Return a number field: octal, or binary if it begins with 0x80.  Raises ValueError."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:])
    return int(field.strip(b"\0 ") or b"0", 8)


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]
