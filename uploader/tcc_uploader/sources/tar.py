"""The members of a tar archive, read from a stream.  Nothing is extracted, and the memory for headers is bounded.

We can't use :mod:`tarfile`: it ends silently at a damaged header, and reads extended headers of any size whole.
"""

from collections.abc import Iterator
from typing import Final

from tcc_uploader.files import ByteStream, read_fully

from .streams import CUT_SHORT, ArchiveError, Budget, Member, Refused, Section, chunks_of, errors_as

BLOCK: Final = 512
MAX_HEADER: Final = 1024 * 1024
"""Bytes of a header that describes the next one: a long name, pax records."""
_REGULAR: Final = (b"0", b"\0", b"7")
_FOLDER: Final = b"5"
_PAX: Final = b"x"
_LONG_NAME: Final = b"L"
_IGNORED: Final = (b"g", b"K", b"V", b"D")
"""Defaults for all members, a link's long target, a volume label, a listing: they say nothing of the next member."""
_WITHOUT_DATA: Final = {
    b"1": "it is a hard link",
    b"2": "it is a symbolic link",
    b"3": "it is a device",
    b"4": "it is a device",
    _FOLDER: "",
    b"6": "it is a FIFO",
}
_USED: Final = (b"path", b"size")
"""The pax keywords that we go by."""
_SPARSE: Final = b"GNU.sparse."
"""How the pax keywords of sparse files begin."""
_BAD_HEADER: Final = "a header in it is damaged: fetch or copy it again"


def members_of(stream: ByteStream, budget: Budget) -> Iterator[Member | Refused | None]:
    """Yield the members that are no folders, also of archives that follow.  Read one before you ask for the next.

    None stands for what was passed over.  Raises :class:`ArchiveError` if the rest can't be read.
    """
    described: dict[bytes, bytes] = {}
    ended = False
    while header := read_fully(stream, BLOCK):
        ended = not header.strip(b"\0")
        if ended:
            continue
        budget.count_member()
        with errors_as(_BAD_HEADER, ValueError):
            name, size, kind = _decode(header, described)
        section = Section(stream, 0 if kind in _WITHOUT_DATA else size)
        if kind in (_PAX, _LONG_NAME):
            if size > MAX_HEADER:
                raise ArchiveError(f"a header in it claims {size:,} bytes: it was not made by an ordinary tar")
            with errors_as(_BAD_HEADER, ValueError):
                described |= _described(kind, read_fully(section, size))
        elif kind not in _IGNORED:
            if kind != _FOLDER and not name.endswith(b"/"):
                text, why = name.decode(errors="surrogateescape"), _refusal(kind, described)
                yield Refused(text, why) if why else Member(text, section)
            described = {}
        for _ in chunks_of(section):
            yield None
        read_fully(stream, -size % BLOCK if kind not in _WITHOUT_DATA else 0)
        yield None
    if not ended:
        raise ArchiveError(CUT_SHORT)


def _decode(header: bytes, described: dict[bytes, bytes]) -> tuple[bytes, int, bytes]:
    """Return a header's name, size in bytes and kind.  Raises ValueError if it is damaged."""
    kind = header[156:157]
    own = kind not in (_PAX, _LONG_NAME, *_IGNORED)
    checksum = sum(header[:148]) + 8 * ord(" ") + sum(header[156:])
    size = int(described[b"size"]) if own and b"size" in described else _number(header[124:136])
    if len(header) < BLOCK or _number(header[148:156]) != checksum or size < 0:
        raise ValueError
    name = _text(header[:100])
    if header[257:263] == b"ustar\0" and (prefix := _text(header[345:500])):
        name = prefix + b"/" + name
    return described.get(b"path", name) if own else name, size, kind


def _refusal(kind: bytes, described: dict[bytes, bytes]) -> str:
    if kind == b"S" or _SPARSE in described:
        return "it is a sparse file: pack it without --sparse"
    return _WITHOUT_DATA.get(kind) or ("" if kind in _REGULAR else f"it is of an unknown kind ({kind!r})")


def _described(kind: bytes, data: bytes) -> dict[bytes, bytes]:
    """Return what a header says of the next member, by pax keyword, as far as we use it: it may say very much.

    Raises ValueError if it is damaged.
    """
    if kind == _LONG_NAME:
        return {b"path": _text(data)}
    records = {}
    at = 0
    while at < len(data):
        space = data.index(b" ", at, at + 8)
        end = at + int(data[at:space])
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if not equals or not space < end <= len(data):
            raise ValueError
        if key in _USED:
            records[key] = value
        elif key.startswith(_SPARSE):
            records[_SPARSE] = b""
        at = end
    return records


def _number(field: bytes) -> int:
    """Return a number field: octal, or binary if it begins with 0x80.  Raises ValueError."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:])
    return int(field.strip(b"\0 ") or b"0", 8)


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]
