"""What a bundle need not hold: what is finished, and what an earlier bundle holds as it is."""

from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import BaseModel, TypeAdapter, ValidationError

from tcc_schemas.records import Count
from tcc_uploader.files import file_name, make_durably, write_whole
from tcc_uploader.model.ledger import Ledger
from tcc_uploader.settings import BUNDLED_FILE
from tcc_uploader.spool.format import Format, sniff
from tcc_uploader.spool.segment import Segment

from .filter import Dropped
from .snapshot import PlannedMember, Snapshot


class BundledSegment(BaseModel, defer_build=True):
    """An unsealed segment that a bundle took away, but not its file, because its writer may add records."""

    file: str
    """The path of the file that stays; a copy elsewhere may have other bytes."""
    size: Count
    """Its bytes then."""
    place: str
    """The bundle's path, and the segment's name in it."""


_MOST: Final = 10_000
"""Segments that are remembered; one that is forgotten is bundled once more."""
_FILE: Final = TypeAdapter(dict[str, BundledSegment], config={"defer_build": True})


class LeaveOut(NamedTuple):
    """Tells what to leave out, from the ledger and from what earlier bundles took away (by segment id)."""

    ledger: Ledger
    bundled: dict[str, BundledSegment]

    def place_of(self, snapshot: Snapshot) -> str | None:
        """Return where an earlier bundle has this very segment, ``""`` if it is finished; None: it must be bundled.

        Raises OSError, :class:`LedgerError`.
        """
        with closing(snapshot.chunks()) as chunks:
            _, ident = sniff(next(chunks), str(snapshot.path))
        row, this = self.ledger.segment(ident), (file_name(snapshot.path), snapshot.size)
        if row is not None and row.has_finished(*this):
            return ""
        earlier = self.bundled.get(ident)
        return earlier.place if earlier is not None and (earlier.file, earlier.size) == this else None

    def dropped(self) -> Dropped:
        """Return what operators have dropped.  Raises :class:`LedgerError`."""
        return Dropped(self.ledger.letters_with("dropped"))


def tells_nothing(segment: Segment) -> bool:
    """Whether it is a recorder's segment, read to its end, in which nothing stands but who wrote it."""
    refused = segment.seal.refused if segment.seal else 0
    told = segment.counts.records or segment.journal.open or segment.damage or segment.skipped or refused
    return segment.format is Format.SEGMENT and not told


def read_bundled(state: Path) -> dict[str, BundledSegment]:
    """Return what earlier bundles took away; nothing if that is not known any more: then it is bundled once more."""
    try:
        return _FILE.validate_json((state / BUNDLED_FILE).read_bytes())
    except (OSError, ValidationError):
        return {}


def note_bundled(state: Path, members: list[PlannedMember], bundle: str, earlier: dict[str, BundledSegment]) -> None:
    """Remember which unsealed segments a bundle took away whole, beside the ``earlier`` ones.  Raises OSError."""
    fresh = {
        entry.id: BundledSegment(file=file_name(path), size=entry.bytes + entry.torn, place=f"{bundle}/{entry.name}")
        for path, entry, *_ in members
        if not entry.sealed
    }
    if fresh:
        make_durably(state)
        newest = dict(list((earlier | fresh).items())[-_MOST:])
        write_whole(state / BUNDLED_FILE, _FILE.dump_json(newest))
