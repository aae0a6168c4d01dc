"""Convert any value of a caller to a value that JSON can hold.  Nothing here raises.

The fast path is plain orjson.  Only a value that orjson refuses is walked and converted, within bounds.  The functions
then return that it was converted, and the record says so.
"""

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from typing import Any, Final

import orjson

UNPRINTABLE: Final = "<unprintable>"
REDACTED: Final = "[REDACTED]"
"""The replacement of a secret."""
_CYCLE: Final = "<cycle>"
_TOO_DEEP: Final = "<too deep>"
_MAX_DEPTH: Final = 200
_LOWEST, _HIGHEST = -(2**63), 2**64 - 1
_CONTAINERS: Final = (Mapping, list, tuple, set, frozenset)
_SURROGATES: Final = re.compile(r"[\ud800-\udfff]")


class Converted(str):
    """A text that tells that something in it had to be converted.  An item that it is set on takes note of that."""

    __slots__ = ()


def text(value: object) -> str:
    """Return ``value`` as an exact str."""
    if type(value) is str:
        return value
    try:
        return str.__str__(value if isinstance(value, str) else str(value))
    except Exception:  # noqa: BLE001 -- a value's own code may raise anything
        return UNPRINTABLE


def given_text(value: object) -> str:
    """Return ``value`` as text; None becomes the empty text."""
    return "" if value is None else text(value)


def without_surrogates(value: str) -> str:
    """Return ``value`` with each lone surrogate replaced by U+FFFD: UTF-8 can't encode a lone surrogate."""
    return _SURROGATES.sub("\ufffd", value)


def whole_number(value: object) -> int | None:
    """Return ``value`` as an int, or None if ``int()`` does not accept it."""
    if type(value) is int:
        return value
    try:
        return int(value)  # type: ignore[call-overload,no-any-return]  # it may refuse, and then raises
    except Exception:  # noqa: BLE001 -- a value's own code may raise anything
        return None


def finite_number(value: object) -> float | None:
    """Return ``value`` as a finite number, or None if it is not one."""
    try:
        number = value if type(value) is float or type(value) is int else float(value)  # type: ignore[arg-type]  # see above
        return number if math.isfinite(number) else None
    except Exception:  # noqa: BLE001 -- a value's own code may raise anything
        return None


def boolean(value: object) -> bool | None:
    """Return ``value`` as a bool, or None if ``bool()`` fails for it."""
    try:
        return bool(value)
    except Exception:  # noqa: BLE001 -- a value's own code may raise anything
        return None


def json_bytes(value: object) -> tuple[bytes, bool]:
    """Return ``value`` as JSON, and whether something in it had to be converted."""
    try:
        return orjson.dumps(value), False
    except Exception:  # noqa: BLE001 -- TypeError, RecursionError, or what a value's own code raises
        return orjson.dumps(_converted(value, _MAX_DEPTH, frozenset())), True


def json_text(value: object) -> tuple[str, bool]:
    """Return a str as it is and anything else as JSON text, and whether something in it had to be converted."""
    kind = type(value)
    if issubclass(kind, str):  # isinstance() would ask a value that is none for its __class__, and that may raise
        return text(value), kind is Converted
    data, converted = json_bytes(value)
    return data.decode(), converted


def snapshot(value: object) -> tuple[Any, bool]:
    """Return a copy of ``value`` made of plain JSON values, and whether something in it had to be converted."""
    data, converted = json_bytes(value)
    return orjson.loads(data), converted


def string_map(data: object) -> dict[str, str] | None:
    """Return a mapping, or an iterable of pairs, as a dict of texts; None if it is neither."""
    try:
        pairs = dict(data)  # type: ignore[call-overload]  # a copy: another thread may change the caller's
    except Exception:  # noqa: BLE001 -- a value's own code may raise anything
        return None
    return {
        key if type(key) is str else text(key): value if type(value) is str else text(value)
        for key, value in pairs.items()
    }


def holds_converted(data: object) -> bool:
    """Return whether a value of a dict is a :class:`Converted`."""
    return type(data) is dict and Converted in map(type, data.values())


def _converted(value: Any, depth: int, ancestors: frozenset[int]) -> object:
    """Return ``value`` as orjson accepts it.  ``ancestors`` are the ``id()`` of the values around it."""
    try:
        if value is None or isinstance(value, bool | int | float | str):
            return _scalar(value)
        if not isinstance(value, _CONTAINERS):
            with suppress(Exception):  # a date, an enum or a dataclass without anything odd in it
                return orjson.Fragment(orjson.dumps(value))
        if id(value) in ancestors:
            return _CYCLE
        if depth == 0:
            return _TOO_DEEP
        depth, ancestors = depth - 1, ancestors | {id(value)}
        plain = _plain(value)
        if isinstance(plain, dict):
            members = plain.items()
            return {without_surrogates(text(key)): _converted(member, depth, ancestors) for key, member in members}
        if isinstance(plain, list):
            return [_converted(member, depth, ancestors) for member in plain]
        return _converted(plain, depth, ancestors)
    except Exception:  # noqa: BLE001 -- a value's own code may raise anything; RecursionError close to the limit
        return UNPRINTABLE


def _scalar(value: Any) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return float.__float__(value) if math.isfinite(value) else None
    if isinstance(value, int):
        number = int.__int__(value)
        return number if _LOWEST <= number <= _HIGHEST else text(number)
    return without_surrogates(text(value))


def _plain(value: Any) -> object:
    """Return what JSON would hold in place of ``value``: a dict, a list, or another value."""
    # dict() and list() copy in one atomic step: another thread may change the container at the same time.
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, _CONTAINERS):
        return list(value)
    if isinstance(value, Enum):
        return value.value
    kind = type(value)
    if hasattr(kind, "__dataclass_fields__"):  # without private members, as orjson does it
        names = [name for name in kind.__dataclass_fields__ if not name.startswith("_")]
        return {name: getattr(value, name) for name in names if hasattr(value, name)}
    if callable(getattr(kind, "model_dump", None)):
        for mode in ("json", "python"):
            with suppress(Exception):  # pydantic has no JSON for a member; then ours is used
                return value.model_dump(mode=mode)
    return text(value)
