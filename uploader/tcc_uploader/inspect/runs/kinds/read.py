"""Reads a record of any kind: as wire items, or as a post that is shown as it is."""

import base64
from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import Final

from tcc_schemas.lines import Line
from tcc_uploader.boundary import unexpected
from tcc_uploader.inspect.runs.messages import as_text
from tcc_uploader.inspect.runs.values import Post, text_of
from tcc_uploader.model.body import Wire, parsed, wire_items

from . import claude, mastra, openclaw, otlp, pi, protobuf
from .bodies import unpacked
from .items import NotUnderstoodError

Reader = Callable[[Wire], list[Wire]]
"""Returns the items of a body.  Raises NotUnderstoodError if the body has another shape."""
READERS: Final[dict[str, Reader]] = {
    "claude": claude.read,
    "mastra": mastra.read,
    "pi": pi.read,
    "openclaw": openclaw.read,
    "otlp": otlp.read,
    "otlp-steps": otlp.read_steps,
}
OURS: Final = ("run", "step", "tool_call", "batch", "feedback", "journal")
"""Kinds whose bodies are wire items."""
_MOST_JSON: Final = 64 * 1024
"""Bytes of a body that is shown whole, if it is JSON."""
_EXCERPT: Final = 2 * 1024
"""Bytes of any other body that are shown."""


def is_post(line: Line) -> bool:
    """Whether a line is a record of a kind that only the official packages post: it may tell of a run by itself."""
    return line.is_record and line.kind not in OURS


def items_of(line: Line) -> tuple[list[Wire], Post | None]:
    """Return the wire items of a record; and, if it can't be read, the post as it is."""
    body = line.body
    try:
        body = unpacked(body, line.encoding)
        return _read(line, body), None
    except NotUnderstoodError as error:
        return [], _post(line, body, str(error))
    except BaseException as error:  # noqa: BLE001 -- the boundary: a body is input
        return [], _post(line, body, unexpected(error, f"a body of the kind {line.kind}"))


def start_of(line: Line) -> str:
    """Return when the run began of which a record tells, as a time on the wire; empty if it doesn't say so."""
    if is_post(line) and _is_protobuf(line):
        try:
            return protobuf.first_start(unpacked(line.body, line.encoding))
        except NotUnderstoodError:
            return ""
    return next((text_of(wire, "start_time") for wire in items_of(line)[0] if wire.get("type") == "run"), "")


def _is_protobuf(line: Line) -> bool:
    return line.type is not None and "json" not in line.type.lower()


def _read(line: Line, body: bytes) -> list[Wire]:
    if line.kind in OURS:
        found = list(wire_items(body))
        if not found and line.is_record:
            raise NotUnderstoodError("it holds no item of a run")
        return found
    reader = READERS.get(line.kind)
    if reader is None:
        raise NotUnderstoodError("this version does not know what it says")
    if _is_protobuf(line):
        return reader(protobuf.as_json(body))
    value = _json(body)
    if not isinstance(value, dict):
        raise NotUnderstoodError("it is no JSON object")
    return reader(value)


def _json(body: bytes) -> object:
    try:
        return parsed(body)
    except ValueError:
        return None


def _beginning(body: bytes) -> str:
    """Return the beginning of a body that is text; empty if it is none."""
    try:
        return getincrementaldecoder("utf-8")().decode(body[:_EXCERPT], final=len(body) <= _EXCERPT)
    except UnicodeDecodeError:
        return ""


def _post(line: Line, body: bytes, reason: str) -> Post:
    """Return a record as a post: with its JSON, or with the beginning of what it is else."""
    excerpt: Wire
    value = _json(body) if len(body) <= _MOST_JSON else None
    if value is not None:
        excerpt = {"json": value}
    else:
        text = _beginning(body)
        excerpt = {"text": text} if text else {"base64": base64.b64encode(body[:_EXCERPT]).decode()}
    return Post(
        kind=line.kind,
        path=as_text(line.path),
        type=line.type or "application/json",
        encoding=line.encoding or "",
        size=len(line.body),
        reason=reason,
        body=excerpt,
    )
