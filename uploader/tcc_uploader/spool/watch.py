"""Watch spools with watchdog.  Events can get lost: they only name files to read first, and scans find all others."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from watchdog import events
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserver

_log = logging.getLogger(__name__)

# Without this filter the uploader's own reads cause events, and each event causes another read.
_EVENTS: list[type[events.FileSystemEvent]] = [
    events.FileCreatedEvent,
    events.FileModifiedEvent,
    events.FileMovedEvent,
    events.FileDeletedEvent,
]


@dataclass(slots=True)
class Watcher:
    """Calls ``changed(path)`` in watchdog's thread for every file that may have grown.

    ``mode`` is ``native``, ``polling``, ``waiting`` (the spool does not exist yet) or ``scanning`` (no watcher works:
    only the regular scans find files).
    """

    _spools: Sequence[Path]
    _changed: Callable[[Path], None]
    _observers: dict[Path, tuple[BaseObserver, int, str]] = field(default_factory=dict, init=False)
    """By spool: its observer, the folder's inode when the observer started, and the mode."""
    _refused: set[Path] = field(default_factory=set, init=False)

    @property
    def mode(self) -> str:
        """The mode of the spool that is watched worst."""
        worst_first = ("scanning", "waiting", "polling", "native")
        return min(map(self._mode_of, self._spools), key=worst_first.index)

    def _mode_of(self, spool: Path) -> str:
        if spool in self._observers:
            return self._observers[spool][2]
        return "waiting" if _inode(spool) is None else "scanning"

    def check(self) -> bool:
        """Watch each spool that has no running observer.  Return whether there was one: then a scan is needed."""
        rebuilt = False
        for spool in self._spools:
            inode = _inode(spool)
            if spool in self._observers:
                observer, watched, _ = self._observers[spool]
                if inode == watched and observer.is_alive() and all(e.is_alive() for e in observer.emitters):
                    continue
                self._stop(spool)
            if inode is not None:
                self._start(spool, inode)
                rebuilt = True
        return rebuilt

    def close(self) -> None:
        """Stop watching."""
        for spool in list(self._observers):
            self._stop(spool)

    def _start(self, spool: Path, inode: int) -> None:
        kinds: list[tuple[str, Callable[[], BaseObserver]]] = [("native", Observer), ("polling", PollingObserver)]
        for mode, kind in kinds:
            try:
                observer = kind()
                observer.schedule(_Handler(spool, self._changed), str(spool.resolve()), event_filter=_EVENTS)
                observer.start()
            except (OSError, RuntimeError) as error:
                level = logging.DEBUG if spool in self._refused else logging.WARNING  # this runs every second
                fields = {"action": "unwatched", "spool": spool, "mode": mode, "why": error}
                _log.log(level, "can't watch %(spool)s (%(mode)s): %(why)s", fields)
            else:
                self._observers[spool] = observer, inode, mode
                self._refused.discard(spool)
                return
        self._refused.add(spool)

    def _stop(self, spool: Path) -> None:
        observer, _, _ = self._observers.pop(spool)
        observer.stop()
        observer.join(timeout=5)


@dataclass(eq=False)
class _Handler(events.FileSystemEventHandler):
    spool: Path
    changed: Callable[[Path], None]

    def on_any_event(self, event: events.FileSystemEvent) -> None:
        if not event.is_directory:
            self.changed(self.spool / os.path.basename(str(event.dest_path or event.src_path)))  # noqa: PTH119 -- hot


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None
