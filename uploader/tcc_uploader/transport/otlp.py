"""Reads from an OTLP server's answer how much of a request it refused: its *partial success*.  Pure.

The answer is an ``ExportTraceServiceResponse`` (opentelemetry-proto, ``collector/trace/v1``), as protobuf or as JSON:
field 1 is ``partial_success``, and in that field 1 is ``rejected_spans`` (int64), field 2 ``error_message`` (string).
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import orjson

_MOST_WORDS: Final = 200
"""Characters of the server's message that are kept."""
_VARINT: Final = re.compile(rb"[\x80-\xff]{0,9}[\x00-\x7f]")
_MOST_SPANS: Final = (1 << 63) - 1
_NUMBER, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
"""Protobuf's wire types."""


class PartlyRefused(NamedTuple):
    """How many spans of a request the server refused, and why, in its words."""

    spans: int
    why: str


def partly_refused(body: bytes) -> PartlyRefused | None:
    """Return what an answer's body says of refused spans; None if it says nothing of them, or is something else."""
    try:
        spans, why = _of_json(body) if body.lstrip().startswith(b"{") else _of_protobuf(body)
    except ValueError:
        return None
    return PartlyRefused(spans, why[:_MOST_WORDS]) if 0 < spans <= _MOST_SPANS else None


def _of_json(body: bytes) -> tuple[int, str]:
    answer = orjson.loads(body)
    part = answer.get("partialSuccess") or answer.get("partial_success")
    if not isinstance(part, dict):
        return 0, ""
    spans = str(part.get("rejectedSpans") or part.get("rejected_spans"))  # JSON has an int64 as a text
    why = part.get("errorMessage") or part.get("error_message")
    return int(spans) if re.fullmatch("[0-9]{1,19}", spans) else 0, why if isinstance(why, str) else ""


def _of_protobuf(body: bytes) -> tuple[int, str]:
    spans, why = 0, b""
    for field, part in _fields(body):
        for inner, value in _fields(part) if field == 1 and isinstance(part, bytes) else ():
            if inner == 1 and isinstance(value, int):
                spans = value
            elif inner == 2 and isinstance(value, bytes):  # noqa: PLR2004 -- the field's number
                why = value
    return spans, why.decode(errors="replace")


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield each field's number and value; of the last one what is there.  Raises ValueError at what is no protobuf."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind in (_NUMBER, _BYTES):
            number, at = _varint(data, at)
            yield tag >> 3, number if kind == _NUMBER else data[at : at + number]
            at += number if kind == _BYTES else 0
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            at += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError("no wire type of protobuf")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at an offset, and the offset behind it.  Raises ValueError if there is none."""
    found = _VARINT.match(data, at)
    if found is None:
        raise ValueError("no number of protobuf")
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(found[0])), found.end()
