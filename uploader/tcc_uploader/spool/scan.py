"""Find the files of a spool.  A scan is the truth; the watcher's events only say where to look first."""

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
    """Files that need no reading as they are."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[int, int, bool]] = {}
        """By path: identity, size in bytes, and whether they are sealed: then they stay so."""

    def add(self, seen: Seen, *, sealed: bool) -> None:
        """Note that a file holds nothing more to do."""
        self.files[seen.file] = (seen.identity, seen.size, sealed)

    def drop(self, file: str) -> None:
        """Know nothing more of a path."""
        self.files.pop(file, None)

    def holds(self, seen: Seen) -> bool:
        """Whether there is nothing to do with a file as it is now."""
        known = self.files.get(seen.file)
        return known is not None and known[:2] == (seen.identity, seen.size)

    def holds_sealed(self, entry: os.DirEntry[str]) -> bool:
        """Whether an entry stands for a sealed file: to look at 10,000 of them is most of what a scan takes."""
        known = self.files.get(entry.path)
        return known is not None and known[2] and inode_of(known[0]) == entry.inode()


def list_files(spools: Iterable[Path], files: Iterable[Path] = ()) -> tuple[list[Path], dict[Path, str]]:
    """Return the files of some spools, oldest name first, and single ones; and which spools can't be read, and why."""
    found: list[Path] = []
    unreadable: dict[Path, str] = {}
    for spool in spools:
        try:
            found += sorted(Path(seen.file) for seen in scan(spool))
        except OSError as error:
            unreadable[spool] = error.strerror or str(error)
    return [*found, *files], unreadable


def scan(spool: Path) -> Iterator[Seen]:
    """Yield the regular files of a spool, in no order; nothing if it does not exist (yet).

    Raises OSError if the spool exists and can't be read.
    """
    return (seen for entry in entries(spool) if (seen := look(entry)) is not None)


def entries(spool: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what in a spool is named as its files are, as :func:`scan` does, without a look at the files."""
    try:
        found = os.scandir(str(spool))  # a Path for each of 10,000 files would double the time
    except FileNotFoundError:
        return
    with found:
        for entry in found:
            if entry.name.endswith(SUFFIX):
                yield entry


def look(entry: os.DirEntry[str]) -> Seen | None:
    """Return what an entry stands for; None if that is no regular file, or was removed since it was listed."""
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return Seen(entry.path, identity_of(status), status.st_size) if stat.S_ISREG(status.st_mode) else None
