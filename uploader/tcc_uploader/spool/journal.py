"""The open runs of a segment (begun, not ended), and the records made from them if their process died.  Pure."""

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
    """The position of a line in its file: its number, and its offset and size in bytes."""

    number: int
    offset: int
    size: int


LineRef = Span | Line
"""A line that is needed again: its position, or the line itself if it came from a stream."""


@dataclass(slots=True)
class OpenRun:
    """A run that has not ended.  ``place`` is its first journal line; a recovered record gets this position."""

    place: Span
    own: LineRef
    """The latest journal line about the run itself, not about one of its children."""
    children: dict[str, LineRef] = field(default_factory=dict)


_OF_A_LINE: Final = 2048
"""Bytes that a line takes beside its own, with what must be kept of its run and its segment."""


@dataclass(slots=True, eq=False)
class Allowance:
    """How many bytes of memory journal lines may take; all segments that come from streams share it."""

    _left: int

    def take(self, line: Line) -> Line | None:
        """Return the line, and reserve room for it; return None if there is no room."""
        if line.size + _OF_A_LINE > self._left:
            return None
        self._left -= line.size + _OF_A_LINE
        return line

    def give_back(self, ref: LineRef | None) -> None:
        """Release the room of a line; do nothing if ``ref`` is a position or None."""
        self._left += ref.size + _OF_A_LINE if isinstance(ref, Line) else 0


class _Hashes:
    """A set of texts that needs 8 bytes for each.  A search reads the whole set, so use it where searches are rare."""

    __slots__ = ("_hashes",)

    def __init__(self, texts: Iterable[str]) -> None:
        self._hashes = array("q", map(hash, texts))

    def __contains__(self, text: str) -> bool:
        return hash(text) in self._hashes

    def add(self, text: str) -> None:
        self._hashes.append(hash(text))


@dataclass(slots=True, eq=False)
class Journal:
    """The journal of one segment.  With an ``allowance`` it keeps lines, else their positions in the file."""

    allowance: Allowance | None = None
    open: dict[str, OpenRun] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    """Ids of runs that have not ended and can't be recovered, because the allowance had no room for all their lines."""
    known: set[str] | _Hashes = field(default_factory=set)
    """Ids of all runs in this segment, ended or not."""
    orphaned: int | None = None
    """The number of scans when the segment's writer was first found to be gone; None: it was not."""
    decided: bool = False
    """Whether recovery is finished: each open run was recovered, or left to another segment of its process."""

    @property
    def undecided(self) -> bool:
        """Whether there are open runs, and recovery is not finished."""
        return bool(self.open) and not self.decided

    def note(self, line: Line) -> None:
        """Take in a journal line."""
        place = Span(line.number, line.offset, line.size)
        run_id = line.run_id or line.id
        run = self.open.get(run_id)
        is_own = line.body.startswith(_RUN)
        if run is None and (not is_own or run_id in self.known):
            return
        if run is not None:
            self._give_back(run.own if is_own else run.children.get(line.id))
        kept = place if self.allowance is None else self.allowance.take(line)
        if kept is None:
            self.end(run_id)  # without this line, what is known of the run is not the truth
            self.lost.add(run_id)
        elif run is None:
            self.open[run_id] = OpenRun(place, kept)
            self.known.add(run_id)
        elif is_own:
            run.own = kept
        else:
            run.children[line.id] = kept

    def end(self, run_id: str) -> None:
        """Note that a run has ended: it has a record."""
        run = self.open.pop(run_id, None)
        self.known.add(run_id)
        self.lost.discard(run_id)
        for ref in (run.own, *run.children.values()) if run else ():
            self._give_back(ref)

    def _give_back(self, ref: LineRef | None) -> None:
        if self.allowance is not None:
            self.allowance.give_back(ref)

    def seal(self) -> None:
        """Store ``known`` in less memory: no more lines are expected."""
        self.known = _Hashes(self.known) if isinstance(self.known, set) else self.known


def recovered(place: Span, run: Line, children: list[Line]) -> Line:
    """Return the record of a run whose process died; the same lines always give the same bytes.

    The run ends at the time of the latest line, has an error status, and holds the children that had ended.
    Raises ValueError if ``run`` holds no JSON, or JSON that is nested too deep.
    """
    at = max(line.at for line in (run, *children))
    steps_first = sorted((child.body for child in children), key=lambda body: not body.startswith(_STEP))
    ended = {**orjson.loads(run.body), "end_time": at, "status_code": 2, "status_message": DIED}
    try:
        body = orjson.dumps(ended)
    except orjson.JSONEncodeError as error:
        raise ValueError("its prompt or metadata are nested too deep") from error
    if children:
        body = b'{"type":"batch","items":[' + b",".join([body, *steps_first]) + b"]}"
    run_id = run.run_id or run.id
    return run._replace(
        **place._asdict(),
        kind="run",
        id=run_id,
        run_id=run_id,
        at=at,
        path=CUSTOM_PATH,
        data=body,
        body_start=0,
        body_end=None,
    )
