"""What the readers of all kinds have in common: how members of any type are taken, and items made of them.  Pure."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, Final

from tcc_uploader.inspect.runs.messages import as_text
from tcc_uploader.model.body import Wire

MOST: Final = 50_000
"""Items of a body: of tiny ones, a body of 32 MiB can hold more than there is memory for."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS: Final = re.compile("-?[0-9]{1,30}")
_SUCCESS: Final = 0
_ERROR: Final = 2


class NotUnderstoodError(ValueError):
    """A body has another shape than its kind has; the text says what is missing, in words of the page."""


def present(**members: Any) -> Wire:
    """Return the members that have a value: not None, and no empty text, list or object."""
    return {name: value for name, value in members.items() if value is not None and value not in ("", [], {})}


def rest_of(value: Wire, known: Sequence[str]) -> Wire:
    """Return what is told by other members than the known ones."""
    return present(**{name: each for name, each in value.items() if name not in known})


def members(value: object) -> Wire:
    """Return an object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[Wire]:
    """Return the objects in a list; nothing for anything else.  Raises NotUnderstoodError if there are too many."""
    if not isinstance(value, list):
        return []
    if len(value) > MOST:
        raise NotUnderstoodError(f"it holds {len(value):,} items, more than are shown one by one")
    return [each for each in value if isinstance(each, dict)]


def needed(body: Wire, name: str) -> list[Wire]:
    """Return the objects in a list that bodies of the kind have.  Raises NotUnderstoodError if there is none."""
    if not isinstance(body.get(name), list):
        raise NotUnderstoodError(f"it has no list {name}")
    return objects(body[name])


def status(*, failed: bool) -> int:
    """Return a status code on the wire."""
    return _ERROR if failed else _SUCCESS


def tokens(uncached: object = None, cached: object = None, out: object = None) -> Wire:
    """Return the counts of a step; what is no number is missing."""
    counts = {"prompt_uncached_tokens": uncached, "prompt_cached_tokens": cached, "completion_tokens": out}
    return {name: count for name, value in counts.items() if (count := integer(value)) is not None}


def total(*values: object) -> int | None:
    """Return the sum of what is a number among some values; None if none is."""
    counts = [count for value in values if (count := integer(value)) is not None]
    return sum(counts) if counts else None


def integer(value: object) -> int | None:
    """Return an integer that is told as a number, or in JSON's OTLP as text; None if it is none."""
    if isinstance(value, str):
        return int(value) if _DIGITS.fullmatch(value) else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    return int(value) if is_number else None  # type: ignore[call-overload]


def iso_of_nanos(value: object) -> str:
    """Return nanoseconds since 1970 as a time on the wire; empty if they are missing, 0, or beyond the calendar."""
    nanos = integer(value)
    return _iso(nanos // 1000) if nanos else ""


def iso_of_ms(value: object) -> str:
    """Return milliseconds since 1970 as a time on the wire; a text stays as it is; empty for anything else."""
    if isinstance(value, str):
        return value
    ms = integer(value)
    return _iso(ms * 1000) if ms else ""


def _iso(microseconds: int) -> str:
    try:
        return f"{_EPOCH + timedelta(microseconds=microseconds):%Y-%m-%dT%H:%M:%S.%fZ}".rjust(
            len("2026-01-31T12:00:00.000000Z"), "0"
        )
    except OverflowError:
        return ""


def labelled(*parts: object) -> str:
    """Return a name made of what there is of some texts."""
    return " ".join(text for part in parts if (text := as_text(part)))
