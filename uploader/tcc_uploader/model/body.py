"""What a record's body says, read in one way wherever it is read."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

Wire = dict[str, Any]
"""A wire item, as it was recorded."""


def wire_items(body: bytes) -> Iterator[Wire]:
    """Yield the wire items of a request's body; nothing if it is no JSON, or has another shape.

    Only a batch has items in it: ``items`` of anything else is a member like any other.  An integer of more than 64
    bits becomes a float; recorders write none, but a plain file may have one.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    items = value.get("items") if isinstance(value, dict) and value.get("type") == "batch" else [value]
    yield from (item for item in (items if isinstance(items, list) else []) if isinstance(item, dict))


def moment_of(text: object) -> datetime | None:
    """Return a recorded time, in UTC; None if it can't be read.

    Without a zone it is UTC, as all times on the wire are.  (What an operator types without a zone is local time.)
    """
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        return moment and (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return None
