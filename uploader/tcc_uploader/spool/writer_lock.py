"""What a file's lock proves.  A recorder holds its segment's lock for life."""

import platform
import sys
from functools import cache
from pathlib import Path

from .segment import Writer

if sys.platform != "win32":
    pass


def lock_proves(header: Writer | None, inode: int) -> bool:
    """Whether obtaining a segment's lock here means that its writer is gone: it wrote this file, on this machine.

    A copy proves nothing, nor does a spool shared with another machine: their writers' locks are not seen here.
    """
    if header is None or header.inode not in (0, inode):
        return False
    return (boot_id() != "" and header.boot_id == boot_id()) or header.host == platform.node()


def boot_is_over(header: Writer | None) -> bool:
    """Whether a segment was written on this machine before it last started: then its writer is gone, copy or not."""
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
