"""Choose records for a bundle, and make segments of them."""

import hashlib
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Final

import orjson

from tcc_schemas.lines import Line, crc_of, encode
from tcc_schemas.plain import NUL
from tcc_schemas.splitter import LineSplitter
from tcc_schemas.tally import Tally
from tcc_uploader.model.selection import Choice, Selection
from tcc_uploader.sources.manifest import ManifestEntry
from tcc_uploader.spool.decoding import read_line
from tcc_uploader.spool.format import PLAIN_ID, Format, sniff

from .snapshot import PlannedMember, Snapshot

_NO_HEADER: Final = {"host": "", "boot_id": "", "pid": 0, "sdk_version": "", "durability": "process"}
"""For a segment whose own header is damaged."""


def choice_among(snapshots: Iterable[Snapshot], selection: Selection) -> Choice:
    """Choose among the records of these files, which are read for it.  Raises OSError."""
    lines = (line for snapshot in snapshots for _, line in lines_of(snapshot)) if selection else ()
    return Choice(selection, (line for line in lines if line.is_record))


def excerpt(snapshot: Snapshot, choice: Choice) -> PlannedMember:
    """Return a segment made of the chosen records of a file, their lines unchanged.  Of a plain file, make a plain one.

    Its id is made of the original's and its records: the same for the same records, and no other segment's.
    Raises OSError if the file can't be read.
    """
    header: Line | None = None
    plain, records, digest = False, 0, hashlib.sha256()
    for raw, line in lines_of(snapshot):
        if line.kind == "segment" and line.number == 1:
            header = line
        elif line.is_record and not choice.leaves_out(line):
            digest.update(raw)
            records += 1
            plain = not line.crc
    original = header.id if header else "damaged"
    ident = f"{PLAIN_ID}{digest.hexdigest()}" if plain else f"{original}-{digest.hexdigest()[:32]}"
    content = partial(_content, snapshot, choice, header, ident, plain=plain)
    size, digest = 0, hashlib.sha256()
    for chunk in content():
        digest.update(chunk)
        size += len(chunk)
    sha256 = digest.hexdigest()
    name = f"{snapshot.path.stem}-{sha256[:8]}.jsonl"
    entry = ManifestEntry(name, ident, records, size, sha256, sealed=not plain, torn=0)
    return PlannedMember(snapshot.path, entry, content)


def _content(snapshot: Snapshot, choice: Choice, header: Line | None, ident: str, *, plain: bool) -> Iterator[bytes]:
    chosen = ((raw, line) for raw, line in lines_of(snapshot) if line.is_record and choice.holds(line))
    if plain:
        yield from (raw for raw, _ in chosen)
        return
    body = (orjson.loads(header.body) if header else _NO_HEADER) | {"segment_id": ident}
    at = header.at if header else ""
    first = encode("segment", ident, orjson.dumps(body), at=at)
    tally = Tally()
    tally.add(crc_of(first), is_record=False)
    yield first
    for raw, line in chosen:
        tally.add(line.crc, is_record=True)
        yield raw
    seal = {"records": tally.records, "refused": 0, "crcs": tally.crcs}
    yield encode("seal", ident, orjson.dumps(seal), at=at)


def lines_of(snapshot: Snapshot) -> Iterator[tuple[bytes, Line]]:
    """Yield the valid lines of a file, each with its bytes.  Raises OSError."""
    chunks = snapshot.chunks()
    start = next(chunks)
    kind, _ = sniff(start, str(snapshot.path))
    if kind not in (Format.SEGMENT, Format.PLAIN):
        return
    splitter = LineSplitter()
    last = [b"\n"] if kind is Format.PLAIN else []  # the last line of a hand-written file may have no newline
    for data in chain([start], chunks, last):
        for raw in splitter.feed(data):
            found = read_line(raw, str(snapshot.path), plain=kind is Format.PLAIN)
            if isinstance(found, Line):
                yield (raw.data or b"").lstrip(NUL) + b"\n", found
