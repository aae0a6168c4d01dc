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
from .object_source import ObjectSource
from .walk import START, kind_of

STDIN: Final = Path("-")
Given = Path | str
"""A path, or the name of a place in an object store."""


def sources_of(paths: Sequence[Given], spools: Iterable[Given] = ()) -> Sources:
    """Sort paths by what lies there.  A folder stands for all spools and archives in it and in its subfolders.

    Without paths, the sources are ``spools``.  Raises :class:`StoreError` if an object store can't be asked.
    """
    found = Sources()
    for spool in () if paths else spools:
        if isinstance(spool, str):
            found.archives.append(objects_at(spool))
        else:
            found.spools.append(spool)
    for path in paths:
        if isinstance(path, str):
            found.archives.append(objects_at(path))
        elif path == STDIN:
            found.archives.append(ArchiveSource("stdin", sys.stdin.buffer))
        elif path.is_dir():
            _add_folder(path.resolve(), found)
        elif _is_archive(path.resolve()):
            found.archives.append(ArchiveSource(str(path.resolve())))
        else:
            found.files.append(path.resolve())
    return found


def objects_at(place: str) -> ObjectSource:
    """Return what lies at a place in an object store, of which the store has said that it is there.

    Raises :class:`StoreError`.
    """
    from .s3 import S3  # noqa: PLC0415 -- few have its library, or need it

    store = S3(place)
    store.check()
    return ObjectSource(place, store)


def _add_folder(folder: Path, found: Sources) -> None:
    found.spools.append(folder)
    for root, folders, names in os.walk(folder):
        folders.sort()
        if Path(root) != folder and any(name.endswith(SUFFIX) for name in names):
            found.spools.append(Path(root))
        for name in sorted(names):
            if name.endswith(ARCHIVE_ENDINGS):
                found.archives.append(ArchiveSource(str(Path(root, name))))


def _is_archive(path: Path) -> bool:
    with suppress(OSError), files.opened(path) as (file, _):  # reading it will fail, too, and say why
        if kind_of(file.read(START) or b""):
            return True
    return path.name.endswith(ARCHIVE_ENDINGS)
