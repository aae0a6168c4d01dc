"""Objects in an object store: their names, what identifies them, what is asked of a store, and how it fails.

An object is what a file on disk would be: an archive, a segment, or a plain file.  It never changes: another content
has another etag, and is another object.  ``s3`` talks to the store; it is imported only where a name begins with ``s3://``.
"""

from collections.abc import Iterator
from io import RawIOBase
from typing import BinaryIO, Final, Literal, Protocol

from tcc_uploader.model.objects import ObjectRef
from tcc_uploader.spool.scan import SUFFIX

from .bystanders import ARCHIVE_ENDINGS
from .streams import LostError

Kind = Literal["missing", "denied", "unreachable", "deleted", "replaced"]


class StoreError(LostError):
    """A store did not do what it was asked; the text says why, and what to do, and never quotes what the store said.

    ``kind``: the bucket or object is not there; an operator is needed; it may work later; the object is gone, or is
    another one now.
    """

    def __init__(self, kind: Kind, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class ObjectStore(Protocol):
    """What is asked of a store.  Each call raises :class:`StoreError`."""

    def pages(self) -> Iterator[list[ObjectRef]]:
        """Yield what is to be read, page by page."""

    def open(self, ref: ObjectRef) -> "ObjectStream":
        """Open an object; its first bytes are fetched."""

    def delete(self, ref: ObjectRef) -> None:
        """Delete an object, unless it is another one now."""


class ObjectStream(RawIOBase, BinaryIO):
    """The bytes of one object."""

    mode: Final = "rb"
    failure: StoreError | None = None
    """Why they could not be read on."""


def is_wanted(key: str, size: int) -> bool:
    """Whether what lies in a folder of objects is read there, by its name; as in a folder on disk."""
    return size > 0 and key.endswith((SUFFIX, *ARCHIVE_ENDINGS))
