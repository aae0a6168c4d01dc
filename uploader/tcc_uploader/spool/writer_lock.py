"""Whether a segment's writer is gone.  A recorder holds the lock of its segment until its process ends."""

import platform
from functools import cache
from pathlib import Path

from .segment import Writer


def lock_proves(header: Writer | None, inode: int) -> bool:
    """Whether taking a segment's lock here would prove that its writer is gone.

    It does if the writer wrote this very file on this machine.  The lock of a copy's original is not seen here, nor are
    those of writers on another machine that shares the spool.
    """
    if header is None or header.inode not in (0, inode):
        return False
    return (boot_id() != "" and header.boot_id == boot_id()) or header.host == platform.node()


def boot_is_over(header: Writer | None) -> bool:
    """Whether a segment was written on this machine before its last boot: then its writer is gone, also of a copy."""
    if header is None or not header.boot_id or not boot_id():
        return False
    return header.host == platform.node() and header.boot_id != boot_id()


@cache
def boot_id() -> str:
    """Return the kernel's boot id; empty if it has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
