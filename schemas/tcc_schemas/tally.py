"""The counts and the checksum of a seal."""

import zlib


class Tally:
    """What a seal holds: the number of records, and a running CRC-32 over the ``crc`` fields of the lines."""

    __slots__ = ("_crcs", "records")

    def __init__(self) -> None:
        self.records = 0
        self._crcs = 0

    def add(self, crc: bytes, *, is_record: bool) -> None:
        """Count one line, given the 8 hex digits of its ``crc``."""
        self.records += is_record
        self._crcs = zlib.crc32(crc, self._crcs)

    @property
    def crcs(self) -> str:
        """The running CRC-32 as 8 hex digits."""
        return f"{self._crcs:08x}"
