"""Where a secret stands on disk."""

from contextlib import suppress
from pathlib import Path


def files_with(secret: str, *folders: Path) -> list[Path]:
    """Return the files below some folders that hold a secret.  A file that goes meanwhile holds none."""
    found = []
    for file in (file for folder in folders for file in folder.rglob("*")):
        with suppress(FileNotFoundError, IsADirectoryError):
            if secret.encode() in file.read_bytes():
                found.append(file)
    return found
