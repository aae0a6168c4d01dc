"""Tells the service manager how the daemon is."""

import logging
import os
import time
from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Final

from tcc_schemas.service_manager import ServiceManager
from tcc_uploader.delivery.events import Event, Reloading, Stopping, Turn

if TYPE_CHECKING:
    from tcc_uploader.delivery.engine import Engine

_EVERY: Final = 1.0
"""Seconds at least between two changes of what ``STATUS=`` tells."""

_log = logging.getLogger(__name__)


class Notifier:
    """Tells the service manager that the daemon is ready, lives, reloads and ends; nobody without ``NOTIFY_SOCKET``.

    A working engine takes a turn at least once a second, and in no other way is the watchdog told of life: if the
    engine's loop stands still, the manager notices.  So ``WATCHDOG_USEC`` should be 4 seconds or more.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._manager = ServiceManager(environment)
        self._feed_at = 0.0 if self._manager.alive_every < inf else inf
        self._look_at = 0.0
        self._is_ready = False
        self._status = ""

    def __call__(self, event: Event) -> None:
        """Listen to an engine, and to what steers it."""
        match event:
            case Turn(engine):
                self._works(engine)
            case Reloading():  # the next turn ends that
                self._is_ready = False
                self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
            case Stopping():
                self._send("STOPPING=1", "STATUS=waits for the last answers")

    def _works(self, engine: "Engine") -> None:
        """Tell that the engine works, and how far it is."""
        if not self._manager:
            return
        now = engine.clock.monotonic()
        said = []
        if not self._is_ready:
            self._is_ready = True
            said += ["READY=1", f"MAINPID={os.getpid()}"]
        if now >= self._feed_at:
            self._feed_at = now + self._manager.alive_every
            said.append("WATCHDOG=1")
        if now >= self._look_at:
            self._look_at = now + _EVERY
            if (status := _status_of(engine)) != self._status:
                self._status = status
                said.append(f"STATUS={status}")
        if said:
            self._send(*said)

    def _send(self, *said: str) -> None:
        """Tell it.  A failure is logged: it must not stop the work."""
        try:
            self._manager.tell(*said)
        except OSError as error:
            _log.warning(
                "can't tell the service manager %(what)s (NOTIFY_SOCKET): %(why)s",
                {"action": "unheard", "what": said[0], "why": error},
            )


def _status_of(engine: "Engine") -> str:
    """Return the engine's state in one line of our own words and numbers: names and URLs are for ``status``."""
    queues = engine.backlog.queues.values()
    paused = sum(queue.health.pause is not None for queue in queues)
    text = f"{engine.settlement.total.delivered:,} delivered since it began, {engine.backlog.waiting:,} waiting"
    return f"{text}; {paused} of {len(queues)} destinations paused: see `tcc-upload status`" if paused else text
