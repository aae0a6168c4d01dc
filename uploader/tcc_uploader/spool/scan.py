"""List the files of a spool.  Scans find every file; the watcher's events only find it sooner."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tcc_uploader.files import DISK, Disk, identity_of, inode_of

SUFFIX: Final = ".jsonl"
Stamp = tuple[int, int]
"""When a file was changed, as its status says: mtime and ctime, in nanoseconds since 1970."""
_IN_DOUBT: Final[Stamp] = (0, 0)
_TICK: Final = 2.0
"""Seconds in which two changes may get the same stamp, on the coarsest file systems."""


class Seen(NamedTuple):
    """A file in a spool: its path, its device and inode (see ``identity_of``), its size in bytes, and its stamp."""

    file: str
    identity: int
    size: int
    stamp: Stamp = _IN_DOUBT


def stamp_of(status: os.stat_result) -> Stamp:
    """Return a file's stamp.  It tells when to look at the bytes of a plain file again; nothing else depends on it."""
    return status.st_mtime_ns, status.st_ctime_ns


class Done:
    """Files that need not be read again unless they change."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[int, int, bool]] = {}
        """By path: identity, size in bytes, and whether the file is sealed (a sealed file does not change)."""
        self._plain: dict[str, tuple[Seen, str]] = {}
        """By path, for files that are no segments, done or not: each as it was when its id was made, and this id."""

    def add(self, seen: Seen, *, sealed: bool) -> None:
        """Note that nothing more is to be done with a file."""
        self.files[seen.file] = (seen.identity, seen.size, sealed)

    def holds(self, seen: Seen) -> bool:
        """Whether nothing is to be done with this file: it has not changed."""
        return self._has(seen) and not self.may_differ(seen)

    def may_differ(self, seen: Seen) -> bool:
        """Whether a file that is no segment may have got other bytes, of the same number, since its id was made."""
        plain = self._plain.get(seen.file)
        return plain is not None and plain[0].stamp != seen.stamp

    def has_same_bytes(self, seen: Seen, ident: str | None, now: float, *, is_read: bool) -> bool:
        """Note the id that was made of a file's bytes; return whether these are known: read, or done.

        ``ident`` is empty if there are no records in the file, None if it is a segment.  ``now``: when it was opened,
        in seconds since 1970.  If the file was changed just then, it may be changed again without another stamp, so it
        stays in doubt.
        """
        before = self._plain.pop(seen.file, None)
        if ident is None:
            return False
        is_fresh = any(abs(now - nanoseconds / 1e9) < _TICK for nanoseconds in seen.stamp)
        self._plain[seen.file] = seen._replace(stamp=_IN_DOUBT) if is_fresh else seen, ident
        had = before is not None and (before[0][:3], before[1]) == (seen[:3], ident)
        return had and ident != "" and (is_read or self._has(seen))

    def forget(self, file: str) -> None:
        """Forget a file that is gone."""
        self.files.pop(file, None)
        self._plain.pop(file, None)

    def _has(self, seen: Seen) -> bool:
        known = self.files.get(seen.file)
        return known is not None and known[:2] == (seen.identity, seen.size)

    def holds_sealed(self, listed: os.DirEntry[str]) -> bool:
        """Whether this is a known sealed file.  No stat() is used: 10,000 of them would take most of a scan's time."""
        known = self.files.get(listed.path)
        return known is not None and known[2] and inode_of(known[0]) == listed.inode()


def list_files(spools: Iterable[Path], files: Iterable[Path] = ()) -> tuple[list[Path], dict[Path, str]]:
    """Return the files of the spools, oldest name first, then ``files``; and why spools can't be read, by spool."""
    found, unreadable = seen_in(spools)
    return [*(Path(seen.file) for seen in found), *files], unreadable


def seen_in(spools: Iterable[Path]) -> tuple[list[Seen], dict[Path, str]]:
    """Return the files of the spools, oldest name first; and why spools can't be read, by spool."""
    found: list[Seen] = []
    unreadable: dict[Path, str] = {}
    for spool in spools:
        try:
            found += sorted(filter(None, map(seen_as, listed_in(spool))))
        except OSError as error:
            unreadable[spool] = error.strerror or str(error)
    return found, unreadable


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
    return Seen(str(path), identity_of(status), status.st_size, stamp_of(status))


def seen_as(listed: os.DirEntry[str]) -> Seen | None:
    """Return the file; None if it is not a regular file, or was removed after it was listed.  Raises OSError."""
    try:
        status = listed.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Seen(listed.path, identity_of(status), status.st_size, stamp_of(status))
