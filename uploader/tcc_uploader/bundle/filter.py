"""Choose records for a bundle, leave out what was dropped, and make segments of the others."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Final

import orjson

from tcc_schemas.lines import Line, crc_of, encode
from tcc_schemas.plain import NUL
from tcc_schemas.splitter import LineSplitter
from tcc_schemas.tally import Tally
from tcc_uploader.ledger.judge import known_of, matches
from tcc_uploader.model.fate import Known
from tcc_uploader.model.keys import dedupe_key
from tcc_uploader.model.rows import LetterRow
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


class Dropped:
    """What an operator has dropped, as the ledger says: it must not go to another machine, and be sent from there."""

    def __init__(self, rows: Iterable[LetterRow] = ()) -> None:
        self._known: dict[bytes, list[Known]] = {}
        for row in rows:
            self._known.setdefault(row.key, []).append(row.known)

    def holds(self, line: Line) -> bool:
        """Whether a line is a dropped record, wherever its bytes stood, or of the journal of a dropped run."""
        if line.kind == "journal":
            return dedupe_key("run", line.run_id or line.id) in self._known
        known = self._known.get(dedupe_key(line.kind, line.id), ())
        if not (known and line.is_record):
            return False
        this = known_of(line, 0)
        return any(other.digest == this.digest and matches(other, this) for other in known)

    def count(self, snapshot: Snapshot) -> int:
        """Return how many lines of a file it holds.  Raises OSError."""
        return sum(self.holds(line) for _, line in lines_of(snapshot)) if self._known else 0


def kept(snapshot: Snapshot, choice: Choice, dropped: Dropped) -> Iterator[tuple[bytes, Line]]:
    """Yield what an excerpt keeps of a file: the chosen records, and the journal if nothing was chosen.

    Raises OSError.
    """
    for raw, line in lines_of(snapshot):
        is_frame = line.kind == "seal" or (line.kind == "segment" and line.number == 1)
        is_chosen = choice.holds(line) if line.is_record else not (is_frame or choice.selection)
        if is_chosen and not dropped.holds(line):
            yield raw, line


def excerpt(snapshot: Snapshot, choice: Choice, dropped: Dropped) -> PlannedMember:
    """Return a segment made of what is kept of a file, the lines unchanged.  Of a plain file, make a plain one.

    Its id is made of the original's and its records: the same for the same records, and no other segment's.  It is
    sealed unless its writer may add to the journal.  Raises OSError if the file can't be read.
    """
    header: Line | None = None
    plain, records, digest, sealed = False, 0, hashlib.sha256(), False
    for _, line in lines_of(snapshot):
        header = line if line.kind == "segment" and line.number == 1 else header
        sealed = line.kind == "seal" or bool(choice.selection)
        if line.is_record and not dropped.holds(line):
            choice.leaves_out(line)  # which counts it
    for raw, line in kept(snapshot, choice, dropped):
        digest.update(raw)
        records += line.is_record
        plain = not line.crc
    original = header.id if header else "damaged"
    ident = f"{PLAIN_ID}{digest.hexdigest()}" if plain else f"{original}-{digest.hexdigest()[:32]}"
    lines = partial(kept, snapshot, choice, dropped)
    content = partial(_content, lines, header, ident, plain=plain, sealed=sealed)
    size, digest = 0, hashlib.sha256()
    for chunk in content():
        digest.update(chunk)
        size += len(chunk)
    sha256 = digest.hexdigest()
    name = f"{snapshot.path.stem}-{sha256[:8]}.jsonl"
    entry = ManifestEntry(name, ident, records, size, sha256, sealed=sealed and not plain, torn=0)
    return PlannedMember(snapshot.path, entry, content)


def _content(
    lines: Callable[[], Iterator[tuple[bytes, Line]]], header: Line | None, ident: str, *, plain: bool, sealed: bool
) -> Iterator[bytes]:
    if plain:
        yield from (raw for raw, _ in lines())
        return
    body = (orjson.loads(header.body) if header else _NO_HEADER) | {"segment_id": ident}
    at = header.at if header else ""
    first = encode("segment", ident, orjson.dumps(body), at=at)
    tally = Tally()
    tally.add(crc_of(first), is_record=False)
    yield first
    for raw, line in lines():
        tally.add(line.crc, is_record=line.is_record)
        yield raw
    if sealed:
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
