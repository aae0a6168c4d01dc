"""New identifiers."""

import os
import time
from typing import Final

from .values import text

_AT_ONCE: Final = 64
"""How many ids' random bits are asked of the system at once: each call costs as much as the rest of an id."""
_VARIANT: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))

_millisecond = (-1, "")
"""The last millisecond that was formatted, and what ids begin with in it."""
_tails: Final[list[str]] = []
"""What the next ids end with.  Taken and added in single steps, so that threads need no lock."""


def new_id() -> str:
    """Return a UUID version 7 as text: 48 bits of milliseconds, then 74 random bits.

    Ids that sort by time keep the uploader's ledger small and fast.  The bits come from the system, never from the
    ``random`` module: agents seed that one, and forked processes share its state.
    """
    global _millisecond  # noqa: PLW0603 -- a cache of one entry, replaced as a whole, so threads need no lock
    milliseconds = time.time_ns() // 1_000_000
    cached = _millisecond
    if cached[0] != milliseconds:
        _millisecond = cached = (milliseconds, f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7")
    try:
        tail = _tails.pop()
    except IndexError:
        tail = _draw()
    return cached[1] + tail


def given_id(value: object) -> str:
    """Return the id that a caller gave, as text; a new one for None and for an empty one."""
    return new_id() if value is None else text(value) or new_id()


def _draw() -> str:
    """Ask the system for more random bits; return one tail, and keep the others."""
    digits = os.urandom(10 * _AT_ONCE).hex()
    drawn = [
        f"{digits[i : i + 3]}-{_VARIANT[digits[i + 3]]}{digits[i + 4 : i + 7]}-{digits[i + 7 : i + 19]}"
        for i in range(0, len(digits), 20)
    ]
    tail = drawn.pop()
    _tails.extend(drawn)
    return tail


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tails.clear)  # they are the parent's
