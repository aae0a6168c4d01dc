"""New identifiers."""

import os
import time


def new_id() -> str:
    """Return a UUID version 7 as text: 48 bits of milliseconds, then 74 random bits.

    Ids that sort by time keep the uploader's ledger small and fast.  The bits come from the system, never from the
    ``random`` module: agents seed that one, and forked processes share its state.
    """
    milliseconds = time.time_ns() // 1_000_000
    bits = os.urandom(10)
    random = bits.hex()
    variant = "89ab"[bits[9] & 3]
    return f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7{random[:3]}-{variant}{random[3:6]}-{random[6:18]}"
