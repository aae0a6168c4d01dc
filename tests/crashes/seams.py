"""The seams that a crash test may replace: names under which the product makes a system call, or commits.

A test replaces a seam to trace the call, to make it fail, or to let another actor run.  What an engine asks of the
disk, of time and of threads is no seam: it is an argument, ``tcc_uploader.delivery.host.Host``.  Besides seams, crash
tests replace only what depends on time, chance or inodes.  (The mutations in ``test_mutations.py`` break rules of
the product, to show that the tests find this.)
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tcc_recorder.spool.system import SYSTEM
from tcc_uploader import files
from tcc_uploader.ledger import sqlite


class Seam(NamedTuple):
    """A name in a module or class of the product."""

    owner: Any
    name: str

    def replace(self, patch: pytest.MonkeyPatch, call: Callable[..., Any]) -> None:
        """Make the product use ``call`` instead of its own function."""
        patch.setattr(self.owner, self.name, call)


# the recorder writes a segment
RECORDER_OPEN = Seam(SYSTEM, "open")
RECORDER_LOCK = Seam(SYSTEM, "lock")
RECORDER_WRITE = Seam(SYSTEM, "write")
RECORDER_CLOSE = Seam(SYSTEM, "close")
RECORDER_FSTAT = Seam(SYSTEM, "fstat")
RECORDER_TRUNCATE = Seam(SYSTEM, "ftruncate")
RECORDER_FDATASYNC = Seam(SYSTEM, "fdatasync")
RECORDER_FSYNC = Seam(SYSTEM, "fsync")
RECORDER_UNLINK = Seam(SYSTEM, "unlink")

# the uploader writes letters, requests and bundles
FILE_FSYNC = Seam(files, "_fsync")
FILE_REPLACE = Seam(files, "_replace")

# the uploader opens its ledger, and commits
LEDGER_CONNECT = Seam(sqlite, "_connect")
LEDGER_COMMIT = Seam(sqlite.SqliteLedger, "commit")

SEAMS = tuple(value for value in dict(globals()).values() if isinstance(value, Seam))
