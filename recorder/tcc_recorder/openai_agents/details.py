"""Reads values that are not ours: those of the SDK and of the program.  Nothing here raises.

A property, the ``get`` of a mapping, a ``__bool__`` or a ``__class__`` runs code of somebody else, which may raise
anything.  What fails costs that one detail.  It is counted and logged by the guard, with names of types only.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

from tcc_recorder.values import text

from .guard import guard

_MOST_ITEMS: Final = 100_000
"""A sequence of a type that we don't know may be without an end."""


def read(value: object, name: str) -> Any:
    """Return a member of a mapping or an attribute of an object; None if there is none.  May raise anything."""
    kind = type(value)
    if kind is dict or issubclass(kind, Mapping):  # issubclass with Mapping alone is slow
        return value.get(name)  # type: ignore[attr-defined]  # it is a mapping
    return getattr(value, name, None)


def member(value: object, name: str) -> Any:
    """Return a member of a mapping or an attribute of an object; None if there is none, or it can't be read."""
    try:
        return read(value, name)
    except Exception as error:  # noqa: BLE001 -- see above
        guard.failed(f"reading {name} of {type(value).__name__}", error)
        return None


def word(value: object, name: str) -> str | None:
    """Return a member that is a text, as an exact str; None if it is anything else."""
    found = member(value, name)
    if found is None or type(found) is str:
        return found
    return text(found) if is_a(found, str) else None


def count(value: object, name: str) -> int | None:
    """Return a member that is a whole number; None if it is anything else."""
    found = member(value, name)
    return found if type(found) is int else None


def listed(value: object) -> list[Any]:
    """Return the items of a sequence; none if the value is a text, or no sequence."""
    if type(value) is list:
        return value
    try:
        return list(islice(value, _MOST_ITEMS)) if is_a(value, Sequence) and not is_a(value, str) else []  # type: ignore[call-overload]
    except Exception as error:  # noqa: BLE001 -- see above
        guard.failed(f"reading the items of {type(value).__name__}", error)
        return []


def pairs(value: object) -> list[tuple[Any, Any]]:
    """Return names and values of a mapping; none if the value is no mapping."""
    try:
        return list(islice(value.items(), _MOST_ITEMS)) if is_a(value, Mapping) else []  # type: ignore[attr-defined]
    except Exception as error:  # noqa: BLE001 -- see above
        guard.failed(f"reading the items of {type(value).__name__}", error)
        return []


def true(value: object) -> bool:
    """Return whether a value is true; a value that can't tell is not."""
    if value is None or type(value) is bool:
        return bool(value)
    try:
        return bool(value)
    except Exception as error:  # noqa: BLE001 -- see above
        guard.failed(f"asking {type(value).__name__} for its truth", error)
        return False


def is_a(value: object, kind: type) -> bool:
    """Return whether a value is of this type.  Unlike isinstance(), this runs no code of the value."""
    return issubclass(type(value), kind)
