"""Plain JSONL: one wire item, one batch or one feedback per line, as the official client would send it.  Pure."""

import hashlib
from typing import Final, NamedTuple

import orjson
from pydantic import TypeAdapter, ValidationError

from tcc_schemas.endpoints import CUSTOM_PATH, FEEDBACK_PATH
from tcc_schemas.items import Batch, Feedback, Item
from tcc_schemas.lines import Line, RawLine

_BOM: Final = b"\xef\xbb\xbf"
_SHAPE: Final = 'a line is an object with "type": "run", "step", "tool_call" or "batch"; or, for feedback, with "runId"'
_ITEM: Final[TypeAdapter[Item]] = TypeAdapter(Item)


class _NotAnItemError(ValueError):
    pass


class Invalid(NamedTuple):
    """A plain line that no wire item matches."""

    number: int
    offset: int
    size: int
    detail: str
    raw: bytes


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
