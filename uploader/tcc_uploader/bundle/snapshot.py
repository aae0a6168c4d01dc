"""The files of spools as they are at one moment, whatever is appended to them or removed later."""

import hashlib
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, nullcontext
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

from tcc_uploader.files import identity_of, opened
from tcc_uploader.sources.manifest import ManifestEntry
from tcc_uploader.sources.streams import Section, chunks_of
from tcc_uploader.spool.format import PLAIN_ID, Format, sniff
from tcc_uploader.spool.reader import read_first_line
from tcc_uploader.spool.scan import list_files
from tcc_uploader.spool.segment import Segment, feed

if sys.platform != "win32":
    import resource

_OTHER_FILES: Final = 64
"""Descriptors that are left for other files."""


class Snapshot:
    """The first ``size`` bytes of a file.  If it is held open, it can be read after it was removed."""

    def __init__(self, path: Path, holder: ExitStack | None = None) -> None:
        """Let ``holder`` hold the file open, if there is one.  Raise OSError if the file can't be read."""
        self.path = path
        with ExitStack() as until_here:
            file, status = (holder or until_here).enter_context(opened(path))
            self.identity = identity_of(status)
            self.size = status.st_size
            self._held = (file, status) if holder else None

    def chunks(self, size: int | None = None) -> Generator[bytes, None, None]:
        """Yield its bytes, or only the first ``size``; the first chunk has the first line.

        Raises OSError, FileNotFoundError if it was not held open and is gone.
        """
        with nullcontext(self._held) if self._held else opened(self.path, self.identity) as (file, _):
            file.seek(0)
            stream = Section(file, self.size if size is None else size)
            yield read_first_line(stream)
            yield from chunks_of(stream)

    def examine(self) -> tuple[Segment, ManifestEntry]:
        """Read it to its end; return it as a segment, and its entry for a manifest.  Raises OSError."""
        hashed = hashlib.sha256()
        hash_of_lines = hashed.copy()
        chunks = self.chunks()
        start = next(chunks)
        kind, ident = sniff(start, str(self.path))
        segment = Segment(str(self.path), self.identity, kind, ident)
        for data in chain([start], chunks, [b""]):
            segment.at_end = not data
            feed(segment, data)
            lines, newline, torn = data.rpartition(b"\n")
            hashed.update(lines + newline)
            hash_of_lines = hashed.copy() if newline else hash_of_lines
            hashed.update(torn)
        whole = kind is Format.PLAIN or kind.is_foreign  # the last line of a hand-written file may have no newline
        digest = (hashed if whole else hash_of_lines).hexdigest()
        size = self.size if whole else segment.offset
        segment.id = PLAIN_ID + digest if kind is Format.PLAIN else ident
        records = segment.counts.records if kind in (Format.SEGMENT, Format.PLAIN) else None
        sealed = segment.seal is not None
        entry = ManifestEntry(self.path.name, segment.id, records, size, digest, sealed=sealed, torn=self.size - size)
        return segment, entry


class PlannedMember(NamedTuple):
    """One member of a bundle: the file it comes from, its entry in the manifest, and what yields its bytes."""

    path: Path
    entry: ManifestEntry
    content: Callable[[], Iterator[bytes]]
    file_sha256: str | None = None
    """Of the whole file, if the member has not all of it."""


class Snapshots(ExitStack):
    """Snapshots of every readable file in the spools; ``unreadable`` says which can't be read, and why."""

    def __init__(self, spools: Iterable[Path]) -> None:
        super().__init__()
        files, self.unreadable = list_files(spools)
        self.all: list[Snapshot] = []
        room = _room_for(len(files))
        for path in files:
            try:
                self.all.append(Snapshot(path, self if len(self.all) < room else None))
            except FileNotFoundError:
                continue  # delivered and removed since it was listed
            except OSError as error:
                self.unreadable[path] = error.strerror or str(error)


def _room_for(files: int) -> int:
    """Return how many files may be held open, at most ``files``; raise the process's limit for that if possible."""
    if sys.platform == "win32":
        return 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = files + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return files if soft == resource.RLIM_INFINITY else min(files, soft - _OTHER_FILES)
