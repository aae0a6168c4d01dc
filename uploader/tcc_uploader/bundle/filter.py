"""Choose records for a bundle, and make segments of them."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Final

import orjson

from tcc_schemas.lines import Line, crc_of, decode, encode
from tcc_schemas.plain import plain_record
from tcc_schemas.splitter import LineSplitter
from tcc_schemas.tally import Tally
from tcc_uploader.sources.manifest import ManifestEntry, Selection
from tcc_uploader.spool.format import Format, sniff

from .snapshot import PlannedMember, Snapshot

STATUSES: Final = {"success": 0, "partial": 1, "error": 2}
"""A run's status, as it is told on the wire."""
_NO_HEADER: Final = {"host": "", "boot_id": "", "pid": 0, "sdk_version": "", "durability": "process"}
"""For a segment whose own header is damaged."""

Predicate = Callable[[Line], bool]
"""Tells whether a record is chosen."""


class Filter(Selection):
    """Chooses records by their run's session and status, and by their time.  What is empty or None allows any."""

    def __bool__(self) -> bool:
        return bool(self.since or self.sessions or self.statuses)

    def predicate(self, snapshots: Iterable[Snapshot]) -> Predicate:
        """Return the predicate of chosen records; ``snapshots`` are searched for their runs.  Raises OSError."""
        if not self.sessions and not self.statuses:
            return self._is_recent
        runs = self.runs(snapshots)
        return lambda line: line.run_id in runs and self._is_recent(line)

    def runs(self, snapshots: Iterable[Snapshot], kinds: Sequence[str] = ("run",)) -> set[str]:
        """Return the ids of the runs with one of the sessions and one of the statuses.  Raises OSError.

        With ``journal`` among the ``kinds``, runs without an end are among them.
        """
        lines = (line for snapshot in snapshots for _, line in _lines(snapshot))
        return {line.run_id or line.id for line in lines if line.kind in kinds and self._chooses_run_in(line)}

    def _chooses_run_in(self, line: Line) -> bool:
        try:
            value = orjson.loads(line.body)
        except orjson.JSONDecodeError:
            return False
        statuses = [STATUSES[name] for name in self.statuses]
        items = value.get("items", [value]) if isinstance(value, dict) else []
        return any(
            isinstance(item, dict)
            and item.get("type") == "run"
            and (not self.sessions or item.get("session_id") in self.sessions)
            and (not statuses or item.get("status_code", 0) in statuses)
            for item in (items if isinstance(items, list) else [])
        )

    def _is_recent(self, line: Line) -> bool:
        if self.since is None:
            return True
        try:
            return datetime.fromisoformat(line.at) >= datetime.fromisoformat(self.since)
        except (ValueError, TypeError):
            return True  # without a readable time: rather one record too many than one lost


def excerpt(snapshot: Snapshot, keep: Predicate) -> PlannedMember:
    """Return a segment made of the chosen records of a file, their lines unchanged.  Of a plain file, make a plain one.

    Its id is made of the original's and its records: the same for the same records, and no other segment's.
    Raises OSError if the file can't be read.
    """
    header: Line | None = None
    plain, records, digest = False, 0, hashlib.sha256()
    for raw, line in _lines(snapshot):
        if line.kind == "segment" and line.number == 1:
            header = line
        elif line.is_record and keep(line):
            digest.update(raw)
            records += 1
            plain = not line.crc
    original = header.id if header else "damaged"
    ident = f"plain-{digest.hexdigest()}" if plain else f"{original}-{digest.hexdigest()[:32]}"
    content = partial(_content, snapshot, keep, header, ident, plain=plain)
    size, digest = 0, hashlib.sha256()
    for chunk in content():
        digest.update(chunk)
        size += len(chunk)
    sha256 = digest.hexdigest()
    name = f"{snapshot.path.stem}-{sha256[:8]}.jsonl"
    entry = ManifestEntry(name, ident, records, size, sha256, sealed=not plain, torn=0)
    return PlannedMember(snapshot.path, entry, content)


def _content(snapshot: Snapshot, keep: Predicate, header: Line | None, ident: str, *, plain: bool) -> Iterator[bytes]:
    chosen = ((raw, line) for raw, line in _lines(snapshot) if line.is_record and keep(line))
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


def _lines(snapshot: Snapshot) -> Iterator[tuple[bytes, Line]]:
    """Yield the valid lines of a file, each with its bytes.  Raises OSError."""
    chunks = snapshot.chunks()
    start = next(chunks)
    kind, _ = sniff(start)
    if kind not in (Format.SEGMENT, Format.PLAIN):
        return
    splitter = LineSplitter()
    last = [b"\n"] if kind is Format.PLAIN else []  # the last line of a hand-written file may have no newline
    for data in chain([start], chunks, last):
        for raw in splitter.feed(data):
            found = plain_record(raw) if kind is Format.PLAIN else decode(raw)
            if isinstance(found, Line):
                yield (raw.data or b"") + b"\n", found
