"""Tells whether a segment's writer is gone.  A recorder holds the lock of its segment until its process ends."""

import platform
from functools import cache
from pathlib import Path

from .header import Writer


def lock_proves(header: Writer | None, inode: int) -> bool:
    """Whether the writer of a segment is certainly gone if its file can be locked here.

    This is so if the writer wrote this very file, and on this machine.  If the file is a copy, the writer locked the
    original.  If another machine shares the spool, its locks can't be seen here.
    """
    if header is None or header.inode not in (0, inode):
        return False
    return (boot_id() != "" and header.boot_id == boot_id()) or header.host == platform.node()


def boot_is_over(header: Writer | None) -> bool:
    """Whether a segment, or its original, was written on this machine before its last boot: its writer is gone then."""
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
