"""The state directory: a folder for each target, and the locks that keep two uploaders out of one folder or spool.

A *target* is the server that a ledger speaks for.  Its folder has its ledger, dead letters, requests, status and lock.
"""

import errno
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Final, Self

from .files import make_durably, try_lock
from .settings import TARGET_FILES

LOCK_NAME: Final = "uploader.lock"
_LATELY: Final = 7 * 24 * 3600.0  # seconds


class StateHeldError(Exception):
    """Another uploader uses this state directory or spool; the message names the directory and says what to do."""


class OldLayoutError(Exception):
    """The state directory itself holds what belongs into a target's folder; the message says what to do."""


def check_layout(states: Path) -> None:
    """Raise :class:`OldLayoutError` if an unreleased version has written into the state directory itself.

    Raises OSError if it is no directory, or can't be looked at.
    """
    with suppress(FileNotFoundError):
        if not stat.S_ISDIR(states.stat().st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(states))
    if old := next((name for name in TARGET_FILES if (states / name).exists()), None):
        advice = "move it away; what still lies in spools is sent again"
        raise OldLayoutError(f"{states / old} is of a version without targets: {advice}")


def targets_in(states: Path) -> list[Path]:
    """Return the folders of all targets in a state directory, by name; one that can't be looked at may be a target."""
    try:
        return sorted(filter(_is_target, states.iterdir()))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_target(folder: Path) -> bool:
    try:
        return any((folder / name).exists() for name in TARGET_FILES)
    except PermissionError:
        return re.fullmatch("[a-z0-9._-]+", folder.name) is not None  # a disk's lost+found is none


def last_change(target: Path) -> float:
    """Return when a target's ledger changed last, in seconds since 1970; 0.0 if it has none."""
    try:
        return (target / TARGET_FILES[0]).stat().st_mtime
    except OSError:
        return 0.0


def is_in_use(target: Path, now: float) -> bool:
    """Whether an uploader works on this target, or its ledger has changed in the 7 days before ``now`` (Unix time).

    So does one that can't be looked at, as far as anybody knows.
    """
    hidden = target.is_dir() and not os.access(target, os.X_OK)
    return hidden or now - last_change(target) < _LATELY or holder(target) is not None


@contextmanager
def held(state: Path) -> Iterator[None]:
    """Hold the state directory's lock in the block; create the directory (0700) if it is missing.

    Raises :class:`StateHeldError` if another process holds it, OSError if the directory can't be used.
    """
    make_durably(state)
    with FileIO(state / LOCK_NAME, "r+", opener=lambda path, flags: os.open(path, flags | os.O_CREAT, 0o600)) as file:
        if not _lock_soon(file.fileno()):
            advice = "stop it, or give this one its own spool and --state-dir"
            raise StateHeldError(f"another uploader (pid {_pid(file)}) works on {state}: {advice}")
        file.truncate(0)
        file.write(f"{os.getpid()}\n".encode())
        yield


class SpoolLocks:
    """The locks of spools: two uploaders that watch one spool, or remove from it, would send everything twice.

    ``with SpoolLocks(spools) as locks`` takes them all, as far as they exist now; a spool may come later, or be made
    anew, so each is taken again before it is read.  Raises :class:`StateHeldError` if another uploader holds one.
    """

    def __init__(self, spools: Iterable[Path] = ()) -> None:
        self._spools = list(spools)
        self._held: dict[Path, int] = {}
        """The open folders, whose locks end when they are closed."""

    def __enter__(self) -> Self:
        try:
            self.take_all()
        except StateHeldError:
            self.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """End all locks."""
        while self._held:
            os.close(self._held.popitem()[1])

    def take_all(self) -> None:
        """Lock the spools that have these names now.  Raises :class:`StateHeldError` as :meth:`take` does."""
        for spool in self._spools:
            self.take(spool)

    def take(self, spool: Path) -> None:
        """Lock the spool that has this name now; do nothing if it is missing, or locked here, maybe by another name.

        Raises :class:`StateHeldError` if another uploader holds it.
        """
        try:
            descriptor = os.open(spool, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return  # missing or unreadable: the scan reports it
        if any(os.path.sameopenfile(held, descriptor) for held in self._held.values()):
            os.close(descriptor)
        elif _lock_soon(descriptor):
            before = self._held.get(spool)
            if before is not None:
                os.close(before)  # that folder was removed
            self._held[spool] = descriptor
        else:
            os.close(descriptor)
            raise StateHeldError(f"another uploader watches {spool}: stop it, or give this one its own spool")


def _lock_soon(descriptor: int) -> bool:
    """Take the lock.  Try for 0.2 s, because :func:`holder` may hold the lock for a moment while it tests it."""
    if os.name != "posix":
        return True  # on Windows nothing prevents a second uploader
    for _ in range(10):
        if try_lock(descriptor):
            return True
        time.sleep(0.02)
    return False


def holder(state: Path) -> int | None:
    """Return the pid of this state's uploader (0: unknown); None if there is none.  On Windows: the last one's pid."""
    try:
        with FileIO(state / LOCK_NAME, "r+") as file:
            return None if try_lock(file.fileno()) else _pid(file)
    except OSError:
        return None


def _pid(file: FileIO) -> int:
    text = file.read(32) or b""
    return int(text) if text.strip().isdigit() else 0
