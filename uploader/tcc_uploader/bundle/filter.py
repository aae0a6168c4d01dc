"""Which records a bundle takes if not all, and the segments that are made of them."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from tcc_schemas.lines import Line, LineSplitter, crc_of, decode, encode
from tcc_schemas.plain import plain_record
from tcc_schemas.tally import Tally
from tcc_uploader.files import CHUNK
from tcc_uploader.sources.manifest import ManifestEntry, Selection
from tcc_uploader.spool.format import Format
from tcc_uploader.spool.reader import read_first_line, sniffed

from .snapshot import Snapshot

STATUSES: Final = {"success": 0, "partial": 1, "error": 2}
"""A run's status, as it is told on the wire."""
_NO_HEADER: Final = {"host": "", "boot_id": "", "pid": 0, "sdk_version": "", "durability": "process"}
"""Of a segment whose own header is damaged."""

Keeps = Callable[[Line], bool]
"""Tells whether a record is wanted."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Runs of these sessions and with these statuses (any, if none are named), and what was recorded ``since`` then."""

    since: datetime | None
    sessions: frozenset[str]
    statuses: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.since or self.sessions or self.statuses)

    def told(self) -> Selection:
        """Return what a manifest says of it."""
        since = self.since.isoformat() if self.since else None
        return Selection(since=since, sessions=sorted(self.sessions), statuses=sorted(self.statuses))

    def filter(self, snapshots: Iterable[Snapshot]) -> Keeps:
        """Return what tells the wanted records, given every file that may hold their runs.  Raises OSError."""
        if not self.sessions and not self.statuses:
            return self._is_new
        lines = (line for snapshot in snapshots for _, line in _lines(snapshot))
        runs = {line.run_id for line in lines if line.kind == "run" and self._asks_for(line)}
        return lambda line: line.run_id in runs and self._is_new(line)

    def _asks_for(self, line: Line) -> bool:
        statuses = {STATUSES[name] for name in self.statuses}
        return any(
            (not self.sessions or run.get("session_id") in self.sessions)
            and (not statuses or run.get("status_code", 0) in statuses)
            for run in _runs(line.body)
        )

    def _is_new(self, line: Line) -> bool:
        if self.since is None:
            return True
        try:
            return datetime.fromisoformat(line.at) >= self.since
        except (ValueError, TypeError):
            return True  # nobody knows when: better once too often than not at all


class Excerpt:
    """A segment made of those records of a file that are wanted, their lines as they stand.

    Its id is another than the original's, so that no ledger takes one's lines for the other's, and always the same for
    the same records.  A plain file stays a plain file.
    """

    def __init__(self, snapshot: Snapshot, keeps: Keeps) -> None:
        """Raise OSError if the file can't be read."""
        self._snapshot = snapshot
        self._keeps = keeps
        self._header: Line | None = None
        self._plain = False
        self.records = 0
        digest = hashlib.sha256()
        for raw, line in _lines(snapshot):
            if line.kind == "segment" and line.number == 1:
                self._header = line
            elif line.is_record and keeps(line):
                digest.update(raw)
                self.records += 1
                self._plain = not line.crc
        original = self._header.id if self._header else "damaged"
        self.id = f"plain-{digest.hexdigest()}" if self._plain else f"{original}-{digest.hexdigest()[:32]}"

    def content(self) -> Iterator[bytes]:
        """Yield its bytes.  Raises OSError."""
        lines = ((raw, line) for raw, line in _lines(self._snapshot) if line.is_record and self._keeps(line))
        if self._plain:
            yield from (raw for raw, _ in lines)
            return
        header = self._header
        body = (orjson.loads(header.body) if header else _NO_HEADER) | {"segment_id": self.id}
        at = header.at if header else ""
        first = encode("segment", self.id, orjson.dumps(body), at=at)
        tally = Tally()
        tally.add(crc_of(first), is_record=False)
        yield first
        for raw, line in lines:
            tally.add(line.crc, is_record=True)
            yield raw
        seal = {"records": tally.records, "refused": 0, "crcs": tally.crcs}
        yield encode("seal", self.id, orjson.dumps(seal), at=at)

    def entry(self) -> ManifestEntry:
        """Return what a manifest says of it.  Raises OSError."""
        digest = hashlib.sha256()
        size = 0
        for chunk in self.content():
            digest.update(chunk)
            size += len(chunk)
        return ManifestEntry(
            name=f"{self._snapshot.path.stem}-{digest.hexdigest()[:8]}.jsonl",
            id=self.id,
            records=self.records,
            bytes=size,
            sha256=digest.hexdigest(),
            sealed=not self._plain,
            torn=0,
        )


def _lines(snapshot: Snapshot) -> Iterator[tuple[bytes, Line]]:
    """Yield the lines of a file that are whole, each with its bytes.  Raises OSError."""
    with snapshot.reading() as stream:
        kind, _ = sniffed(read_first_line(stream))
    if kind not in (Format.SEGMENT, Format.PLAIN):
        return
    splitter = LineSplitter()
    with snapshot.reading() as stream:
        ended = False
        while not ended:
            data = stream.read(CHUNK)
            ended = not data
            # the last line of a hand-written file may lack its newline
            for raw in splitter.feed(b"\n" if ended and kind is Format.PLAIN and splitter.rest else data):
                found = plain_record(raw) if kind is Format.PLAIN else decode(raw)
                if isinstance(found, Line):
                    yield (raw.data or b"") + b"\n", found


def _runs(body: bytes) -> Iterator[dict[str, Any]]:
    """Yield the runs of a record."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    if isinstance(value, dict):
        items = value.get("items", [value])
        yield from (item for item in items if isinstance(item, dict) and item.get("type") == "run")
