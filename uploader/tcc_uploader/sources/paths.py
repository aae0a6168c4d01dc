"""What lies at the paths that a command is given: spools, files, archives, folders of these, and standard input."""

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from tcc_uploader import files
from tcc_uploader.spool.scan import SUFFIX

from .bystanders import ARCHIVE_ENDINGS
from .carried import ArchiveSource
from .given import Sources
from .walk import START, kind_of

STDIN: Final = Path("-")


def sources_of(paths: Sequence[Path], spools: Iterable[Path] = ()) -> Sources:
    """Sort paths by what lies there.  A folder stands for all spools and archives in it and in its subfolders.

    Without paths, the sources are ``spools``.
    """
    found = Sources([] if paths else list(spools))
    for path in paths:
        if path == STDIN:
            found.archives.append(ArchiveSource(Path("stdin"), sys.stdin.buffer))
        elif path.is_dir():
            _add_folder(path.resolve(), found)
        elif _is_archive(path.resolve()):
            found.archives.append(ArchiveSource(path.resolve()))
        else:
            found.files.append(path.resolve())
    return found


def _add_folder(folder: Path, found: Sources) -> None:
    found.spools.append(folder)
    for root, folders, names in os.walk(folder):
        folders.sort()
        if Path(root) != folder and any(name.endswith(SUFFIX) for name in names):
            found.spools.append(Path(root))
        for name in sorted(names):
            if name.endswith(ARCHIVE_ENDINGS):
                found.archives.append(ArchiveSource(Path(root, name)))


def _is_archive(path: Path) -> bool:
    with suppress(OSError), files.opened(path) as (file, _):  # reading it will fail, too, and say why
        if kind_of(file.read(START) or b""):
            return True
    return path.name.endswith(ARCHIVE_ENDINGS)
