"""Who writes a segment, as its first line tells."""

import sys
from typing import NamedTuple

from pydantic import ValidationError

from tcc_schemas.records import SegmentHeader
from tcc_schemas.room import Room


class Writer(NamedTuple):
    """The writer of a segment, from the segment's first line (:class:`tcc_schemas.records.SegmentHeader`)."""

    host: str
    boot_id: str
    process: str
    sequence: int
    inode: int
    room: Room


def header_in(body: bytes) -> Writer | None:
    """Return the writer that a header line's body names; None if it is damaged."""
    try:
        header = SegmentHeader.model_validate_json(body)
    except ValidationError:
        return None
    host, boot_id, process = map(sys.intern, (header.host, header.boot_id, header.process))
    return Writer(host, boot_id, process, header.sequence, header.inode, header.room)
