"""The runs of a segment that began and have not ended, and what a killed process left of them.  Pure."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import orjson

from tcc_schemas.endpoints import CUSTOM_PATH
from tcc_schemas.lines import Line

DIED: Final = "not ended: the process died"
_RUN: Final = b'{"type":"run",'
_STEP: Final = b'{"type":"step",'


class Span(NamedTuple):
    """Where a line stands in its file."""

    number: int
    offset: int
    size: int


Mark = Span | Line
"""A line to come back to: where it stands or, if it can't be read again, the line itself."""


@dataclass(slots=True)
class OpenRun:
    """A run without an end.  ``place`` is its first journal line: the line that its recovered record counts for."""

    place: Span
    own: Mark
    """The last line that tells of the run itself."""
    children: dict[str, Mark] = field(default_factory=dict)


class Allowance:
    """How many bytes of journal may be kept in memory, by all segments that come as streams together."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, line: Line) -> bool:
        """Return whether there is room for a line; it is taken then."""
        room = line.size <= self._left
        self._left -= line.size if room else 0
        return room

    def give_back(self, mark: Mark | None) -> None:
        """Note that a line is kept no longer."""
        self._left += mark.size if isinstance(mark, Line) else 0


class _Hashes:
    """A set of texts in 8 bytes each.  It is searched from end to end: for what is seldom asked."""

    __slots__ = ("_hashes",)

    def __init__(self, texts: Iterable[str]) -> None:
        self._hashes = array("q", map(hash, texts))

    def __contains__(self, text: str) -> bool:
        return hash(text) in self._hashes

    def add(self, text: str) -> None:
        self._hashes.append(hash(text))


class Journal:
    """What the journal lines of one segment say, in little memory: places, and lines only if ``allowance`` is given."""

    __slots__ = ("_allowance", "decided", "known", "open", "orphaned")

    def __init__(self, allowance: Allowance | None = None) -> None:
        self._allowance = allowance
        self.open: dict[str, OpenRun] = {}
        self.known: set[str] | _Hashes = set()
        """Every run that this segment tells of, ended or not."""
        self.orphaned: int | None = None
        """How many scans of the spools there had been when its writer was first found to be gone."""
        self.decided = False
        """Whether the open runs were recovered, or are another segment's matter."""

    @property
    def undecided(self) -> bool:
        """Whether there are runs of which nobody knows yet what becomes of them."""
        return bool(self.open) and not self.decided

    def note(self, line: Line) -> None:
        """Take a journal line."""
        span = Span(line.number, line.offset, line.size)
        run_id = line.run_id or line.id
        run = self.open.get(run_id)
        if line.body.startswith(_RUN):
            if run is not None:
                self._give_back(run.own)
                run.own = self._mark(line, span)
            elif run_id not in self.known:
                self.open[run_id] = OpenRun(span, self._mark(line, span))
                self.known.add(run_id)
        elif run is not None:
            self._give_back(run.children.get(line.id))
            run.children[line.id] = self._mark(line, span)

    def end(self, run_id: str) -> None:
        """Note that a run has a record of its own."""
        run = self.open.pop(run_id, None)
        self.known.add(run_id)
        for mark in (run.own, *run.children.values()) if run else ():
            self._give_back(mark)

    def seal(self) -> None:
        """Note that nothing more is expected to come: what is known is kept in less memory."""
        self.known = _Hashes(self.known) if isinstance(self.known, set) else self.known

    def _mark(self, line: Line, span: Span) -> Mark:
        return line if self._allowance and self._allowance.take(line) else span

    def _give_back(self, mark: Mark | None) -> None:
        if self._allowance:
            self._allowance.give_back(mark)


def recovered(place: Span, run: Line, children: list[Line]) -> Line:
    """Return the record of a run whose process died: the same bytes, whoever makes it.

    Its last sign of life is its end; its status is an error; the children that had ended are in it.
    """
    at = max(line.at for line in (run, *children))
    item = {**orjson.loads(run.body), "end_time": at, "status_code": 2, "status_message": DIED}
    steps = [child.body for child in children if child.body.startswith(_STEP)]
    others = [child.body for child in children if not child.body.startswith(_STEP)]
    body = orjson.dumps(item)
    if children:
        body = b'{"type":"batch","items":[' + b",".join([body, *steps, *others]) + b"]}"
    run_id = run.run_id or run.id
    return run._replace(
        number=place.number,
        offset=place.offset,
        size=place.size,
        kind="run",
        id=run_id,
        run_id=run_id,
        at=at,
        path=CUSTOM_PATH,
        data=body,
        body_start=0,
        body_end=None,
    )
