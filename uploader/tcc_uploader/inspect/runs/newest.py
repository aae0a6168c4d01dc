"""Which file may hold the newest runs, found out with as little reading as possible."""

import heapq
from collections.abc import Iterable, Iterator
from math import inf
from pathlib import Path
from typing import Final

from tcc_schemas.lines import Line
from tcc_schemas.splitter import LineSplitter
from tcc_uploader.files import opened, read_fully
from tcc_uploader.model.body import moment_of
from tcc_uploader.spool.decoding import read_line
from tcc_uploader.spool.scan import Seen

from .values import ms_of

_TAILS: Final = (4 * 1024, 64 * 1024)
"""Bytes at the end of a file that are looked at to find its newest time: a seal is in the first, or elsewhere."""
_CLOCKS_DIFFER: Final = 60_000.0
"""Milliseconds by which a file's mtime may be older than its newest line."""


def newest_files(files: Iterable[Seen]) -> Iterator[tuple[float, Path | None]]:
    """Yield files with their :func:`newest_in`, in falling order; a file is looked into only when it may be the next.

    With None comes a time before which all runs began in the files that are left.

    A file was last written when its newest line was, so it is not the next while its mtime is older.  If one file shows
    that mtimes can't be trusted here (unpacked in another time zone, a server's clock), all files are looked into.
    """
    waiting = [(-_changed(seen), False, seen.file) for seen in files]
    heapq.heapify(waiting)
    while waiting:
        bound, is_known, path = heapq.heappop(waiting)
        if is_known:
            yield -bound, Path(path)
            continue
        yield -bound, None
        newest = newest_in(path)
        heapq.heappush(waiting, (-newest, True, path))
        if -bound < newest < inf:
            waiting = [(until if known else -inf, known, other) for until, known, other in waiting]
            heapq.heapify(waiting)


def _changed(seen: Seen) -> float:
    """Return a file's mtime and what clocks may differ by, in milliseconds; infinity if it can't be told."""
    return seen.stamp[0] / 1e6 + _CLOCKS_DIFFER if seen.identity else inf


def newest_in(path: str) -> float:
    """Return a time before which every run in a file began, in milliseconds since 1970; infinity if it can't be told.

    A seal tells it, because it was written last; and the lines tell it if these are all that the file has.
    """
    try:
        with opened(path) as (file, status):
            for tail in _TAILS:
                file.seek(max(0, status.st_size - tail))
                raws = LineSplitter().feed(read_fully(file, tail))
                found = [read_line(raw, path, plain=False) for raw in raws]
                lines = [line for line in found if isinstance(line, Line)]
                newest = max((ms_of(moment_of(line.at)) for line in lines), default=inf)
                sealed = bool(lines) and lines[-1].kind == "seal" and ms_of(moment_of(lines[-1].at)) == newest
                if sealed or (status.st_size <= tail and len(lines) == len(found)):
                    return newest
    except OSError:
        pass  # reading it will fail, too, and say why
    return inf
