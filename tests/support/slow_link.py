"""A slow link on loopback.  Its time is simulated, and goes on by as much as each byte takes: no test waits for it."""

import socket
import threading
import time
from contextlib import suppress
from typing import Self

from support.rigging import Time

_PIECE = 2048
_PAUSE = 0.001
"""Real seconds between pieces, so that everybody else sees the time go on."""


class SlowLink:
    """Passes bytes on to a port of 127.0.0.1; all connections together send ``rate`` bytes per simulated second.

    ``stall``: so many simulated seconds of each minute it passes nothing.  ``stops_after``: after so many bytes it
    passes nothing any more, while the time goes on.  What comes back takes no time.  It buffers little itself.
    """

    def __init__(self, port: int, moment: Time, rate: float, *, stall: float = 0.0, stops_after: float = 1e18) -> None:
        self._port = port
        self._time = moment
        self._rate = rate
        self._stall = stall
        self._stops_after = stops_after
        self.passed = 0
        """How many bytes went through."""
        self._busy = 0.0
        """Simulated seconds in which bytes went through since the last stall."""
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)  # before it listens, or it is ignored
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self._ends: list[socket.socket] = []

    @property
    def url(self) -> str:
        """The URL of this end."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for end in (self._listener, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._closing.is_set():
                near = self._listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self._port))
                self._ends += near, far
                for ends, slow in (((near, far), True), ((far, near), False)):
                    threading.Thread(target=self._pass_on, args=(*ends, slow), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, slow: bool) -> None:
        with suppress(OSError):
            while data := source.recv(_PIECE):
                if slow:
                    self._take_time(len(data))
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _take_time(self, size: int) -> None:
        with self._lock:
            while self.passed >= self._stops_after and not self._closing.is_set():
                self._time.now += 1.0
                time.sleep(_PAUSE)
            self.passed += size
            self._time.now += size / self._rate
            self._busy += size / self._rate
            if self._stall and self._busy >= 60.0 - self._stall:
                self._busy = 0.0
                self._time.now += self._stall
                time.sleep(0.1)  # so that the engine looks in mid-stall
            time.sleep(_PAUSE)
