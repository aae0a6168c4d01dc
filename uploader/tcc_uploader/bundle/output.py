"""Where a bundle goes: a file, or an object in a store.  It is there when it is whole, and never replaces another."""

import re
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, BinaryIO, Final, Protocol

from tcc_uploader.files import file_name, new_file
from tcc_uploader.model.objects import ObjectRef

if TYPE_CHECKING:
    from tcc_uploader.sources.s3 import S3

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


class Output(Protocol):
    """A bundle that is to be made."""

    @property
    def name(self) -> str:
        """What it is called by whoever asked for it."""

    @property
    def place(self) -> str:
        """What it is called from anywhere."""

    @property
    def exists(self) -> bool:
        """Whether something has its name already.  Raises OSError."""

    def new(self) -> AbstractContextManager[IO[bytes]]:
        """Give a file to write to; what was written has the name when the block ends without an error.

        Raises OSError; FileExistsError if something has the name by then.
        """

    def open(self) -> BinaryIO:
        """Open it to be read again.  Raises OSError."""


class FileOutput:
    """A file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """The path as it was given."""
        return str(self._path)

    @property
    def place(self) -> str:
        """The absolute path."""
        return file_name(self._path.resolve())

    @property
    def exists(self) -> bool:
        """Whether there is a file, or a link."""
        return self._path.exists() or self._path.is_symlink()

    def new(self) -> AbstractContextManager[IO[bytes]]:
        """Give a file to write to, beside it."""
        return new_file(self._path)

    def open(self) -> BinaryIO:
        """Open it."""
        return self._path.open("rb")


class ObjectOutput:
    """An object.  A nameless file is written first: a store takes it whole, in one request, or not at all."""

    def __init__(self, name: str, store: "S3") -> None:
        self.name = self.place = name
        self._store = store
        self._made: ObjectRef | None = None

    @property
    def exists(self) -> bool:
        """Whether there is an object."""
        return self._store.look() is not None

    @contextmanager
    def new(self) -> Iterator[IO[bytes]]:
        """Give a nameless file to write to."""
        with TemporaryFile(prefix="tcc-") as file:
            yield file
            file.flush()
            self._made = self._store.create(file)

    def open(self) -> BinaryIO:
        """Open the object that was made, and no other."""
        if self._made is None:
            raise FileNotFoundError(self.name)
        return self._store.open(self._made)


def filled(name: str, now: datetime | None = None) -> str:
    """Return a name with ``{host}`` and ``{time}`` filled in.  Raises ValueError for another placeholder."""
    moment = (now or datetime.now(UTC)).strftime("%Y%m%dt%H%M%Sz")
    values = {"host": re.sub("[^A-Za-z0-9.-]", "_", socket.gethostname()), "time": moment}
    if unknown := [found for found in _PLACEHOLDER.findall(name) if found not in values]:
        raise ValueError(f"{{{unknown[0]}}} can't be filled in: there are {{host}} and {{time}}")
    return _PLACEHOLDER.sub(lambda found: values[found[1]], name)
