"""Find the files of a spool.  A scan is the truth; the watcher's events only say where to look first."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from .segments import identity_of

SUFFIX: Final = ".jsonl"


class Seen(NamedTuple):
    """A file's name in a spool, which file it stands for (see ``identity_of``), and its size in bytes."""

    path: Path
    identity: int
    size: int


def list_files(spools: Iterable[Path], files: Iterable[Path] = ()) -> tuple[list[Path], dict[Path, str]]:
    """Return the files of some spools, and single ones; and which spools can't be read, and why."""
    found: list[Path] = []
    unreadable: dict[Path, str] = {}
    for spool in spools:
        try:
            found += [seen.path for seen in scan(spool)]
        except OSError as error:
            unreadable[spool] = error.strerror or str(error)
    return [*found, *files], unreadable


def scan(spool: Path) -> Iterator[Seen]:
    """Yield the regular files of a spool, oldest name first; nothing if it does not exist (yet).

    Raises OSError if it exists and can't be read.
    """
    try:
        with os.scandir(spool) as entries:  # an entry keeps all that was asked of it: 1 KB
            names = sorted(entry.name for entry in entries if entry.name.endswith(SUFFIX))
    except FileNotFoundError:
        return
    for name in names:
        path = spool / name
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue  # removed since it was listed
        if stat.S_ISREG(status.st_mode):
            yield Seen(path, identity_of(status), status.st_size)
