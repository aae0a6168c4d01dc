"""List the files of a spool.  Scans find every file; the watcher's events only make it sooner."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tcc_uploader.files import identity_of, inode_of

SUFFIX: Final = ".jsonl"


class Seen(NamedTuple):
    """A file's path in a spool, which file it stands for (see ``identity_of``), and its size in bytes."""

    file: str
    identity: int
    size: int


class Done:
    """Files that need not be read again as long as they stay as they are."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[int, int, bool]] = {}
        """By path: identity, size in bytes, and whether they are sealed: then they stay so."""

    def add(self, seen: Seen, *, sealed: bool) -> None:
        """Note that there is nothing more to do with a file."""
        self.files[seen.file] = (seen.identity, seen.size, sealed)

    def holds(self, seen: Seen) -> bool:
        """Whether there is nothing to do with a file of this identity and size."""
        known = self.files.get(seen.file)
        return known is not None and known[:2] == (seen.identity, seen.size)

    def holds_sealed(self, listed: os.DirEntry[str]) -> bool:
        """Whether a name stands for a sealed file, told without a stat(): 10,000 of these are most of a scan's time."""
        known = self.files.get(listed.path)
        return known is not None and known[2] and inode_of(known[0]) == listed.inode()


def list_files(spools: Iterable[Path], files: Iterable[Path] = ()) -> tuple[list[Path], dict[Path, str]]:
    """Return the files of the spools, oldest name first, then ``files``; and why which spool can't be read."""
    found: list[Path] = []
    unreadable: dict[Path, str] = {}
    for spool in spools:
        try:
            found += sorted(Path(seen.file) for seen in files_in(spool))
        except OSError as error:
            unreadable[spool] = error.strerror or str(error)
    return [*found, *files], unreadable


def files_in(spool: Path) -> Iterator[Seen]:
    """Yield the regular files of a spool, in no order; none if it does not exist (yet).

    Raises OSError if the spool exists and can't be read.
    """
    return (seen for listed in listed_in(spool) if (seen := seen_as(listed)) is not None)


def listed_in(spool: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what :func:`files_in` would look at: what has the name of a segment.  Raises OSError as it does."""
    try:
        found = os.scandir(str(spool))  # a Path for each of 10,000 files would double the time
    except FileNotFoundError:
        return
    with found:
        yield from (listed for listed in found if listed.name.endswith(SUFFIX))


def seen_as(listed: os.DirEntry[str]) -> Seen | None:
    """Return the file of this name; None if it is no regular file, or gone since it was listed.  Raises OSError."""
    try:
        status = listed.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return Seen(listed.path, identity_of(status), status.st_size) if stat.S_ISREG(status.st_mode) else None
