"""What lies in a spool and is not read there, though somebody may think that it is: links, archives, files of ours."""

import os
from collections import defaultdict
from collections.abc import Container
from contextlib import suppress
from pathlib import Path
from typing import Final

from tcc_uploader.files import file_name, opened
from tcc_uploader.settings import TARGET_FILES
from tcc_uploader.spool.format import EXPORT_STARTS
from tcc_uploader.spool.scan import SUFFIX

ARCHIVE_ENDINGS: Final = (".gz", ".tgz", ".zst", ".zip", ".tar", ".bz2", ".xz")
"""How the names of archives end."""
_EXPORT_ENDINGS: Final = (".html", ".db", ".sqlite", ".sqlite3")
_REMEDIES: Final = {
    "symbolic links": "they are not followed; copy the files here, or give the folder that they lie in",
    "archives": "they are not read in a spool; `tcc-upload replay` reads each by its path",
    "exports or reports": "they are made to be looked at, and no spool files",
    "files of an uploader's state": "they hold no records; keep the state directory out of the spool",
}
"""By what is passed over: why, and what to do about it."""


def passed_over(spool: Path, read: Container[str]) -> list[str]:
    """Say what is not read in a spool, and what to do about it; ``read`` are the paths of the archives that are read.

    Nothing is said of a spool that can't be listed: reading it fails, too, and says why.
    """
    names: defaultdict[str, list[str]] = defaultdict(list)
    with suppress(OSError), os.scandir(spool) as found:
        for entry in found:
            if entry.path not in read and (what := _what_is(entry)):
                names[what].append(entry.name)
    return [
        f"{file_name(spool)}: {what} ({len(names[what]):,}; {min(names[what])!r} for one): {remedy}"
        for what, remedy in _REMEDIES.items()
        if what in names
    ]


def _what_is(entry: os.DirEntry[str]) -> str:
    """Return for what a file is passed over; ``""`` if it is a spool file, or nobody would miss it.  Raises OSError."""
    if entry.is_symlink():
        return "symbolic links" if entry.name.endswith((SUFFIX, *ARCHIVE_ENDINGS)) or entry.is_dir() else ""
    if entry.name in TARGET_FILES:
        return "files of an uploader's state"
    if entry.name.endswith(ARCHIVE_ENDINGS):
        return "archives"
    if entry.name.endswith(_EXPORT_ENDINGS):
        with suppress(OSError), opened(entry.path) as (file, _):
            return "exports or reports" if (file.read(64) or b"").startswith(EXPORT_STARTS) else ""
    return ""
