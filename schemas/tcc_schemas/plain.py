"""Plain JSONL: one wire item, one batch or one feedback per line, as the official client would send it.  Pure."""

import hashlib
from typing import Final, NamedTuple

import orjson
from pydantic import TypeAdapter, ValidationError

from tcc_schemas.endpoints import CUSTOM_PATH, FEEDBACK_PATH
from tcc_schemas.faults import fault_text
from tcc_schemas.items import Batch, Feedback, Item, wire_time
from tcc_schemas.lines import Line
from tcc_schemas.splitter import RawLine

BOM: Final = b"\xef\xbb\xbf"
NUL: Final = b"\0"
_SHAPE: Final = 'a line is an object with "type": "run", "step", "tool_call" or "batch"; or, for feedback, with "runId"'
_ITEM: Final[TypeAdapter[Item]] = TypeAdapter(Item, config={"defer_build": True})


class _NotAnItemError(ValueError):
    pass


class _Identity(NamedTuple):
    """What a record is known by: its kind, its id (``""`` if it has none), its run's id, and its time as RFC 3339."""

    kind: str
    id: str
    run_id: str
    at: str


class Invalid(NamedTuple):
    """A plain line that is no record: ``detail`` says why; offset and size in bytes."""

    number: int
    offset: int
    size: int
    detail: str
    raw: bytes

    @property
    def line(self) -> Line:
        """It as a line that is of no kind, and goes nowhere."""
        return Line(self.number, self.offset, self.size, b"", "", "", None, "", None, None, None, False, self.raw)  # noqa: FBT003


def plain_record(raw: RawLine) -> Line | Invalid | None:
    """Return the record of a plain line: a wire item, a batch or feedback; None for a blank line.

    CR LF, a byte-order mark (each of several files that were joined has one) and NUL bytes before the line are no part
    of it.  A record without an id gets the sha256 of its bytes as one.
    """
    if raw.data is None:
        what = f"line {raw.number}: {raw.size} bytes".encode()
        return Invalid(raw.number, raw.offset, raw.size, "the line is too long", what)
    body = raw.data.lstrip(NUL).removeprefix(BOM).strip()
    if not body:
        return None
    try:
        kind, ident, run_id, at = _identify(orjson.loads(body))
    except (orjson.JSONDecodeError, _NotAnItemError, ValidationError) as error:
        return Invalid(raw.number, raw.offset, raw.size, _detail(error, body), body)
    path = FEEDBACK_PATH if kind == "feedback" else CUSTOM_PATH
    ident = ident or hashlib.sha256(body).hexdigest()
    return Line(
        raw.number, raw.offset, raw.size, b"", kind, ident, run_id, at, path, None, None, converted=False, data=body
    )


def _identify(value: object) -> _Identity:
    """Tell what a wire value is.  Raises ValidationError if the model of its kind does not match, _NotAnItemError."""
    match value:
        case {"type": "batch"}:
            items = Batch.model_validate(value).items
            run_id, at = items[0].run_id, wire_time(items[0].end_time)
            has_run = any(item.type == "run" for item in items)
            return _Identity("run", run_id, run_id, at) if has_run else _Identity("batch", "", run_id, at)
        case {"type": _}:
            item = _ITEM.validate_python(value)
            return _Identity(item.type, getattr(item, f"{item.type}_id"), item.run_id, wire_time(item.end_time))
        case {"runId": _}:
            return _Identity("feedback", "", Feedback.model_validate(value).runId, "")
        case _:
            raise _NotAnItemError


def _detail(error: ValueError, body: bytes) -> str:
    match error:
        case orjson.JSONDecodeError() if NUL in body:
            return "no JSON: there are NUL bytes in the line; if it is text in UTF-16, save it as UTF-8"
        case ValidationError():
            return fault_text(error)
        case orjson.JSONDecodeError():
            return f"no JSON: {error}"
        case _:
            return _SHAPE
