"""All objects under a name as one source: each is read as a file on disk would be, and concluded when it is settled."""

import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Any, Final

from tcc_uploader.boundary import UnexpectedError
from tcc_uploader.model.object_queue import ObjectQueue
from tcc_uploader.model.objects import ObjectRef
from tcc_uploader.model.shortlist import Shortlist
from tcc_uploader.spool.segment import Segment

from .carried import ArchiveSource
from .manifest import Listed
from .object_queue import SoleWorker
from .objects import ObjectStore, ObjectStream, StoreError
from .threads import Helpers

_log = logging.getLogger(__name__)
_OPENED_AHEAD: Final = 16
"""Objects whose first bytes are fetched while others are read: a store answers late, but many requests at once."""
_LAST_DELETIONS: Final = 3.0
"""Seconds: containers get 10 to stop."""
_ENDED: Final = ("deleted", "replaced")
"""Failures after which nothing is left to be read of an object."""


@dataclass(eq=False, slots=True)
class _Reading:
    """An object that was taken: its segments with records that are not settled yet, and what was found."""

    ref: ObjectRef
    unsettled: set[Segment] = field(default_factory=set)
    at_end: bool = False
    again: bool = False
    """Whether it must be read once more."""
    stays: str = ""
    """Why it must not be deleted, with the name of what is meant; empty if it may be."""


class ObjectSource:
    """All objects under a name, one after the other, as one source.

    A *draining* source (a daemon's) can be read again and again: each pass reads what its queue gives out, and when all
    that an object holds is settled and committed, the queue hears of it, and with ``deletes`` the object is deleted.
    """

    def __init__(
        self,
        name: str,
        store: ObjectStore,
        queue: ObjectQueue | None = None,
        *,
        drains: bool = False,
        deletes: bool = False,
    ) -> None:
        self.name = name
        self.problems: Shortlist[str] = Shortlist()
        """Which objects and members can't be read, and why; and what is missing by manifests."""
        self.newer: Shortlist[str] = Shortlist()
        self.listed = 0
        self.cut: list[Listed] = []
        self.faults: list[tuple[str, int]] = []
        """For a source that is read once; each archive of it, with what no manifest explains."""
        self._store = store
        self._queue: ObjectQueue = queue or SoleWorker()
        self.drains = drains
        self._deletes = deletes
        self._lost: dict[str, str] = {}
        self._at_end = False
        self._readings: dict[Segment, _Reading] = {}
        self._is_lost = False
        """Whether the last pass could not list all."""
        self._awaited: Future[Any] | None = None
        self._awaits_queue = False
        self._helpers = Helpers(_OPENED_AHEAD)
        self._deletions: set[Future[None]] = set()

    size: Final = 0
    """Not known before everything is listed."""
    is_read_once: Final = False

    @property
    def not_read(self) -> dict[str, str]:
        """Which objects could not be read to their end, and why; itself, if not all was listed yet."""
        return self._lost | ({} if self._at_end or self.name in self._lost else {self.name: ""})

    def unread(self) -> "ObjectSource":
        """Return a source of the same objects, of which none was read yet."""
        return ObjectSource(self.name, self._store)

    def segments(self) -> Iterator[Segment]:
        """Yield each segment; read it to its end before you ask for the next.  Raises nothing."""
        for segment in self.steps():
            if segment is not None:
                yield segment
            elif self._awaited is not None:
                wait([self._awaited])

    def steps(self) -> Iterator[Segment | None]:
        """Yield each segment, as :meth:`segments` does, and None while the store is awaited, or where there is none."""
        self._at_end, self._lost = False, {}
        opened: deque[tuple[ObjectRef, Future[ObjectStream]]] = deque()
        try:
            for ref in self._taken():
                if ref is not None:
                    opened.append((ref, self._helpers.submit(self._store.open, ref)))
                if len(opened) == _OPENED_AHEAD or (opened and ref is None):
                    yield from self._read(*opened.popleft())
                elif ref is None:
                    yield None
        except StoreError as error:
            self._lost[self.name] = str(error)
            if self.drains and not self._is_lost:
                fields = {"action": "not_listed", "place": self.name, "why": error}
                _log.warning("can't list %(place)s: %(why)s; it is tried again at each scan", fields)
        self._is_lost = self.name in self._lost
        while opened:
            yield from self._read(*opened.popleft())
        self._at_end = not self._is_lost

    @property
    def is_waiting(self) -> bool:
        """Whether the store has not answered yet, or the queue gives out nothing before something is settled."""
        if self._awaits_queue:
            return self._queue.waits
        return self._awaited is not None and not self._awaited.done()

    def _until_done(self, work: Future[Any]) -> Iterator[None]:
        """Yield None until the store has done some work."""
        while not work.done():
            self._awaited, self._awaits_queue = work, False  # each time: others are read while this one is awaited
            yield None
        self._awaited, self._awaits_queue = None, False

    def _until_queue_gives(self) -> Iterator[None]:
        """Yield None until the queue may give out more, which depends on what was taken before."""
        while self._queue.waits:
            self._awaited, self._awaits_queue = None, True
            yield None
        self._awaits_queue = False

    def close(self) -> None:
        """Wait a little for the last deletions; what is left is deleted by the next worker that reads it."""
        wait(set(self._deletions), _LAST_DELETIONS)
        self._helpers.close()

    def _taken(self) -> Iterator[ObjectRef | None]:
        """Yield the objects to read, and None while store or queue are awaited.  Raises :class:`StoreError`."""
        pages = self._store.pages()
        while True:
            listing = self._helpers.submit(next, pages, None)
            yield from self._until_done(listing)
            page = listing.result()
            if page is None:
                self._queue.all_listed()
            else:
                self._queue.note(page)
            while (taken := self._queue.take()) or self._queue.waits:
                yield from taken
                yield from () if taken else self._until_queue_gives()
            if page is None:
                return

    def _read(self, ref: ObjectRef, opening: "Future[ObjectStream]") -> Iterator[Segment | None]:
        """Yield the segments of one object."""
        yield from self._until_done(opening)
        reading = _Reading(ref)
        try:
            stream = opening.result()
        except StoreError as error:
            if error.kind != "deleted":  # somebody needed it no more
                self._lost[ref.uri] = str(error)
            reading.again = error.kind not in _ENDED
        except UnexpectedError as error:
            reading.stays = f"{ref.uri}: {error}"
            self.problems.append(reading.stays)
        else:
            archive = ArchiveSource(ref.uri, stream)
            for segment in archive.steps():
                if segment is not None and self.drains:
                    segment.on_release = self._release
                    self._readings[segment] = reading
                    reading.unsettled.add(segment)
                yield segment
            if stream.failure is not None:
                self._lost[ref.uri] = str(stream.failure)
                reading.again = stream.failure.kind not in _ENDED
            else:
                self._note(archive)
                reading.stays = next(iter((*archive.problems, *archive.newer)), "")
        reading.at_end = True
        self._conclude(reading)

    def _note(self, archive: ArchiveSource) -> None:
        """Take in what is to be told of an object that was read to its end."""
        self.problems += archive.problems
        self.newer += archive.newer
        if not self.drains:
            self.listed += archive.listed
            self.cut += archive.cut
            self.faults.append(archive.fault)

    def _release(self, segment: Segment) -> None:
        """Take in that a segment is settled, or that its pending records wait for another pass."""
        reading = self._readings.pop(segment)
        reading.unsettled.discard(segment)
        if segment.is_read_again or not segment.counted_here:  # who counts it may have noted less
            reading.again = True
        elif segment.journal.undecided and not segment.seal:
            reading.stays = f"{segment.file} has runs without an end: replay it with --assume-dead"
        elif segment.damage or segment.skipped:
            reading.stays = f"{segment.file} is damaged, or of a newer version"
        self._conclude(reading)

    def _conclude(self, reading: _Reading) -> None:
        """If all that an object holds is settled, say so to the queue, and delete it."""
        if not self.drains or not reading.at_end or reading.unsettled:
            return
        if reading.again:
            self._queue.give_back(reading.ref)
            return
        if self._deletes and not reading.stays:
            deletion = self._helpers.submit(self._delete, reading.ref)
            self._deletions.add(deletion)
            deletion.add_done_callback(self._deletions.discard)
        elif reading.stays:
            _log.warning("kept: %(why)s", {"action": "object_kept", "object": reading.ref.uri, "why": reading.stays})
        self._queue.finished(reading.ref)

    def _delete(self, ref: ObjectRef) -> None:
        """Delete an object, in a thread of the pool.  If that fails, the next worker that reads it tries it again."""
        try:
            self._store.delete(ref)
        except OSError as error:
            fields = {"action": "object_not_deleted", "object": ref.uri, "why": error}
            _log.warning("can't delete %(object)s: %(why)s", fields)
