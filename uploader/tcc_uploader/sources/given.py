"""What a command is given to read: spools, files and archives."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tcc_uploader.spool import reader
from tcc_uploader.spool.scan import list_files
from tcc_uploader.spool.segment import Segment

if TYPE_CHECKING:  # few commands read archives
    from .carried import ArchiveSource


@dataclass(frozen=True, slots=True)
class Sources:
    """Where segments are: in spools, in files, and in archives."""

    spools: list[Path] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    archives: "list[ArchiveSource]" = field(default_factory=list)

    def __str__(self) -> str:
        return ", ".join(map(str, (*self.spools, *self.files, *(archive.path for archive in self.archives))))


def each_segment(sources: Sources, unreadable: dict[Path, str]) -> Iterator[Segment]:
    """Yield every segment that can be read; note in ``unreadable`` which paths can't, and why."""
    files, why = list_files(sources.spools, sources.files)
    unreadable |= why
    for path in files:
        try:
            yield reader.identify(path)[0]
        except OSError as error:
            unreadable[path] = error.strerror or str(error)
    for archive in sources.archives:
        yield from archive.segments()
