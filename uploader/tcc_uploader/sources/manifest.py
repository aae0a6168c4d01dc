"""The manifest of a bundle: its first member, ``manifest.json``, lists the segments."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import BaseModel, Field, ValidationError
from pydantic.dataclasses import dataclass

from tcc_schemas.faults import fault_text
from tcc_schemas.records import Count
from tcc_uploader.model.selection import Selection

MANIFEST: Final = "manifest.json"
MAX_MANIFEST: Final = 32 * 1024 * 1024
"""Bytes that all manifests of a source may have together: enough for some 150,000 segments."""


@dataclass(frozen=True, slots=True, config={"defer_build": True})  # a model of its own would take four times the memory
class ManifestEntry:
    """One segment of a bundle.  Sizes in bytes.

    ``records`` is the number of its records, None for a file of another format; ``torn`` is the number of bytes behind
    its last line, which are not in the bundle.
    """

    name: str
    id: str
    records: Count | None
    bytes: Count
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    sealed: bool
    torn: Count


class Manifest(BaseModel, defer_build=True):
    """What a bundle holds.  ``records`` is the number in all segments."""

    format: Literal[1] = 1
    made_at: str
    made_by: str
    records: Count
    segments: list[ManifestEntry]
    selection: Selection | None = None
    """By what the records were chosen, if the bundle does not hold all."""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a manifest.  Raises ValueError, which says what is wrong with it."""
        if len(data) > MAX_MANIFEST:
            raise ValueError(f"a manifest of more than {MAX_MANIFEST >> 20} MiB is none of ours")
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise ValueError(f"the manifest is damaged, or of another tool: {fault_text(error)}") from error


class Listed(NamedTuple):
    """A segment that a manifest lists: its id, the name of its member with the archive's, records, and SHA-256."""

    id: str
    name: str
    records: int
    sha256: bytes


class Expected:
    """The segments that manifests list, until they are read.  One takes 300 bytes: there may be very many."""

    def __init__(self) -> None:
        self.records = 0
        """How many records they have."""
        self._segments: dict[bytes, bytes] = {}
        """By what stands for the name: the number of records in 8 bytes, the hash, then id and name."""

    def __len__(self) -> int:
        return len(self._segments)

    def __iter__(self) -> Iterator[Listed]:
        return map(_unpacked, self._segments.values())

    def add(self, folder: str, entry: ManifestEntry) -> None:
        """Expect a segment, in the folder of its manifest."""
        name = folder + entry.name
        self.take(name)
        records = entry.records or 0
        texts = f"{entry.id}\0{name}".encode("utf-8", "surrogatepass")
        self._segments[_short(name)] = records.to_bytes(8) + bytes.fromhex(entry.sha256) + texts
        self.records += records

    def take(self, name: str) -> Listed | None:
        """Return what is known of a segment, which is not expected any more; None if it was not."""
        packed = self._segments.pop(_short(name), None)
        if packed is None:
            return None
        found = _unpacked(packed)
        self.records -= found.records
        return found


def _unpacked(packed: bytes) -> Listed:
    ident, _, name = packed[40:].decode("utf-8", "surrogatepass").partition("\0")
    return Listed(ident, name, int.from_bytes(packed[:8]), packed[8:40])


def _short(name: str) -> bytes:
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()
