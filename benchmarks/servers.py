"""Servers on the loopback interface that take what is uploaded: nginx, and one that holds each answer back."""

import asyncio
import contextlib
import multiprocessing
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

NGINX = shutil.which("nginx")
"""The program; None if it is not installed."""

_CONFIG = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_requests 100000000; client_max_body_size 0; client_body_buffer_size 1m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200; }} }}
}}
"""
_LENGTH = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)
_PATIENCE = 30.0
"""Seconds until a server that does not come up is given up."""


@contextlib.contextmanager
def nginx() -> Iterator[str]:
    """Give the URL of an nginx that reads every request and answers 200 at once.

    Raises RuntimeError if it does not come up, FileNotFoundError if it is not installed: look at :data:`NGINX` first.
    """
    if NGINX is None:
        raise FileNotFoundError("nginx is not installed: apt-get install nginx-light")
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        config = Path(folder, "nginx.conf")
        config.write_text(_CONFIG.format(folder=folder, port=port), encoding="ascii")
        server = subprocess.Popen([NGINX, "-p", folder, "-e", "stderr", "-c", str(config)])
        try:
            _wait_for(port, server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


class Holding:
    """A server, in a process of its own, that answers each request ``latency`` seconds after it has come."""

    def __init__(self, url: str, pipe: Connection) -> None:
        self.url = url
        self._pipe = pipe

    def arrivals(self) -> list[float]:
        """Return when requests were complete since this was last asked, on the monotonic clock, in seconds."""
        self._pipe.send(None)
        arrived: list[float] = self._pipe.recv()
        return arrived


@contextlib.contextmanager
def holding(latency: float, status: int = 200) -> Iterator[Holding]:
    """Give a server that answers with this status, however many connections there are."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    server = context.Process(target=_hold, args=(its, latency, status), daemon=True)
    server.start()
    its.close()  # so that a server that ends before it has said its port is noticed
    try:
        yield Holding(f"http://127.0.0.1:{ours.recv()}", ours)
    finally:
        server.terminate()
        server.join()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _PATIENCE
    while server.poll() is None and time.monotonic() < until:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.01)
    raise RuntimeError(f"nginx did not come up on port {port}: see its message above")


def _hold(pipe: Connection, latency: float, status: int) -> None:
    asyncio.run(_serve(pipe, latency, b"HTTP/1.1 %d Held\r\nContent-Length: 0\r\n\r\n" % status))


async def _serve(pipe: Connection, latency: float, answer: bytes) -> None:
    loop = asyncio.get_running_loop()
    arrived: list[float] = []
    server = await loop.create_server(lambda: _Held(arrived, latency, answer), "127.0.0.1", 0, backlog=1024)

    def tell() -> None:
        pipe.recv()
        pipe.send(arrived)
        arrived.clear()

    loop.add_reader(pipe.fileno(), tell)
    pipe.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


class _Held(asyncio.Protocol):
    def __init__(self, arrived: list[float], latency: float, answer: bytes) -> None:
        self.arrived = arrived
        self.latency = latency
        self.answer = answer
        self.received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        headers_end = self.received.find(b"\r\n\r\n")
        length = _LENGTH.search(self.received, 0, max(headers_end, 0))
        if length is not None and len(self.received) >= headers_end + 4 + int(length[1]):
            self.received.clear()  # these clients send nothing before they have their answer
            self.arrived.append(time.monotonic())
            asyncio.get_running_loop().call_later(self.latency, self.transport.write, self.answer)
