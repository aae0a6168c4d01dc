"""The gateway: a server in a thread of this process, and the spool's writer behind it."""

import asyncio
import os
import select
import socket
import threading
from types import TracebackType
from typing import Final, Self

from tcc_recorder.config import checked_arguments, writer_config
from tcc_recorder.spool.writer import SpoolWriter

from .app import App
from .connection import Connection, Connections, config_of
from .options import Options

_BACKLOG: Final = 1024
"""Connections that the system keeps until they are accepted."""
_PASSES: Final = 5
"""Turns of the loop in which a connection that was accepted becomes one of ours."""
_STOP_SECONDS: Final = 20.0
"""What is being received when the gateway stops has that long to end."""


class Gateway:
    """Records what is posted to :attr:`url`, between ``__enter__`` and ``__exit__``, which seals the spool's segment.

    It serves in a thread of its own.  ``port`` 0 is a free one; ``listening`` is a socket that listens already, in
    place of host and port.  Raises OSError if it can't listen, ValueError for an invalid option.
    """

    def __init__(
        self,
        options: Options,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        listening: socket.socket | None = None,
    ) -> None:
        given = checked_arguments(options.spool_dir, options.durability, options.max_bytes, journal=False)
        self._writer = SpoolWriter(writer_config(given, os.environ))
        self._config = config_of(
            App(self._writer), ssl_certfile=options.tls_cert, ssl_keyfile=options.tls_key and str(options.tls_key)
        )
        self._is_given = listening is not None
        self._socket = listening or socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=_BACKLOG
        )
        name, self.port = self._socket.getsockname()[:2]
        self.url = f"{'https' if options.tls_cert else 'http'}://{f'[{name}]' if ':' in name else name}:{self.port}"
        """The base URL, such as http://127.0.0.1:4319."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="tcc-gateway", daemon=True)
        self._began = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._began.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._socket.close()
        self._writer.close()

    def wait_quiet(self, seconds: float) -> bool:
        """Wait until no connection is open, also none that is not accepted yet; return whether that came to pass."""
        return asyncio.run_coroutine_threadsafe(self._quiet(seconds), self._loop).result()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop, self._ended = asyncio.Event(), asyncio.Event()
        self._connections = Connections(self._ended.set)
        server = await self._loop.create_server(
            lambda: Connection(self._config, self._connections),
            sock=self._socket,
            ssl=self._config.ssl,
            backlog=_BACKLOG,
        )
        self._began.set()
        await self._stop.wait()
        server.close()
        for connection in list(self._connections.connections):
            connection.shutdown()
        await self._no_connection(_STOP_SECONDS)

    async def _quiet(self, seconds: float) -> bool:
        until = self._loop.time() + seconds
        while await self._no_connection(until - self._loop.time()):
            for _ in range(_PASSES):
                await asyncio.sleep(0)
                if self._connections.connections or select.select([self._socket], [], [], 0)[0]:
                    break
            else:
                return True
        return False

    async def _no_connection(self, seconds: float) -> bool:
        """Wait until each connection has ended; return whether that came to pass."""
        try:
            async with asyncio.timeout(seconds):
                while self._connections.connections:
                    self._ended.clear()
                    await self._ended.wait()
        except TimeoutError:
            return False
        return True
