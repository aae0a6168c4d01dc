"""Make bundles: archives of all segments, or of chosen records, with a manifest as first member."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from tcc_schemas.version import __version__
from tcc_uploader.model.selection import Choice, Selection
from tcc_uploader.sources.manifest import MANIFEST, MAX_MANIFEST, Manifest
from tcc_uploader.sources.streams import ArchiveError, Budget, Refused, chunks_of
from tcc_uploader.sources.walk import walk_archive

from .filter import Dropped, choice_among, excerpt, kept
from .leave_out import LeaveOut, tells_nothing
from .output import Output
from .pack import packing
from .snapshot import PlannedMember, Snapshots

_UNUSUAL: Final = re.compile(r"[^A-Za-z0-9._-]")


class BundleError(Exception):
    """The bundle can't be made or believed; the text says why, and what to do."""


class Plan(NamedTuple):
    """What goes into a bundle, and which files can't be read, and why."""

    members: list[PlannedMember]
    left_out: list[tuple[PlannedMember, str]]
    """What is left out, with its place in an earlier bundle; without a place: it is finished."""
    choice: Choice
    """What was chosen, and how much was not."""
    dropped: int
    """How many lines of dropped runs are left out."""
    manifest: Manifest
    damaged: int
    """Damaged lines, which are bundled as they are."""
    unreadable: dict[Path, str]
    foreign: dict[Path, str]
    """Which files hold no records, and what they are; they are bundled as they are, too."""


def plan(
    snapshots: Snapshots,
    selection: Selection,
    leave_out: LeaveOut | None = None,
    did: Callable[[int], object] = lambda _: None,
) -> Plan:
    """Read all files, and decide what is bundled: all, or all but what ``leave_out`` names.

    ``did`` is called with the bytes of each file when that is decided.

    Raises :class:`BundleError` if a file can't be read any more, :class:`LedgerError`.
    """
    members: list[PlannedMember] = []
    left_out: list[tuple[PlannedMember, str]] = []
    names: set[str] = set()
    damaged = dropped_lines = 0
    foreign: dict[Path, str] = {}
    dropped = leave_out.dropped() if leave_out else Dropped()
    try:
        choice = choice_among(snapshots.all, selection)
        for snapshot in snapshots.all:
            did(snapshot.size)
            place = leave_out.place_of(snapshot) if leave_out else None
            cut = dropped.count(snapshot) if place is None else 0
            dropped_lines += cut
            if cut and not any(kept(snapshot, Choice(), dropped)):
                place = ""  # nothing else is in it
            if selection and place is None:
                member = excerpt(snapshot, choice, dropped)
            elif cut and place is None:
                _, entry = snapshot.examine()
                member = excerpt(snapshot, choice, dropped)._replace(file_sha256=entry.sha256)
            else:
                segment, entry = snapshot.examine()
                damaged += segment.damaged + segment.cut
                if segment.format.is_foreign:
                    foreign[snapshot.path] = segment.format.value
                member = PlannedMember(snapshot.path, entry, partial(snapshot.chunks, entry.bytes))
                if leave_out and place is None and tells_nothing(segment):
                    place = ""
            if place is not None:
                left_out.append((member, place))
                continue
            if member.entry.bytes and (not selection or member.entry.records):
                name = _unused(member.entry.name, names)
                members.append(member._replace(entry=replace(member.entry, name=name)))
    except OSError as error:
        raise BundleError(_gone(error)) from error
    manifest = Manifest(
        made_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        made_by=f"tcc-offline {__version__}",
        records=sum(member.entry.records or 0 for member in members),
        segments=[member.entry for member in members],
        selection=selection or None,
    )
    return Plan(members, left_out, choice, dropped_lines, manifest, damaged, snapshots.unreadable, foreign)


def write(made: Plan, ending: str, descriptor: int, did: Callable[[int], object] = lambda _: None) -> int:
    """Write a bundle to an open file or pipe, and return its size in bytes; call ``did`` with the bytes of each member.

    Raises :class:`BundleError` if a segment has changed since it was planned, OSError if nothing can be written.
    """
    manifest = made.manifest.model_dump_json().encode()
    if len(manifest) > MAX_MANIFEST:
        raise BundleError(f"{len(made.members):,} segments are too many for one bundle: make one of each spool")
    with open(descriptor, "wb", closefd=False) as file, packing(ending, sequential := _Sequential(file)) as add:
        add(MANIFEST, len(manifest), [manifest])
        for member in made.members:
            add(member.entry.name, member.entry.bytes, _verified(member))
            did(member.entry.bytes)
    budget = Budget()
    budget.count_source(sequential.size)
    try:
        budget.count_unpacked(len(manifest) + sum(member.entry.bytes for member in made.members))
    except ArchiveError as error:
        raise BundleError("it packs so well that readers would take it for a bomb: name it .tar.gz") from error
    return sequential.size


def read_back(output: Output, manifest: Manifest) -> None:
    """Compare a bundle's every byte with its manifest.  Raises :class:`BundleError` if they differ."""
    name = output.place.rpartition("/")[2]
    expected = {f"{name}/{entry.name}": entry.sha256 for entry in manifest.segments}
    expected[f"{name}/{MANIFEST}"] = hashlib.sha256(manifest.model_dump_json().encode()).hexdigest()
    found = {}
    try:
        with output.open() as file:
            for member in walk_archive(name, file):
                if isinstance(member, Refused):
                    raise BundleError(f"{member.name} can't be read back ({member.why}): nothing was removed")
                digest = hashlib.sha256()
                for data in chunks_of(member.stream):
                    digest.update(data)
                found[member.name] = digest.hexdigest()
    except OSError as error:
        raise BundleError(f"{output.place} can't be read back ({error}): nothing was removed") from error
    if found != expected:
        raise BundleError(f"{output.place} does not hold what was written to it: nothing was removed")


def _verified(member: PlannedMember) -> Iterator[bytes]:
    """Yield a member's bytes.  Raises :class:`BundleError` if they are not those in the manifest."""
    digest = hashlib.sha256()
    try:
        for data in member.content():
            digest.update(data)
            yield data
    except OSError as error:
        raise BundleError(_gone(error)) from error
    if digest.hexdigest() != member.entry.sha256:
        raise BundleError(f"{member.path} was changed while it was bundled: run it again")


def _gone(error: OSError) -> str:
    return f"{error.filename or 'a segment'} can't be read any more ({error.strerror or error}): run it again"


def _unused(name: str, names: set[str]) -> str:
    """Return a name that every archive tool accepts and that no other member has."""
    plain = _UNUSUAL.sub("_", name)
    plain = f"_{plain}" if plain.startswith("._") else plain  # readers skip such names: macOS makes them
    numbered = (f"{number}-{plain}" for number in count(2))
    found = next(name for name in chain([plain], numbered) if name not in names)
    names.add(found)
    return found


@dataclass(slots=True)
class _Sequential:
    """A file without seeking, so that pipes get the same bytes.  ``size`` is the number of those written."""

    _file: BinaryIO
    size: int = 0

    def write(self, data: Any, /) -> int:
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()
