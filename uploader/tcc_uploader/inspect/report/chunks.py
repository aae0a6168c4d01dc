"""The contents of runs, packed."""

import base64
import gzip
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, Final, NamedTuple, Self

import orjson

from tcc_uploader.inspect.runs.values import Run, Step
from tcc_uploader.model.body import Wire

CHUNK: Final = 512 * 1024
"""Bytes before compression.  Smaller chunks cost size and searching time, larger ones make opening a run slow."""
REPEATED: Final = ("prompt", "tool_definitions")
"""The members of a step that repeat what the step before sent."""
_WORTH: Final = 200
"""Characters that two texts must share."""
_OVERLAP: Final = 64
"""Shared characters that are written all the same: a search finds a phrase that begins in what is shared."""
_LEVEL: Final = 6  # of gzip: 1 is 46 % larger, 9 is 3 % smaller and takes 30 % longer
_PACKERS: Final = 2
"""Threads: packing takes as long as all else, and no more would be busy."""


class Contents(NamedTuple):
    """Where the contents of a run are: the chunk's number, offset and length in bytes.  A chunk of -1: nowhere."""

    chunk: int
    offset: int
    length: int


LEFT_OUT: Final = Contents(-1, 0, 0)


class ChunkWriter:
    """Writes chunks as the page's blocks, one behind the other.  Use it in a ``with`` block, which writes the last."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._bodies: list[bytes] = []
        self._size = 0
        self._packers = ThreadPoolExecutor(_PACKERS)
        self._packing: deque[tuple[int, Future[bytes]]] = deque()
        """Chunks on their way into the file, in its order, each with its bytes before compression."""
        self.chunks = 0
        """How many chunks were begun."""
        self.written = 0
        """Bytes in the file; a chunk on its way counts as it is before compression."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._pack()
                self._write(0)
        finally:
            self._packers.shutdown(cancel_futures=True)

    def add(self, run: Run) -> Contents:
        """Add a run's contents; return where they will be.  Raises OSError."""
        body = body_of(run)
        if self._size and self._size + len(body) > CHUNK:
            self._pack()
        if not self._size:
            self.chunks += 1
        place = Contents(self.chunks - 1, self._size, len(body))
        self._bodies.append(body)
        self._size += len(body)
        return place

    def _pack(self) -> None:
        """Hand the chunk that was begun to a packer."""
        if self._bodies:
            packed = self._packers.submit(block, f"c{self.chunks - 1}", b"".join(self._bodies))
            self._packing.append((self._size, packed))
            self.written += self._size
            self._bodies, self._size = [], 0
            self._write(_PACKERS)

    def _write(self, most: int) -> None:
        """Write chunks, in order, until no more than ``most`` are on their way.  Raises OSError."""
        while len(self._packing) > most:  # never "what is ready": the same runs must give the same bytes
            size, packed = self._packing.popleft()
            self.written += self._file.write(packed.result()) - size


def body_of(run: Run) -> bytes:
    """Return a run's contents as JSON; ``run`` is null if only its children were found."""
    value = {
        "run": run.wire or None,
        "steps": shortened(run.steps),
        "tools": [call.wire for call in run.tool_calls],
        "feedback": [each.wire for each in run.feedback],
    }
    posted = {"spans": [span.wire for span in run.spans], "posts": [post._asdict() for post in run.posts]}
    return orjson.dumps(value | {name: told for name, told in posted.items() if told})


def shortened(steps: Iterable[Step]) -> list[Wire]:
    """Return steps without what each repeats of the one before."""
    before: dict[str, str] = {}
    made = []
    for step in steps:
        wire = dict(step.wire)
        for member in REPEATED:
            value = step.wire.get(member)
            if isinstance(value, str):
                shared = shared_length(before.get(member, ""), value)
                if shared >= _WORTH:
                    shared -= _OVERLAP
                    wire[member] = {"$": [utf16_length(value[:shared]), value[shared:]]}
                before[member] = value
            elif (
                isinstance(value, dict) and "$" in value
            ):  # it was recorded like this: the page must not take it for ours
                wire[member] = {"$": [0, value]}
        made.append(wire)
    return made


def shared_length(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # comparing slices is a hundred times faster than comparing characters
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def utf16_length(text: str) -> int:
    """Return the length that a text has in JavaScript."""
    return len(text.encode("utf-16-le")) // 2


def block(name: str, content: bytes) -> bytes:
    """Return a block of data as the page holds it."""
    packed = base64.b64encode(gzip.compress(content, _LEVEL, mtime=0))
    return b'<script type="application/octet-stream" id="%s">%s</script>\n' % (name.encode(), packed)
