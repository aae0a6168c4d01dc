"""The manifest of a bundle: its first member, ``manifest.json``, lists the segments."""

from hashlib import blake2b
from typing import Annotated, Final, Literal, Self

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


class Expected:
    """The segments that manifests list, until they are read.  One takes 200 bytes: there may be very many."""

    def __init__(self) -> None:
        self.records = 0
        """How many records they have."""
        self._segments: dict[bytes, bytes] = {}
        """By what stands for the name: the number of records in 8 bytes, then the hash."""

    def __len__(self) -> int:
        return len(self._segments)

    def add(self, folder: str, entry: ManifestEntry) -> None:
        """Expect a segment, in the folder of its manifest."""
        self.take(folder + entry.name)
        records = entry.records or 0
        self._segments[_short(folder + entry.name)] = records.to_bytes(8) + bytes.fromhex(entry.sha256)
        self.records += records

    def take(self, name: str) -> tuple[int, bytes] | None:
        """Return the records and the hash of a segment, which is not expected any more; None if it was not."""
        found = self._segments.pop(_short(name), None)
        if found is None:
            return None
        records = int.from_bytes(found[:8])
        self.records -= records
        return records, found[8:]


def _short(name: str) -> bytes:
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()
