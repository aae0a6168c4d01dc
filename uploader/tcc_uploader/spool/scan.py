"""List the files of a spool.  Scans find every file; the watcher's events only find it sooner."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tcc_uploader.files import DISK, Disk, identity_of, inode_of

SUFFIX: Final = ".jsonl"


class Seen(NamedTuple):
    """A file in a spool: its path, its device and inode (see ``identity_of``), and its size in bytes."""

    file: str
    identity: int
    size: int


class Done:
    """Files that need not be read again unless they change."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[int, int, bool]] = {}
        """By path: identity, size in bytes, and whether the file is sealed (a sealed file does not change)."""

    def add(self, seen: Seen, *, sealed: bool) -> None:
        """Note that nothing more is to be done with a file."""
        self.files[seen.file] = (seen.identity, seen.size, sealed)

    def holds(self, seen: Seen) -> bool:
        """Whether nothing is to be done with this file: it has not changed."""
        known = self.files.get(seen.file)
        return known is not None and known[:2] == (seen.identity, seen.size)

    def holds_sealed(self, listed: os.DirEntry[str]) -> bool:
        """Whether this is a known sealed file.  No stat() is used: 10,000 of them would take most of a scan's time."""
        known = self.files.get(listed.path)
        return known is not None and known[2] and inode_of(known[0]) == listed.inode()


def list_files(spools: Iterable[Path], files: Iterable[Path] = ()) -> tuple[list[Path], dict[Path, str]]:
    """Return the files of the spools, oldest name first, then ``files``; and why spools can't be read, by spool."""
    found: list[Path] = []
    unreadable: dict[Path, str] = {}
    for spool in spools:
        try:
            found += sorted(Path(listed.path) for listed in listed_in(spool) if seen_as(listed) is not None)
        except OSError as error:
            unreadable[spool] = error.strerror or str(error)
    return [*found, *files], unreadable


def listed_in(spool: Path, disk: Disk = DISK) -> Iterator[os.DirEntry[str]]:
    """Yield the entries of a spool that have a segment's suffix, in no order; none if the spool does not exist.

    Raises OSError if the spool exists but can't be read.
    """
    try:
        found = disk.listed(str(spool))  # a Path for each of 10,000 files would double the time
    except FileNotFoundError:
        return
    with found:
        yield from (listed for listed in found if listed.name.endswith(SUFFIX))


def seen_at(path: Path) -> Seen:
    """Return the file at this path; one of no size if there is none."""
    try:
        status = path.lstat()
    except OSError:
        return Seen(str(path), 0, 0)
    return Seen(str(path), identity_of(status), status.st_size)


def seen_as(listed: os.DirEntry[str]) -> Seen | None:
    """Return the file; None if it is not a regular file, or was removed after it was listed.  Raises OSError."""
    try:
        status = listed.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return Seen(listed.path, identity_of(status), status.st_size) if stat.S_ISREG(status.st_mode) else None
