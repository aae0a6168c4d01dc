"""What pydantic finds wrong, in words that may be shown: place and message, never the input, which may be secret."""

from pydantic import ValidationError

_MOST = 5
"""Faults that are named; hostile input may have any number."""
_DEEPEST = 8
"""Members of a fault's place that are named: hostile input may be nested deep."""


def fault_text(error: Exception) -> str:
    """Return what is wrong.  ``str()`` of pydantic's error would quote the input."""
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, place[:_DEEPEST])) or 'it'}: {said}" for place, said in faults_of(error))


def faults_of(error: ValidationError) -> list[tuple[tuple[int | str, ...], str]]:
    """Return the place and the message of each fault, at most five, without the input."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    return [(fault["loc"], fault["msg"]) for fault in faults[:_MOST]]
