"""Write tar and zip archives as streams."""

import gzip
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BufferedIOBase
from typing import Any, Final

from tcc_uploader.sources.decompress import ZSTD
from tcc_uploader.sources.tar import BLOCK

ZSTD_ENDING: Final = ".tar.zst"
GZIP_ENDING: Final = ".tar.gz"
ENDINGS: Final = (ZSTD_ENDING, GZIP_ENDING, ".tgz", ".zip")

Add = Callable[[str, int, Iterable[bytes]], None]
"""Adds a member: its name, its size in bytes, and exactly so many bytes in chunks."""


@contextmanager
def packing(ending: str, file: Any) -> Iterator[Add]:
    """Write an archive of the kind that ``ending`` names to ``file``, of which ``write`` and ``flush`` are used.

    The same members give the same bytes.  Raises OSError.
    """
    if ending == ".zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            yield partial(_add_to_zip, archive)
    else:
        with _compressed(ending, file) as packed:
            yield partial(_add_to_tar, packed)
            packed.write(b"\0" * 2 * BLOCK)


def _compressed(ending: str, file: Any) -> Any:
    if ending == ZSTD_ENDING:
        return ZSTD.ZstdFile(file, "w", options={ZSTD.CompressionParameter.checksum_flag: 1})
    return gzip.GzipFile("", "wb", fileobj=file, mtime=0)


def _add_to_tar(file: BufferedIOBase, name: str, size: int, chunks: Iterable[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o600
    file.write(member.tobuf(tarfile.PAX_FORMAT))
    file.writelines(chunks)
    file.write(b"\0" * (-size % BLOCK))


def _add_to_zip(archive: zipfile.ZipFile, name: str, size: int, chunks: Iterable[bytes]) -> None:
    member = zipfile.ZipInfo(name)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o600 << 16
    member.file_size = size
    with archive.open(member, "w") as file:
        file.writelines(chunks)
