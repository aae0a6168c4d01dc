"""A proxy before the object store that fails as stores and networks do: busy answers, bodies that break off."""

import threading
from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self


class Asked(NamedTuple):
    """A request: its method, its path with the query, and how many like it came before."""

    method: str
    path: str
    before: int


class Fault(NamedTuple):
    """What is done instead of passing an answer on: another answer, or its body up to some bytes, then nothing."""

    status: int = 0
    cut_at: int | None = None
    changed: Callable[[bytes], bytes] = lambda body: body
    """Returns the body that is passed on."""
    meanwhile: Callable[[], object] = lambda: None
    """What happens after the store has answered, and before the answer is passed on."""


class FaultyStore:
    """Passes requests on to the store at ``port``; ``fault`` decides about each, and may do something itself."""

    def __init__(self, port: int, fault: Callable[[Asked], Fault | None]) -> None:
        self.asked: list[Asked] = []
        self.fault = fault
        self._server = _Server(port, self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        """The port to which to send requests."""
        return self._server.server_port

    def take(self, method: str, path: str) -> Fault | None:
        """Note a request, and decide about it."""
        plain = path.partition("?")[0]
        before = sum((each.method, each.path.partition("?")[0]) == (method, plain) for each in self.asked)
        asked = Asked(method, path, before)
        self.asked.append(asked)
        return self.fault(asked)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, store: int, owner: FaultyStore) -> None:
        self.store, self.owner = store, owner
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that are killed leave, too."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.owner.take(self.command, self.path)
        if fault and fault.status:
            self._answer(fault.status, {}, b"<Error><Code>SlowDown</Code></Error>")
            return
        connection = HTTPConnection("127.0.0.1", self.server.store)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        left_out = ("connection", "date", "server")
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in left_out}
        if fault:
            fault.meanwhile()
            data = fault.changed(data)
            if self.command != "HEAD":
                kept["Content-Length"] = str(len(data))
        self._answer(answer.status, kept, data, None if fault is None else fault.cut_at)

    def _answer(self, status: int, headers: dict[str, str], body: bytes, cut_at: int | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut_at])
        self.close_connection = cut_at is not None

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815 -- the base class's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        """Log nothing."""
