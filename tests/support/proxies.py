"""Two proxies on loopback that pass on bytes: a tunnel (``CONNECT``), and SOCKS 5 with a user name and a password."""

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

USER, PASSWORD = "user", "secret"
Handshake = Callable[[socket.socket], tuple[str, int]]
"""Talks with a client; returns the host and the port that it wants."""


@contextmanager
def proxy(handshake: Handshake) -> Iterator[tuple[int, list[tuple[str, int]]]]:
    """Give the proxy's port, and a list of what was asked for; the proxy connects to 127.0.0.1, whatever the host."""
    asked: list[tuple[str, int]] = []

    def serve(near: socket.socket) -> None:
        with suppress(OSError), near:
            asked.append(handshake(near))
            with socket.create_connection(("127.0.0.1", asked[-1][1])) as far:
                back = threading.Thread(target=_copy, args=(far, near), daemon=True)
                back.start()
                _copy(near, far)
                back.join()

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], asked
        listener.shutdown(socket.SHUT_RDWR)


def connect(near: socket.socket) -> tuple[str, int]:
    """Take a ``CONNECT`` request."""
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        request += near.recv(1)
    method, target, _ = request.split(b" ", 2)
    assert method == b"CONNECT"
    assert base64.b64encode(f"{USER}:{PASSWORD}".encode()) in request
    near.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
    host, _, port = target.decode().rpartition(":")
    return host, int(port)


def socks(near: socket.socket) -> tuple[str, int]:
    """Take a SOCKS 5 request for a host name (RFC 1928), with a user name and a password (RFC 1929)."""
    near.recv(near.recv(2)[1])
    near.sendall(b"\x05\x02")
    user = near.recv(near.recv(2)[1]).decode()
    password = near.recv(near.recv(1)[0]).decode()
    assert (user, password) == (USER, PASSWORD)
    near.sendall(b"\x01\x00")
    assert near.recv(4) == b"\x05\x01\x00\x03"
    host = near.recv(near.recv(1)[0]).decode()
    port = int.from_bytes(near.recv(2))
    near.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
    return host, port


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
