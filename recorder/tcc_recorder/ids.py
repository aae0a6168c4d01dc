"""New identifiers."""

import os
import time
from typing import Final

from .forks import check, on_fork
from .values import text

_BATCH: Final = 64
"""For how many ids random bits are read at once: one call of the system takes as long as the rest of an id."""
_VARIANT: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))

_millisecond = (-1, "")
"""The last millisecond that was formatted, and the first part of its ids."""
_tails: Final[list[str]] = []
"""The random parts of the next ids.  Each is added and removed in one atomic step, so threads need no lock."""


def new_id() -> str:
    """Return a UUID version 7 as text: 48 bits of milliseconds, then 74 random bits.

    Ids that sort by time keep the uploader's ledger small and fast.  The random bits come from the operating system,
    never from the ``random`` module: agents may seed that, and forked processes share its state.
    """
    global _millisecond  # noqa: PLW0603 -- a cache of one entry, replaced as a whole, so threads need no lock
    check()
    milliseconds = time.time_ns() // 1_000_000
    known, begin = _millisecond
    if known != milliseconds:
        begin = f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7"
        _millisecond = (milliseconds, begin)
    try:
        return begin + _tails.pop()
    except IndexError:
        return begin + _new_tail()


def given_id(value: object) -> str:
    """Return the caller's id as text, or a new id if it is None or empty."""
    return new_id() if value is None else text(value) or new_id()


def _new_tail() -> str:
    """Read more random bits from the system; return one random part, and keep the others."""
    digits = os.urandom(10 * _BATCH).hex()
    tails = [
        f"{digits[i : i + 3]}-{_VARIANT[digits[i + 3]]}{digits[i + 4 : i + 7]}-{digits[i + 7 : i + 19]}"
        for i in range(0, len(digits), 20)
    ]
    tail = tails.pop()
    _tails.extend(tails)
    return tail


on_fork(_tails.clear)  # the parent will use them
