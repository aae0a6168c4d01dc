"""Take out of the spools what a bundle holds, by the rules of a delivered segment."""

from collections.abc import Sequence
from pathlib import Path

from tcc_uploader.files import file_name
from tcc_uploader.ledger.rows import Changes
from tcc_uploader.ledger.sqlite import Ledger
from tcc_uploader.sources.manifest import ManifestEntry
from tcc_uploader.spool import removal
from tcc_uploader.spool.format import Format
from tcc_uploader.spool.segment import Segment

from .build import Piece
from .snapshot import Snapshot


def remove_bundled(pieces: Sequence[Piece], bundle: Path, ledger: Ledger | None) -> dict[Path, str]:
    """Remove the files of a complete bundle that can't grow any more; return which stay, and why.

    A ledger that knows them is told first where they lie now.  Raises :class:`LedgerError` if it can't be written:
    what was not removed until then stays.
    """
    staying: dict[Path, str] = {}
    for start in range(0, len(pieces), removal.CLAIMS_AT_ONCE):
        candidates: dict[Segment, ManifestEntry] = {}
        for piece in pieces[start : start + removal.CLAIMS_AT_ONCE]:
            try:
                segment, entry = Snapshot(piece.path, held=False).examine()
            except FileNotFoundError:
                continue  # somebody else took it away
            except OSError as error:
                staying[piece.path] = error.strerror or str(error)
                continue
            if why := _reason_to_stay(segment, entry, piece.entry):
                staying[piece.path] = why
            else:
                candidates[segment] = piece.entry
        staying |= _remove(candidates, bundle, ledger)
    return staying


def _reason_to_stay(segment: Segment, now: ManifestEntry, bundled: ManifestEntry) -> str:
    if segment.format is not Format.SEGMENT:
        return "it is no segment of a recorder"
    if now.sha256 != bundled.sha256:
        return "it has grown since"
    # runs without an end go along in the bundle's journal lines, and are recovered where it is replayed
    return "it is damaged" if segment.damaged or segment.cut else ""


def _remove(candidates: dict[Segment, ManifestEntry], bundle: Path, ledger: Ledger | None) -> dict[Path, str]:
    """Remove those whose writer is gone for sure; return those that stay, and why."""
    with removal.claimed(candidates) as claimed:
        staying = {segment.path: "its writer may still be running" for segment in candidates.keys() - set(claimed)}
        if ledger is not None:
            rows = {segment: ledger.segment(segment.id) for segment in claimed}
            moved = {
                row.number: row._replace(path=f"{file_name(bundle)}/{candidates[segment].name}")
                for segment, row in rows.items()
                if row is not None
            }
            ledger.commit(Changes(segments=moved))
        for segment in claimed:
            try:
                removal.remove(segment.path)
            except OSError as error:
                staying[segment.path] = error.strerror or str(error)
    return staying
