"""Notices that the file of API keys has changed, so that nobody has to send a signal."""

from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tcc_uploader.delivery.engine import Engine

_EVERY: Final = 1.0
"""Seconds between two looks."""
_State = tuple[int, int, int, int] | None


class KeyFile:
    """A file of API keys that may change.  Links are followed: Kubernetes changes a link."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._look_at = 0.0
        self.note()

    def note(self) -> None:
        """Take the file as it is now for the one that is used.  To be called before the keys are read."""
        self._used = self._seen = self._look()

    def has_changed(self, engine: "Engine") -> bool:
        """Whether other keys should be read now.

        A file that changes between two looks may still be being written, and is left alone until the next one.
        """
        now = engine.clock.monotonic()
        if self._path is None or now < self._look_at:
            return False
        self._look_at = now + _EVERY
        before, self._seen = self._seen, self._look()
        return self._seen == before != self._used

    def _look(self) -> _State:
        """Return what changes when the file does; None if it is no file, or a pipe, which can be read only once."""
        try:
            found = self._path.stat() if self._path else None
        except OSError:
            return None
        if found is None or not S_ISREG(found.st_mode):
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
