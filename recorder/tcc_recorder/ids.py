"""New identifiers."""

import os
import time

_millisecond = (-1, "")
"""The last millisecond that was formatted, and what ids begin with in it."""


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
    bits = os.urandom(10)
    random = bits.hex()
    return f"{cached[1]}{random[:3]}-{'89ab'[bits[9] & 3]}{random[3:6]}-{random[6:18]}"
