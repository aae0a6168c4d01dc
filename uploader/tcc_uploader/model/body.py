"""What a record's body says, read in one way wherever it is read."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import orjson

_DEEPEST: Final = 200
"""Levels of lists and objects in a wire item: as many as a recorder keeps when it converts a value."""
_AROUND: Final = 50
"""Levels that may be put around a wire item."""
_TOO_DEEP: Final = "(nested too deep to be shown)"
Wire = dict[str, Any]
"""A wire item, as it was recorded."""


def wire_items(body: bytes) -> Iterator[Wire]:
    """Yield the wire items of a request's body; nothing if it is no JSON, or has another shape.

    What is nested deeper than :data:`_DEEPEST` is cut: orjson writes 254 levels, though it reads 1,024.

    Only a batch has items in it: ``items`` of anything else is a member like any other.  An integer of more than 64
    bits becomes a float; recorders write none, but a plain file may have one.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    items = value.get("items") if isinstance(value, dict) and value.get("type") == "batch" else [value]
    may_be_deep = body.count(b"[") + body.count(b"{") > _DEEPEST
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict):
            yield _cut(item, _DEEPEST) if may_be_deep and _is_deep(item) else item


def _is_deep(item: Wire) -> bool:
    """Whether orjson can't write an item with some levels more around it."""
    value: object = item
    for _ in range(_AROUND):
        value = [value]
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return True
    return False


def _cut(value: Any, depth: int) -> Any:
    """Return a value in which what lies deeper than ``depth`` is replaced by a text."""
    if isinstance(value, dict):
        return {name: _cut(each, depth - 1) for name, each in value.items()} if depth else _TOO_DEEP
    if isinstance(value, list):
        return [_cut(each, depth - 1) for each in value] if depth else _TOO_DEEP
    return value


def moment_of(text: object) -> datetime | None:
    """Return a recorded time, in UTC; None if it can't be read.

    Without a zone it is UTC, as all times on the wire are.  (What an operator types without a zone is local time.)
    """
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        return moment and (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return None
