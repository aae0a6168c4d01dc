"""Remove from the spools what a bundle holds, by the rules for delivered segments."""

from collections.abc import Sequence
from pathlib import Path

from tcc_uploader.files import file_name
from tcc_uploader.model.ledger import Ledger
from tcc_uploader.model.rows import Changes
from tcc_uploader.spool import removal
from tcc_uploader.spool.format import Format
from tcc_uploader.spool.segment import Segment

from .snapshot import PlannedMember, Snapshot


def remove_bundled(members: Sequence[PlannedMember], bundle: Path | None, ledger: Ledger | None) -> dict[Path, str]:
    """Remove the files of a complete bundle that can't grow any more; return which stay, and why.

    First the new path of known segments is committed to the ledger; without ``bundle`` they have none.  Raises
    :class:`LedgerError` if that fails; the remaining files stay then.
    """
    staying: dict[Path, str] = {}
    for start in range(0, len(members), removal.REMOVED_AT_ONCE):
        candidates: dict[Segment, str] = {}  # with their names in the bundle
        for path, bundled, _ in members[start : start + removal.REMOVED_AT_ONCE]:
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
            elif now.sha256 != bundled.sha256:
                staying[path] = "it has grown since"
            elif segment.damaged or segment.cut:
                staying[path] = "it is damaged"
            else:
                candidates[segment] = bundled.name
        staying |= _remove(candidates, bundle, ledger)
    return staying


def _remove(candidates: dict[Segment, str], bundle: Path | None, ledger: Ledger | None) -> dict[Path, str]:
    """Remove those whose writers are surely gone; return which stay, and why."""
    with removal.frozen(candidates) as frozen:
        staying = {segment.path: "its writer may still be running" for segment in candidates.keys() - set(frozen)}
        if ledger is not None and bundle is not None:
            moved = {
                row.number: row._replace(path=f"{file_name(bundle)}/{candidates[segment]}")
                for segment in frozen
                if (row := ledger.segment(segment.id)) is not None
            }
            ledger.commit(Changes(segments=moved))
        for segment in frozen:
            try:
                removal.remove(segment.path)
            except OSError as error:
                staying[segment.path] = error.strerror or str(error)
    return staying
