"""What a file holds: a segment, a segment of a later version, or plain JSONL; and the records of the last.  Pure."""

import hashlib
from collections.abc import Iterable
from enum import Enum
from typing import Final, NamedTuple

import orjson
from pydantic import TypeAdapter, ValidationError

from tcc_schemas.endpoints import CUSTOM_PATH, FEEDBACK_PATH
from tcc_schemas.items import Batch, Feedback, Item
from tcc_schemas.lines import Damage, Line, RawLine, decode, other_version

_BOM: Final = b"\xef\xbb\xbf"
_LOOKED_AT: Final = 100
"""Lines that tell whether a file in an archive is meant for us."""
LINE_START: Final = b'{"v":1,"crc":"'
"""What every line of a segment begins with."""
_SHAPE: Final = 'a line is an object with "type": "run", "step", "tool_call" or "batch"; or, for feedback, with "runId"'
_ITEM: Final[TypeAdapter[Item]] = TypeAdapter(Item)


class Format(Enum):
    """What a file holds."""

    UNKNOWN = "nothing yet"
    SEGMENT = "segment"
    NEWER = "segment of a newer version"
    PLAIN = "plain JSONL"
    OTHER = "no JSON in any of its lines (an encrypted bundle? decrypt it first)"
    LETTER = "a letter, on its way again"


class _NotAnItemError(ValueError):
    pass


class Invalid(NamedTuple):
    """A plain line that no wire item matches."""

    number: int
    offset: int
    size: int
    detail: str
    raw: bytes


def sniff(lines: Iterable[RawLine], rest: bytes) -> Format:
    """Decide from the lines that a file begins with, and what stands behind the last of them.

    One line that verifies makes it a segment, so that damage to the first line costs no other.
    """
    first, any_json = None, _looks_like_json(rest)
    for line in lines:
        first = line.data if first is None else first
        any_json = any_json or _looks_like_json(line.data or b"")
        if isinstance(decode(line), Line):
            return Format.SEGMENT
    start = rest if first is None else first
    if b"\0" in start:
        return Format.OTHER  # no text: JSON never has this byte
    if not start:
        return Format.UNKNOWN if first is None else Format.PLAIN
    if start.startswith(LINE_START) or LINE_START.startswith(start):
        return Format.SEGMENT
    if other_version(start) is not None:
        return Format.NEWER
    return Format.PLAIN if any_json or not start.strip() else Format.OTHER


def holds_record(start: bytes) -> bool:
    """Whether one of the first lines of a plain file is a record."""
    lines = start.split(b"\n", _LOOKED_AT)[:_LOOKED_AT]
    return any(isinstance(plain_record(RawLine(1, 0, len(line), line)), Line) for line in lines)


def _looks_like_json(line: bytes) -> bool:
    return line.removeprefix(_BOM).lstrip().startswith((b"{", b"["))


def segment_id(first: Line | Damage) -> str:
    """Return a segment's identity from its first line; if that is damaged, from the bytes that are there."""
    if isinstance(first, Line) and first.kind == "segment":
        return first.id
    witness = first.crc if isinstance(first, Line) else first.raw
    return "damaged-" + hashlib.sha256(witness).hexdigest()[:32]


def plain_record(raw: RawLine) -> Line | Invalid | None:
    """Return the record of a plain line: a wire item, a batch or feedback; None for a blank line.

    CR LF and a byte-order mark are tolerated.  A line without an id gets the sha256 of its bytes as one.
    """
    if raw.data is None:
        what = f"line {raw.number}: {raw.size} bytes".encode()
        return Invalid(raw.number, raw.offset, raw.size, "the line is too long", what)
    body = (raw.data.removeprefix(_BOM) if raw.number == 1 else raw.data).strip()
    if not body:
        return None
    try:
        value = orjson.loads(body)
        kind, ident, run_id, at = _identify(value)
    except orjson.JSONDecodeError as error:
        return Invalid(raw.number, raw.offset, raw.size, f"no JSON: {error}", body)
    except _NotAnItemError:
        return Invalid(raw.number, raw.offset, raw.size, _SHAPE, body)
    except ValidationError as error:
        return Invalid(raw.number, raw.offset, raw.size, _faults(error), body)
    path = FEEDBACK_PATH if kind == "feedback" else CUSTOM_PATH
    ident = ident or hashlib.sha256(body).hexdigest()
    return Line(
        raw.number, raw.offset, raw.size, b"", kind, ident, run_id, at, path, None, None, converted=False, data=body
    )


def _identify(value: object) -> tuple[str, str, str, str]:
    """Return (kind, id, run_id, time) of a wire value; raise ValidationError if it is none."""
    if isinstance(value, dict) and value.get("type") == "batch":
        batch = Batch.model_validate(value)
        run = next((item for item in batch.items if item.type == "run"), None)
        at = str(batch.items[0].model_dump(mode="json")["end_time"])
        run_id = batch.items[0].run_id
        return ("run", run_id, run_id, at) if run else ("batch", "", run_id, at)
    if isinstance(value, dict) and "type" not in value and "runId" in value:
        return "feedback", "", Feedback.model_validate(value).runId, ""
    if not isinstance(value, dict) or ("type" not in value and "runId" not in value):
        raise _NotAnItemError
    item = _ITEM.validate_python(value)
    wire = item.to_wire()
    return item.type, str(wire[f"{item.type}_id"]), item.run_id, str(wire["end_time"])


def _faults(error: ValidationError) -> str:
    faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors(include_url=False)[:5]]
    return "; ".join(faults)
