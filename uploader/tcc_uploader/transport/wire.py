"""The connections of one sending thread: sockets that note what they move, keep a rate, and can be cut from outside.

The kernel takes as much as it has room for, and calls it sent: with the usual buffers 300 kB count as sent at once on a
link that needs 15 s for them.  So a socket may hold back only a little, and what is written is noted piece by piece.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from ssl import SSLContext
from typing import Any, Final

import httpcore

from .progress import PATIENCE, Patience, Progress, Rate

_PIECE: Final = 16 * 1024
"""Bytes that are written, and noted, together; and how many of them the kernel may hold without sending them."""
_SMALL_BUFFER: Final = 64 * 1024
"""Bytes of the send buffer where the kernel can't be told :data:`_PIECE`."""


class Limit:
    """Keeps a :class:`Rate` for threads."""

    def __init__(self, bytes_per_second: float) -> None:
        self._rate = Rate(bytes_per_second)
        self._lock = threading.Lock()
        self.piece = min(_PIECE, self._rate.piece)

    def wait(self, size: int, cut: threading.Event) -> None:
        """Wait until ``size`` bytes may be sent, or ``cut`` is set."""
        with self._lock:
            seconds = self._rate.take(size, time.monotonic())
        if seconds:
            cut.wait(seconds)


class Wire(httpcore.SyncBackend):
    """Makes connections for httpcore, which belong to one thread.  ``clock`` returns seconds on the monotonic clock."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        patience: Patience = PATIENCE,
        limit: Limit | None = None,
    ) -> None:
        self.clock = clock
        self.patience = patience
        self.limit = limit
        self.progress = Progress("", clock())
        """The request that is being sent."""
        self.is_cut = threading.Event()
        self._stream: Stream | None = None

    def cut(self) -> None:
        """End what this thread reads or writes, and all that it would send later.  May be called from any thread.

        A connection that is just being made ends by its own time-out, and nothing is sent on it.
        """
        self.is_cut.set()
        if self._stream is not None:
            self._stream.shut()

    def use(self, stream: "Stream") -> Progress:
        """Return what to note the stream's bytes in.  Raises httpcore.NetworkError if the wire was cut."""
        self._stream = stream  # before the look at is_cut, else a cut in between would miss it
        if self.is_cut.is_set():
            raise httpcore.NetworkError("the request was given up")
        return self.progress

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> "Stream":
        """Connect, and let the kernel hold back only a little of what is written."""
        stream = super().connect_tcp(host, port, timeout, local_address, socket_options)
        raw: socket.socket = stream.get_extra_info("socket")
        with suppress(OSError):  # an old kernel: then a slow link looks stalled, or a stalled one slow
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _PIECE)
            else:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SMALL_BUFFER)
        return Stream(self, stream)


class Stream(httpcore.NetworkStream):
    """One connection.  httpcore reads only when a request was written: the first read marks its end."""

    def __init__(self, wire: Wire, inner: httpcore.NetworkStream) -> None:
        self._wire = wire
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read; of an answer whose head is whole only until :attr:`Patience.end`."""
        wire = self._wire
        progress = wire.use(self)
        if progress.sent is None:
            progress.sent = wire.clock()
        elif progress.head is not None:
            left = progress.head + wire.patience.end - wire.clock()
            if left <= 0:
                raise httpcore.ReadTimeout("the answer does not end")
            timeout = left
        data = self._inner.read(max_bytes, timeout)
        progress.moved = wire.clock()
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write piece by piece, and note when each was written."""
        wire, view = self._wire, memoryview(buffer)
        progress = wire.use(self)
        progress.sent = None
        size = wire.limit.piece if wire.limit else _PIECE
        for start in range(0, len(view), size):
            piece = view[start : start + size]
            if wire.limit:
                wire.limit.wait(len(piece), wire.is_cut)
                wire.use(self)
            self._inner.write(piece, timeout)  # type: ignore[arg-type]  # any buffer will do, as for a socket
            progress.moved = wire.clock()

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def shut(self) -> None:
        """Make the thread that reads or writes here stop with an error."""
        raw: socket.socket = self._inner.get_extra_info("socket")
        with suppress(OSError):
            # not SSLSocket's own method, which makes the socket write unencrypted first
            socket.socket.shutdown(raw, socket.SHUT_RDWR)

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "Stream":
        """Return the same connection, encrypted."""
        self._wire.use(self)
        return Stream(self._wire, self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore asks for, like the socket."""
        return self._inner.get_extra_info(info)
