"""One connection: uvicorn's HTTP protocol, which parses and answers, with the limits that it lacks."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

_HEAD_SECONDS: Final = 30.0
"""A request's head must be there that long after its first byte, and what is left of a body after its answer."""


class Connections(ServerState):
    """The open connections.  ``changed`` is called when one has ended."""

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__()
        self.changed = changed
        self.default_headers = [(b"tcc-gateway", b"1")]


class Connection(HttpToolsProtocol):
    """See above."""

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config, connections, {})
        self._changed = connections.changed
        self._awaited_since: float | None = None
        """When the sender's turn began to complete a head, or what nobody reads any more."""
        self._is_whole = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin; a head is awaited."""
        super().connection_made(transport)
        self._awaited_since = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        super().connection_lost(exc)
        self._changed()

    def on_message_begin(self) -> None:
        """Take the first byte of a request."""
        self._awaited_since, self._is_whole = self.loop.time(), False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Take a whole head: the application awaits the body."""
        self._awaited_since = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Take the last byte of a request."""
        self._awaited_since, self._is_whole = None, True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Await what is left of a body that was answered before its end."""
        if not self._is_whole:
            self._awaited_since = self.loop.time()
        super().on_response_complete()

    def close_if_late(self, now: float) -> None:
        """Close the connection if what is awaited took too long."""
        if self._awaited_since is not None and now - self._awaited_since > _HEAD_SECONDS:
            self.transport.close()


def config_of(app: Any, **more: Any) -> uvicorn.Config:
    """Return uvicorn's settings for :class:`Connection`."""
    config = uvicorn.Config(
        app,
        interface="asgi3",
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=150,
        **more,
    )
    config.load()
    return config
