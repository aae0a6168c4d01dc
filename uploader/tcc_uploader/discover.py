"""Find the files of a spool.  A scan is the truth; the watcher's events only say where to look first."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from .segments import identity_of

SUFFIX: Final = ".jsonl"


class Seen(NamedTuple):
    """A file's path in a spool, which file it stands for (see ``identity_of``), and its size in bytes."""

    file: str
    identity: int
    size: int


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

    Of 100,000 files that are known already nothing is kept.  Raises OSError if the spool exists and can't be read.
    """
    try:
        entries = os.scandir(str(spool))  # a Path for each of 10,000 files would double the time
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            if not entry.name.endswith(SUFFIX):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # removed since it was listed
            if stat.S_ISREG(status.st_mode):
                yield Seen(entry.path, identity_of(status), status.st_size)
