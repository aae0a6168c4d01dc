"""What a record's body says, read in one way wherever it is read."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final

import orjson

_DEEPEST: Final = 200
"""Levels of lists and objects in a wire item: as many as a recorder keeps when it converts a value."""
_IN_A_BATCH: Final = 2
"""Levels around a wire item in the body of a request."""
_AROUND: Final = 50
"""Levels that may be put around a wire item."""
_TOO_DEEP: Final = "(nested too deep to be shown)"
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
Wire = dict[str, Any]
"""A wire item, as it was recorded."""


def wire_items(body: bytes) -> Iterator[Wire]:
    """Yield the wire items of a request's body; nothing if it is no JSON, or has another shape.

    Only a batch has items in it: ``items`` of anything else is a member like any other.
    """
    try:
        value = parsed(body)
    except ValueError:
        return
    items = value.get("items") if isinstance(value, dict) and value.get("type") == "batch" else [value]
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict):
            yield item


def parsed(body: bytes) -> Any:
    """Return the value of a JSON text.  Raises ValueError if it is none.

    What is nested deeper than :data:`_DEEPEST` in an item is cut: orjson writes 254 levels, though it reads 1,024.  An
    integer of more than 64 bits becomes a float.  Of what JavaScript and Python send, and orjson refuses, a lone
    surrogate becomes U+FFFD, and what is no finite number None.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = _leniently_parsed(body)
    may_be_deep = body.count(b"[") + body.count(b"{") > _DEEPEST
    return _cut(value, _DEEPEST + _IN_A_BATCH) if may_be_deep and _is_deep(value) else value


def _leniently_parsed(body: bytes) -> Any:
    try:
        value = json.loads(body, parse_constant=lambda _: None, parse_float=_finite, parse_int=_finite)
        return orjson.loads(_LONE_SURROGATE.sub("\ufffd", json.dumps(value, ensure_ascii=False)))
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _finite(digits: str) -> float | None:
    number = float(digits)
    if not isfinite(number):
        return None
    return int(digits) if digits.lstrip("-").isdecimal() else number  # orjson makes a float of more than 64 bits


def _is_deep(value: object) -> bool:
    """Whether orjson can't write a value with some levels more around it."""
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
