"""What every ledger can do, and its errors.  ``ledger/sqlite`` is one uploader's file, ``ledger/postgres`` is shared.

Several uploaders may share a ledger.  Then a record is *claimed* before it is sent: of two uploaders that hold a record
with the same key, one sends it.  A claim is no delivery; it ends with the uploader that holds it.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from .fate import Counts, Known
from .letter_store import LetterStore
from .object_queue import ObjectQueue
from .rows import Changes, LetterFate, LetterRow, SegmentRow


class LedgerError(Exception):
    """The ledger could not be read or written."""


class Unavailable(LedgerError):  # noqa: N818 -- the name says what happened
    """The ledger can't be used now, but is not damaged: no room, no permission, or a lock.  Try again later."""


class Damaged(LedgerError):  # noqa: N818
    """The file is not a ledger, or is damaged."""


class Lost(LedgerError):  # noqa: N818
    """The ledger was removed or replaced, or this uploader's claims in it have ended: what it knows is not true now."""


class TooNew(LedgerError):  # noqa: N818
    """A newer version of tcc-upload wrote the ledger."""


class Unusable(LedgerError):  # noqa: N818
    """The ledger is another target's, or is not set up; ``do`` tells an operator what to do."""

    def __init__(self, what: str, do: str) -> None:
        super().__init__(what)
        self.do = do


class Claimed(NamedTuple):
    """What became of a claim."""

    known: dict[bytes, list[Known]]
    """What was delivered under these keys, read after they were claimed: one value for each hint."""
    elsewhere: frozenset[bytes]
    """The keys that another uploader holds: their records wait."""


class Ledger(Protocol):
    """The keys of what was delivered, the letters, and the counts of every segment.

    Each method raises :class:`Unavailable` or :class:`Damaged` if the ledger can't be used.
    """

    @property
    def letter_store(self) -> LetterStore | None:
        """Where its dead letters are; None: in a folder beside it."""

    def object_queue(self, place: str) -> ObjectQueue | None:
        """Return the queue of the objects at a place for all who share the ledger; None: nobody else does."""

    def set_aside(self) -> dict[str, int]:
        """Return the objects that nobody takes any more, by name, and how many uploaders vanished with each in hand."""

    def begin(self, segment_id: str) -> tuple[int, bool]:
        """Return the number of the segment with this id, and whether its counts are this uploader's to write.

        If another uploader reads the segment now, its records are sent from here too, but counted and removed there.
        """

    def read_elsewhere(self) -> Collection[int]:
        """Return the numbers of the segments that uploaders of a shared ledger read now."""

    def number(self, segment_id: str) -> int:
        """Return the number of the segment with this id, which this uploader does not read."""

    def claim(self, records: Sequence[tuple[bytes, Known]]) -> Claimed:
        """Claim records, which each come with their key, before they are sent."""

    def release(self, keys: Iterable[bytes]) -> None:
        """End the claims on records that are not sent now.  The next commit ends those on what it settles."""

    def keep(self) -> None:
        """Keep the claims for another while.  Raises :class:`Lost` if that is too late.  Call it every second."""

    @property
    def refused(self) -> Collection[int]:
        """The numbers of segments whose rows the last commit did not write: another uploader counts them now."""

    def commit(self, changes: Changes) -> None:
        """Write all of ``changes`` or nothing, durably.  It may be called again with the same after any error."""

    def delivered(self, keys: Iterable[bytes]) -> dict[bytes, list[Known]]:
        """Return those of ``keys`` that were delivered, each with what is known about it: one value for each hint."""

    def doubtful(self, records: Sequence[tuple[bytes, Known]]) -> set[bytes]:
        """Return the keys that must be judged one by one, of records that each come with their key.

        The other records have no letter, and exactly their bytes were delivered from their place.
        """

    def letters(self, key: bytes) -> list[LetterRow]:
        """Return the letters under a record's key.  There may be very many."""

    def letters_about(self, key: bytes, record: Known) -> list[LetterRow]:
        """Return those of the letters under a record's key by which it is judged.

        These are all of equal bytes, and one of other bytes if there is one with the record's key hint, or if one of
        the two has none.
        """

    def letter(self, ident: str) -> LetterRow | None:
        """Return the letter with this id; None if the ledger does not know it."""

    def letters_with(self, fate: LetterFate) -> list[LetterRow]:
        """Return all letters that have this fate."""

    def settled_lines(self) -> dict[int, Counts]:
        """Return how many records of each segment were delivered, are dead, or were dropped; count keys and letters."""

    def contested_lines(self) -> dict[int, int]:
        """Return on how many lines of each segment there is a record that is known with other bytes, too.

        One of the two has a letter.  If both were on one line, of two copies, counts tell of one copy or the other.
        """

    def prune(self, numbers: Iterable[int]) -> None:
        """Delete all that is known of these segments, but letters that are not answered: their copies would be sent."""

    def forget(self, numbers: Iterable[int]) -> None:
        """Count these segments as finished, without what was pending or damaged; keep what was delivered from them."""

    def compact(self) -> None:
        """Give room back that was left by pruning, if it is much.  It may take minutes."""

    def size(self) -> int:
        """Return how many bytes it takes on disk."""

    def close(self) -> None:
        """End what this uploader holds.  Raises nothing."""

    def keys(self) -> int:
        """Return how many keys of delivered records it holds.  All are counted, which takes a second for millions."""

    def segments(self) -> Iterator[SegmentRow]:
        """Yield the row of every segment, oldest first."""

    def segment(self, segment_id: str) -> SegmentRow | None:
        """Return the row of the segment with this id; None if there is none."""
