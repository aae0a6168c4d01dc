"""What a command is given to read: spools, files and archives."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from tcc_schemas.lines import Line
from tcc_uploader.model.selection import Choice, Selection
from tcc_uploader.model.shortlist import Shortlist, T
from tcc_uploader.spool import reader
from tcc_uploader.spool.scan import list_files
from tcc_uploader.spool.segment import Segment

from .bystanders import passed_over
from .manifest import Listed


class Carrier(Protocol):
    """What carries segments that are read once, in order: an archive, a stream, or what lies in an object store."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def size(self) -> int:
        """Its bytes; 0 if that can't be told."""

    @property
    def problems(self) -> Shortlist[str]:
        """What was found so far to be wrong with it."""

    @property
    def newer(self) -> Shortlist[str]:
        """What in it, as far as it was read, only a newer version can read."""

    @property
    def listed(self) -> int:
        """The records that its manifests tell of, as far as they were read."""

    @property
    def cut(self) -> Iterable[Listed]:
        """What is missing by its manifests."""

    @property
    def faults(self) -> Sequence[tuple[str, int]]:
        """The archives that were read to their end and can be read again, each with what no manifest explains."""

    @property
    def not_read(self) -> dict[str, str]:
        """What of it was not read to its end yet, and why, if it was tried."""

    @property
    def is_read_once(self) -> bool:
        """Whether it can't be read a second time."""

    @property
    def drains(self) -> bool:
        """Whether it is read again and again, because more may come."""

    @property
    def is_waiting(self) -> bool:
        """Whether the next step can't be taken yet: what it is read from has not answered."""

    def unread(self) -> "Carrier":
        """Return the same, of which nothing was read yet."""

    def segments(self) -> Iterator[Segment]:
        """Yield each segment; read it to its end before you ask for the next.  Raises nothing."""

    def steps(self) -> Iterator[Segment | None]:
        """Yield each segment, as :meth:`segments` does, and None after each piece of what holds no records."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where segments are: in spools, in files, and in archives."""

    spools: list[Path] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    archives: list[Carrier] = field(default_factory=list)
    choice: Choice = field(default_factory=Choice)
    """Which of their records are meant; the others stay pending."""

    @property
    def folders(self) -> list[Path]:
        """The folders from which files may be removed: the spools, and those of files that were given by path."""
        return list(dict.fromkeys([*self.spools, *(file.parent for file in self.files)]))

    @property
    def problems(self) -> Shortlist[str]:
        """What was found so far to be wrong with archives."""
        return _all(archive.problems for archive in self.archives)

    @property
    def not_read(self) -> dict[str, str]:
        """What of the archives was not read to its end yet, and why, if it was tried."""
        return {name: why for archive in self.archives for name, why in archive.not_read.items()}

    @property
    def newer(self) -> Shortlist[str]:
        """The members of archives, found so far, that only a newer version can read."""
        return _all(archive.newer for archive in self.archives)

    @property
    def passed_over(self) -> list[str]:
        """What lies in the spools and is not read there, though somebody may think so; and what to do about it."""
        read = {archive.name for archive in self.archives}
        return [text for spool in self.spools for text in passed_over(spool, read)]

    def __str__(self) -> str:
        return ", ".join(map(str, (*self.spools, *self.files, *(archive.name for archive in self.archives))))


def _all(lists: Iterable[Shortlist[T]]) -> Shortlist[T]:
    found = Shortlist[T]()
    for each in lists:
        found += each
    return found


def choose(sources: Sources, selection: Selection, is_gone: Callable[[Segment], bool]) -> Sources:
    """Return ``sources`` with the choice that ``selection`` makes among their records.

    For that everything is read, and will be read again: no archive may be a stream.  ``is_gone`` decides whether the
    process that wrote a segment has died: then its journaled runs are among the runs.
    """
    return replace(sources, choice=Choice(selection, _records(sources, is_gone))) if selection else sources


def _records(sources: Sources, is_gone: Callable[[Segment], bool]) -> Iterator[Line]:
    """Yield all records, also those that can be recovered.  What can't be read is told when it is read again."""
    own = replace(sources, archives=[archive.unread() for archive in sources.archives])
    for segment in each_segment(own, {}):
        with suppress(OSError, ValueError):
            while segment.id and not segment.at_end:
                yield from (line for line in reader.read_on(segment) if isinstance(line, Line))
            if segment.journal.undecided and not segment.seal and is_gone(segment):
                yield from filter(None, [reader.recover(segment, run_id) for run_id in segment.journal.open])


def each_segment(sources: Sources, unreadable: dict[str, str]) -> Iterator[Segment]:
    """Yield every segment that can be read; note in ``unreadable`` which paths can't, and why."""
    files, why = list_files(sources.spools, sources.files)
    unreadable |= {str(path): text for path, text in why.items()}
    for path in files:
        try:
            yield reader.identify(path)[0]
        except OSError as error:
            unreadable[str(path)] = error.strerror or str(error)
    for archive in sources.archives:
        yield from archive.segments()
