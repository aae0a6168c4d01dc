"""Remove from the spools what a bundle holds, by the rules for delivered segments."""

from collections.abc import Sequence
from pathlib import Path

from tcc_uploader.model.ledger import Ledger
from tcc_uploader.model.rows import Changes
from tcc_uploader.spool import removal
from tcc_uploader.spool.format import Format
from tcc_uploader.spool.segment import Segment

from .snapshot import PlannedMember, Snapshot


def remove_bundled(bundled: Sequence[tuple[PlannedMember, str]], ledger: Ledger | None) -> dict[Path, str]:
    """Remove the files that bundles hold and that can't grow any more; return which stay, and why.

    Each comes with its place in a bundle; first that of known segments is committed to the ledger (a finished segment
    has none).  Raises :class:`LedgerError` if that fails; the remaining files stay then.
    """
    staying: dict[Path, str] = {}
    for start in range(0, len(bundled), removal.REMOVED_AT_ONCE):
        candidates: dict[Segment, str] = {}
        for (path, entry, _, file_sha256), place in bundled[start : start + removal.REMOVED_AT_ONCE]:
            try:
                segment, now = Snapshot(path).examine()
            except FileNotFoundError:
                continue  # a daemon has delivered and removed it
            except OSError as error:
                staying[path] = error.strerror or str(error)
                continue
            # runs without an end are in the bundle's journal lines, and are recovered where it is replayed
            if segment.format is not Format.SEGMENT:
                staying[path] = "it is no segment of a recorder"
            elif now.sha256 != (file_sha256 or entry.sha256):
                staying[path] = "it has grown since"
            elif segment.damaged or segment.cut:
                staying[path] = "it is damaged"
            else:
                candidates[segment] = place
        staying |= _remove(candidates, ledger)
    return staying


def _remove(candidates: dict[Segment, str], ledger: Ledger | None) -> dict[Path, str]:
    """Remove those whose writers are surely gone; return which stay, and why."""
    with removal.frozen(candidates) as frozen:
        staying = {segment.path: "its writer may still be running" for segment in candidates.keys() - set(frozen)}
        if ledger is not None:
            known = {segment: row for segment in frozen if (row := ledger.segment(segment.id)) is not None}
            moved = {
                row.number: row._replace(path=candidates[segment])
                for segment, row in known.items()
                if candidates[segment] and ledger.begin(segment.id)[1]
            }
            ledger.commit(Changes(segments=moved))
        for segment in frozen:
            try:
                segment.path.unlink()
            except OSError as error:
                staying[segment.path] = error.strerror or str(error)
    return staying
