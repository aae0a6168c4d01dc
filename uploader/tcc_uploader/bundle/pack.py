"""Write tar and zip archives as streams, and a new file that appears under its name only when it is whole."""

import gzip
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from tcc_uploader.files import sync_folder
from tcc_uploader.sources.decompress import ZSTD
from tcc_uploader.sources.tar import BLOCK

_fsync = os.fsync

ZSTD_ENDING: Final = ".tar.zst"
GZIP_ENDING: Final = ".tar.gz"
ENDINGS: Final = (ZSTD_ENDING, GZIP_ENDING, ".tgz", ".zip")

Add = Callable[[str, int, Iterable[bytes]], None]
"""Add a member: its name, its size in bytes, and just so many bytes."""


class Sink(Protocol):
    """What bytes are written to, in order."""

    def write(self, data: bytes, /) -> object:
        """Take all of ``data``.  Raises OSError."""


@contextmanager
def packing(ending: str, file: BinaryIO) -> Iterator[Add]:
    """Write an archive of the kind that ``ending`` names; the same members make the same bytes.  Raises OSError."""
    if ending == ".zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            yield partial(_add_to_zip, archive)
    elif ending == ZSTD_ENDING:
        assert ZSTD is not None  # noqa: S101 -- the command has looked
        with ZSTD.ZstdFile(file, "w", options={ZSTD.CompressionParameter.checksum_flag: 1}) as packed:
            yield partial(_add_to_tar, packed)
            packed.write(b"\0" * 2 * BLOCK)
    else:
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as unpacked:
            yield partial(_add_to_tar, unpacked)
            unpacked.write(b"\0" * 2 * BLOCK)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file (0600) that nobody sees until the block has ended without error; then it is safe from power loss.

    Raises FileExistsError if there is a file of this name, OSError if it can't be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            _fsync(descriptor)
        _name(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def _name(temporary: Path, path: Path) -> None:
    """Give a file its final name, never that of another file."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:  # a file system without links, as on many USB sticks
        if path.exists():
            raise FileExistsError(str(path)) from None
        temporary.rename(path)


def _add_to_tar(file: Sink, name: str, size: int, chunks: Iterable[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o600
    file.write(member.tobuf(tarfile.PAX_FORMAT))
    for chunk in chunks:
        file.write(chunk)
    file.write(b"\0" * (-size % BLOCK))


def _add_to_zip(archive: zipfile.ZipFile, name: str, size: int, chunks: Iterable[bytes]) -> None:
    member = zipfile.ZipInfo(name)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o600 << 16
    member.file_size = size
    with archive.open(member, "w") as file:
        for chunk in chunks:
            file.write(chunk)
