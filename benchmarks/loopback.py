"""Servers on the loopback interface for clients to wait for."""

import contextlib
import multiprocessing
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DOWN = "http://127.0.0.1:9"
"""The URL of a server that is not there: connections are refused."""


@contextlib.contextmanager
def answering() -> Iterator[str]:
    """Give the URL of a server, in a process of its own, that takes everything at once."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    server = context.Process(target=_serve, args=(its,), daemon=True)
    server.start()
    yield f"http://127.0.0.1:{ours.recv()}"
    server.terminate()
    server.join()


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """Give the URL of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _serve(pipe: Any) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    pipe.send(server.server_port)
    server.serve_forever()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
