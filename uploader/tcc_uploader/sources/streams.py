"""Byte streams that archives are read through: counted against a budget, peeked at, cut to length."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Final, NamedTuple

from tcc_uploader.files import CHUNK, ByteStream

MAX_MEMBERS: Final = 1_000_000
"""Members of all archives in one source, headers that only describe others included."""
FREE_BYTES: Final = 64 * 1024 * 1024
"""Bytes that a source may unpack to, however few it has itself."""
MAX_RATIO: Final = 1000
"""Bytes that each byte of a source may unpack to, beyond the free ones.  Runs with long prompts come to 800."""
MAX_HELD: Final = 24 * 1024 * 1024
"""Bytes of zip files that may be held in memory at once, because they can only be read from their end."""
UNREADABLE: Final = "can't be read: {}"
CUT_SHORT: Final = "it is cut short: fetch or copy it again"


class ArchiveError(OSError):
    """An archive, or the rest of one, can't be read; the text says why, and what to do."""


class LostError(ArchiveError):
    """A source can't be read on, though nothing is known to be wrong with its bytes: what it comes from has failed."""


class Member(NamedTuple):
    """A file in an archive: the name as it stands there, and its bytes."""

    name: str
    stream: ByteStream


class Refused(NamedTuple):
    """What is not read, and why."""

    name: str
    why: str


@dataclass(slots=True)
class Budget:
    """What reading one source may cost, all archives in it together."""

    held: int = 0
    """Bytes held in memory now."""
    _members: int = 0
    _source: int = 0
    _unpacked: int = 0

    def count_member(self) -> None:
        """Count one member.  Raises :class:`ArchiveError` if there are too many."""
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise ArchiveError(f"more than {MAX_MEMBERS:,} members: unpack it, and give the folder instead")

    def count_source(self, size: int) -> None:
        """Count bytes of the source itself."""
        self._source += size

    def count_unpacked(self, size: int) -> None:
        """Count bytes that were unpacked.  Raises :class:`ArchiveError` if they are too many for the source's size."""
        self._unpacked += size
        if self._unpacked > FREE_BYTES + MAX_RATIO * self._source:
            raise ArchiveError(
                f"unpacks to more than {MAX_RATIO} times its size, as a bomb does: "
                "if you trust it, unpack it, and give the folder instead"
            )

    def hold(self, size: int) -> None:
        """Count bytes that stay in memory until ``held`` is set back.  Raises :class:`ArchiveError`."""
        self.held += size
        if self.held > MAX_HELD:
            raise ArchiveError(
                f"a zip file of more than {MAX_HELD >> 20} MiB can't be read from a pipe or another archive: "
                "give it as a file of its own, or pack with tar"
            )


@contextmanager
def errors_as(text: str, *errors: type[Exception]) -> Iterator[None]:
    """Raise ``errors`` as :class:`ArchiveError`: our own if one is behind them; in ``text``, ``{}`` is the error."""
    try:
        yield
    except errors as error:
        own = error if isinstance(error, ArchiveError) else error.__context__
        if isinstance(own, ArchiveError):
            raise own from None
        if isinstance(error, EOFError):
            raise ArchiveError(CUT_SHORT) from None
        raise ArchiveError(text.format(getattr(error, "strerror", None) or error)) from None


@dataclass(slots=True)
class Checked:
    """What ``reader`` returns, counted.  ``errors`` are raised as :class:`ArchiveError`, then again at each call."""

    reader: Callable[[int], bytes]
    count: Callable[[int], None]
    text: str
    errors: tuple[type[Exception], ...]
    _error: ArchiveError | None = None

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes, ``b""`` at the end.  Raises :class:`ArchiveError`."""
        if self._error is not None:
            raise self._error
        try:
            with errors_as(self.text, *self.errors):
                data = self.reader(size)
        except ArchiveError as error:
            self._error = error
            raise
        self.count(len(data))
        return data


@dataclass(slots=True)
class PutBack:
    """A stream whose beginning was read, and is read again."""

    beginning: BytesIO
    rest: ByteStream

    def read(self, size: int, /) -> bytes:
        """Return the next bytes.  Raises :class:`ArchiveError` where they can't be read."""
        if data := self.beginning.read(size):
            return data
        self.beginning = BytesIO()  # there may be 256 MiB in it
        return self.rest.read(size)


@dataclass(slots=True)
class Section:
    """The next ``left`` bytes of a stream."""

    stream: ByteStream
    left: int

    def read(self, size: int, /) -> bytes:
        """Return bytes up to the section's end.  Raises :class:`ArchiveError` if the stream ends before it."""
        data = self.stream.read(min(size, self.left))
        if not data and self.left and size:
            raise ArchiveError(CUT_SHORT)
        self.left -= len(data)
        return data


def chunks_of(stream: ByteStream) -> Iterator[bytes]:
    """Yield a stream's bytes up to its end.  Raises :class:`ArchiveError`."""
    return iter(partial(stream.read, CHUNK), b"")
