"""One connection: uvicorn's HTTP protocol, which parses and answers, with the limits that it lacks."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from .app import App

_HEAD_SECONDS: Final = 30.0
"""Until a request's head must be there, from its first byte, and what is left of a body after its answer."""
_BODY_SECONDS: Final = 120.0
"""Until a body must be there, from its head."""
_MOST: Final = 640
"""Connections.  One more is closed without a word: descriptors must be left for the spool."""
_KEEP_ALIVE: Final = 150
"""Seconds that a connection may be idle: an SDK that finds it closed loses its run, since most repeat nothing."""
_TOO_LATE: Final = (
    b"HTTP/1.1 408 Request Timeout\r\n"
    b"tcc-gateway: 1\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class Connections(ServerState):
    """The open connections.  ``ended`` is called when one has ended."""

    def __init__(self, ended: Callable[[], None]) -> None:
        super().__init__()
        self.ended = ended
        self.default_headers = [(b"tcc-gateway", b"1")]
        """Stands in every answer: an uploader that posts here by mistake must not take it for a delivery."""

    def all(self) -> list["Connection"]:
        """Return each connection that is open."""
        return [each for each in self.connections if isinstance(each, Connection)]


class Connection(HttpToolsProtocol):
    """See above."""

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config, connections, {})
        self._ended = connections.ended
        self._waiting_since: float | None = None
        """When its sender had to go on; None while nothing is awaited."""
        self._unanswered = 0
        """How many requests whose head is there have no answer yet."""
        self._in_head, self._is_whole = True, True
        """Whether a head is awaited, and whether the last request came to its end."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for the first request."""
        super().connection_made(transport)
        self._waiting_since = self.loop.time()
        if len(self.connections) > _MOST:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits for the end of connections."""
        super().connection_lost(exc)
        self._ended()

    def on_message_begin(self) -> None:
        """Wait for the rest of a head."""
        self._waiting_since, self._in_head, self._is_whole = self.loop.time(), True, False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Wait for the body."""
        self._waiting_since, self._in_head = self.loop.time(), False
        self._unanswered += 1
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the whole request is there."""
        self._waiting_since, self._is_whole = None, True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the rest of a body that was answered before its end; it is thrown away."""
        self._unanswered -= 1
        if not self._is_whole:
            self._waiting_since = self.loop.time()
        super().on_response_complete()

    def close_if_late(self) -> None:
        """Close the connection if its sender took too long, and no answer to an earlier request is being made."""
        in_body = not self._in_head and self._unanswered > 0
        if self._waiting_since is None or self._unanswered > in_body:
            return
        if self.loop.time() - self._waiting_since > (_BODY_SECONDS if in_body else _HEAD_SECONDS):
            if self._in_head or in_body:
                self.transport.write(_TOO_LATE)
            self.transport.close()


def config_of(app: App, tls_cert: Path | None, tls_key: Path | None) -> uvicorn.Config:
    """Return uvicorn's settings for :class:`Connection`.

    Raises OSError if the certificate or its key can't be read.
    """
    config = uvicorn.Config(
        app,
        interface="asgi3",
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE,
        ssl_certfile=tls_cert,
        ssl_keyfile=tls_key,
    )
    config.load()
    return config
