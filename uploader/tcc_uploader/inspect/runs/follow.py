"""Follows spools: the runs that end from now on, in the order in which they are recorded.

What an SDK posts is shown post by post, as it comes: nothing tells which is the last one of a run.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Final

from tcc_schemas.lines import Damage, Line
from tcc_schemas.plain import Invalid
from tcc_schemas.splitter import LineSplitter, RawLine
from tcc_uploader.files import CHUNK, opened
from tcc_uploader.spool.decoding import read_line
from tcc_uploader.spool.format import LINE_START, Format
from tcc_uploader.spool.scan import Seen, listed_in, seen_as

from .join import joined
from .kinds.read import is_post
from .reader import DamagedPlace
from .values import Record, Run, Source

_HELD: Final = 64 * 1024 * 1024
"""Bytes of children that are kept until the line of their run comes: a large run's children come first."""


@dataclass(slots=True)
class _File:
    """A file that is followed: what its next bytes are added to, and whether the last line was a seal."""

    identity: int
    splitter: LineSplitter
    sealed: bool = False


@dataclass(slots=True)
class Follower:
    """Reads what is added to the files of some spools.  Call :meth:`skip` first, then :meth:`read_new` repeatedly."""

    spools: Iterable[Path]
    _files: dict[str, _File] = field(default_factory=dict)
    _children: OrderedDict[str, list[Record]] = field(default_factory=OrderedDict)
    _held: int = 0

    def skip(self) -> None:
        """Pass over what is there now.  Raises OSError if a spool can't be read."""
        for seen in self._list():
            try:
                with opened(seen.file, seen.identity) as (file, status):
                    end = _end_of_lines(file, status.st_size)
            except OSError:
                continue  # reading it later says why
            self._files[seen.file] = _File(seen.identity, LineSplitter(offset=end), sealed=True)

    def read_new(self) -> Iterator[Run | DamagedPlace]:
        """Yield the runs that were recorded since the last call, and what could not be read.

        Raises OSError if a spool can't be read.
        """
        there = list(self._list())
        for name in self._files.keys() - {seen.file for seen in there}:
            if not self._files.pop(name).sealed:
                yield DamagedPlace(name, 0, "it went before its end was read: what came last was only counted")
        for seen in there:
            file = self._files.get(seen.file)
            if file is None or file.identity != seen.identity:
                file = self._files[seen.file] = _File(seen.identity, LineSplitter())
            try:
                yield from self._read_on(file, seen)
            except FileNotFoundError:
                del self._files[seen.file]
                yield DamagedPlace(seen.file, 0, "it went before it was read: its runs were only counted")
            except OSError as error:
                yield DamagedPlace(seen.file, 0, error.strerror or str(error))

    def _list(self) -> Iterator[Seen]:
        for spool in self.spools:
            yield from sorted(filter(None, map(seen_as, listed_in(spool))))

    def _read_on(self, file: _File, seen: Seen) -> Iterator[Run | DamagedPlace]:
        splitter = file.splitter
        if seen.size <= splitter.offset + splitter.tail:
            return
        splitter.rewind()  # the writer may have overwritten a torn tail
        with opened(seen.file, seen.identity) as (opened_file, _):
            opened_file.seek(splitter.offset)
            while data := opened_file.read(CHUNK):
                for raw in splitter.feed(data):
                    yield from self._taken(file, seen, raw)

    def _taken(self, file: _File, seen: Seen, raw: RawLine) -> Iterator[Run | DamagedPlace]:
        is_plain = raw.data is not None and not raw.data.startswith(LINE_START)
        found = read_line(raw, seen.file, plain=is_plain)
        file.sealed = isinstance(found, Line) and found.kind == "seal"
        if isinstance(found, Damage | Invalid):
            yield DamagedPlace(seen.file, 0, f"byte {raw.offset:,}: damaged, or no record")
        elif found is not None:
            source = Source(seen.file, "", Format.PLAIN if is_plain else Format.SEGMENT, seen.identity)
            record, run_id = Record(source, found), found.run_id or found.id
            if found.kind == "run":
                children = self._children.pop(run_id, [])
                self._held -= sum(child.line.size for child in children)
                yield joined(run_id, record, children)
            elif found.kind in ("step", "tool_call"):
                self._hold(run_id, record)
            elif is_post(found):
                yield joined(run_id, None, [record])

    def _hold(self, run_id: str, record: Record) -> None:
        self._children.setdefault(run_id, []).append(record)
        self._held += record.line.size
        while self._held > _HELD:
            _, children = self._children.popitem(last=False)
            self._held -= sum(child.line.size for child in children)


def _end_of_lines(file: FileIO, size: int) -> int:
    """Return where the last complete line ends in the first ``size`` bytes.  Raises OSError."""
    while size:
        start = max(0, size - CHUNK)
        file.seek(start)
        newline = (file.read(size - start) or b"").rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        size = start
    return 0
