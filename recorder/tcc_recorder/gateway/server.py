"""The gateway: a server in a thread of this process, and the spool's writer behind it."""

import asyncio
import os
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from types import TracebackType
from typing import Final, Self

from tcc_recorder.config import checked_arguments, writer_config
from tcc_recorder.redact.policy import policy_of

from .app import App
from .connection import Connection, Connections, config_of
from .guards import Address, hosts_of
from .options import Options

_BACKLOG: Final = 1024
"""Connections that the system keeps until they are accepted."""
_PASSES: Final = 5
"""Turns of the loop in which a connection that the system has accepted becomes one of ours."""
_STOP_SECONDS: Final = 20.0
"""What is being received when the gateway stops has that long to end."""
_LOOK_FOR_LATE: Final = 5.0
"""Seconds between two looks for connections whose sender takes too long."""


class Gateway:
    """Records what is posted to :attr:`url`, between ``__enter__`` and ``__exit__``, which seals the spool's segment.

    It serves in a thread of its own.  ``port`` 0 is a free one; ``listening`` is a socket that listens already, in
    place of host and port; ``each_look`` is called in its loop, every 5 seconds.  Raises OSError if it can't listen,
    or can't read the certificate, ValueError for options that can't be.
    """

    def __init__(
        self,
        options: Options,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        listening: socket.socket | None = None,
        each_look: Callable[[], object] = lambda: None,
    ) -> None:
        given = checked_arguments(options.spool_dir, options.durability, options.max_bytes, journal=False)
        policy = policy_of(options.redact, None, os.environ)
        if not policy.content:
            raise ValueError(
                "TCC_CONTENT=0 can't be honoured: which parts of other SDKs' posts are texts is not known; "
                "unset it, or don't record them"
            )
        self._each_look = each_look
        self._is_ours = listening is None
        self._socket = listening or _listening(host, port)
        try:
            # accepted sockets inherit it; without it an answer, which is two writes, can take 40 ms
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            address = _address(self._socket, options)
            self._connections = Connections(self._note_end)
            config = writer_config(given, os.environ)
            self._app = App(
                options,
                config,
                policy,
                hosts_of(address) if address.is_loopback else None,
                lambda: len(self._connections.connections),
            )
            self._config = config_of(self._app, options.tls_cert, options.tls_key)
        except Exception:
            self._socket.close()
            raise
        shown = f"[{address.host}]" if ":" in address.host else address.host
        self.url = f"{address.scheme}://{shown}:{address.port}"
        """The base URL, such as http://127.0.0.1:4319."""
        self.spool_dir, self.metrics = config.spool_dir, self._app.metrics
        self._began = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="tcc-gateway", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._began.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(RuntimeError):  # it has ended by itself: its failure is raised below
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._app.close()
        if self._failure is not None:
            raise self._failure

    def wait_quiet(self, seconds: float) -> bool:
        """Wait until no connection is open, also none that is not accepted yet; return whether that came to pass."""
        return asyncio.run_coroutine_threadsafe(self._quiet(seconds), self._loop).result()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 -- raised where the gateway is used
            self._failure = error
        finally:
            self._began.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop, self._one_ended = asyncio.Event(), asyncio.Event()
        server = await self._loop.create_server(
            lambda: Connection(self._config, self._connections),
            sock=self._socket,
            ssl=self._config.ssl,
            backlog=_BACKLOG,
        )
        looking = self._loop.create_task(self._close_the_late())
        self._began.set()
        await self._stop.wait()
        self._app.stopping = True
        if self._is_ours:  # else the next server takes the connections that wait
            await self._all_accepted()
        server.close()
        for connection in self._connections.all():
            connection.shutdown()  # at once if it is idle, else after its answer
        await self._no_connection(_STOP_SECONDS)
        looking.cancel()

    async def _close_the_late(self) -> None:
        while True:
            self._each_look()
            await asyncio.sleep(_LOOK_FOR_LATE)
            for connection in self._connections.all():
                connection.close_if_late()

    async def _quiet(self, seconds: float) -> bool:
        until = self._loop.time() + seconds
        while await self._no_connection(until - self._loop.time()):
            await self._all_accepted()
            if not self._connections.connections:
                return True
        return False

    async def _all_accepted(self) -> None:
        """Return when every connection that the system has accepted is one of ours."""
        passes = 0
        while passes < _PASSES:
            passes = 0 if select.select([self._socket], [], [], 0)[0] else passes + 1
            await asyncio.sleep(0)

    async def _no_connection(self, seconds: float) -> bool:
        """Wait until each connection has ended; return whether that came to pass."""
        try:
            async with asyncio.timeout(seconds):
                while self._connections.connections:
                    self._one_ended.clear()
                    await self._one_ended.wait()
        except TimeoutError:
            return False
        return True

    def _note_end(self) -> None:
        self._one_ended.set()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def _address(listening: socket.socket, options: Options) -> Address:
    """Return where a socket listens.  Raises ValueError if that is a place where it must not."""
    if listening.family not in (socket.AF_INET, socket.AF_INET6):
        raise ValueError("the gateway listens on TCP sockets only")
    host, port = listening.getsockname()[:2]
    is_loopback = ip_address(host).is_loopback
    if not is_loopback and not options.tokens:
        raise ValueError(f"other machines reach {host}: it needs --tokens FILE, so that no stranger posts there")
    if not is_loopback and options.tls_cert is None and not options.plain_http:
        raise ValueError(
            f"other machines reach {host}: it needs --tls-cert and --tls-key, so that nobody reads what is posted, "
            "or --plain-http in a network that you trust"
        )
    return Address("https" if options.tls_cert else "http", host, port, is_loopback)
