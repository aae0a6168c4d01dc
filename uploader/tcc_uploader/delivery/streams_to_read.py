"""Reads the segments in archives and other streams, chunk by chunk, in order."""

from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from itertools import chain

from tcc_uploader.sources.given import Carrier
from tcc_uploader.sources.streams import LostError
from tcc_uploader.spool import reader
from tcc_uploader.spool.segment import Found, Segment

Chunk = tuple[Segment, list[Found]]


class StreamsToRead:
    """What is left to read of some carriers.  It is false at their end; then one that drains can be read again."""

    def __init__(
        self, carriers: Sequence[Carrier], names: Container[str], take_up: Callable[[Segment], object]
    ) -> None:
        """``names`` are those of the segments that are being read, ``take_up`` is called with each new one."""
        self._carriers = carriers
        self._names = names
        self._take_up = take_up
        self.copies = Counter[str]()
        """By name: how many more segments had it while it was taken."""
        self._current: Carrier | None = None
        self._chunks: Iterator[Chunk | None] | None = self._read(carriers)

    def __bool__(self) -> bool:
        return self._chunks is not None

    @property
    def is_waiting(self) -> bool:
        """Whether nothing can be read before a store has answered."""
        return self._current is not None and self._current.is_waiting

    def begin_again(self) -> None:
        """If everything was read, read what drains once more."""
        if self._chunks is None and (draining := [carrier for carrier in self._carriers if carrier.drains]):
            self._chunks = self._read(draining)

    def next(self) -> Chunk | None:
        """Return the next chunk; None if a piece held no records, or at the end."""
        return next(self._chunks, None) if self._chunks else None

    def _read(self, carriers: Sequence[Carrier]) -> Iterator[Chunk | None]:
        for segment in chain.from_iterable(map(self._steps_of, carriers)):
            if segment is None:
                yield None
                continue
            name = segment.file
            while segment.file in self._names:  # an archive may have any number of members with the same name
                self.copies[name] += 1
                segment.file = f"{name}~{self.copies[name]}"
            self._take_up(segment)
            while not segment.at_end:
                yield segment, _read_on(segment)
        self._chunks = self._current = None

    def _steps_of(self, carrier: Carrier) -> Iterator[Segment | None]:
        self._current = carrier
        return carrier.steps()


def _read_on(segment: Segment) -> list[Found]:
    """Read the next chunk of a stream; if the rest is lost, what was read of it until then is its end."""
    try:
        return reader.read_on(segment)
    except LostError:
        segment.end_early()
        return []
