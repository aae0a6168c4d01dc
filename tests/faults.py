"""What goes wrong on the way to a server, on loopback; and spools to send from.

``with FaultServer(behaviour) as server`` answers every request with what ``behaviour(request)`` returns: a
:class:`Reply`, or one of the misdeeds below (:func:`reset`, :func:`close`, :func:`hold`, …), which get the raw socket.
A request counts as stored from the moment it stands in ``server.requests``, whatever becomes of the answer.

``SegmentFile().run(…).feedback(…).seal().write(folder)`` writes a segment as a recorder would.
"""

import os
import platform
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import orjson
import trustme

from tcc_schemas.lines import Tally, crc_of, encode

AT = "2026-01-31T12:00:00.123Z"
KEY = "tcc_test_key_0123456789"
"""A key that is nobody's."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return orjson.loads(self.body)

    @property
    def key(self) -> str:
        """The API key."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    @property
    def ids(self) -> list[str]:
        """The ids of the items in the body, in their order."""
        return ids_of(self.json)


@dataclass(frozen=True, slots=True)
class Reply:
    """An ordinary answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"ok":true}'

    def head(self, length: int | None = None) -> bytes:
        """Return the status line and the headers, for a body of ``length`` bytes (default: as long as it is)."""
        members = {"Content-Length": str(len(self.body) if length is None else length), **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in members.items())
        return f"HTTP/1.1 {self.status} Whatever\r\n{lines}\r\n".encode()


Misdeed = Callable[["Connection"], None]
Behaviour = Callable[[Request], Reply | Misdeed]


class Connection:
    """A raw connection, for misdeeds.  ``stopping`` is set when the server ends."""

    def __init__(self, raw: socket.socket, stopping: threading.Event) -> None:
        self._raw = raw
        self.stopping = stopping

    def send(self, data: bytes) -> None:
        """Send bytes; a client that went away is no news."""
        try:
            self._raw.sendall(data)
        except OSError:
            self.stopping.wait(0)

    def close(self, *, reset: bool = False) -> None:
        """Close now: with FIN, or with RST."""
        if reset:
            self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            self._raw.shutdown(socket.SHUT_RDWR)
        os.close(self._raw.detach())


def reset(connection: Connection) -> None:
    """Tear the connection down with RST instead of an answer: the record is stored, its sender doesn't know."""
    connection.close(reset=True)


def close(connection: Connection) -> None:
    """Close the connection politely, without an answer."""
    connection.close()


def hold(event: threading.Event | None = None, reply: Reply | None = None) -> Misdeed:
    """Don't answer until ``event`` (default: until the server ends); then send ``reply``, or close."""

    def misdeed(connection: Connection) -> None:
        while not connection.stopping.is_set() and not (event and event.wait(0.01)):
            connection.stopping.wait(0.01)
        if reply is not None and not connection.stopping.is_set():
            connection.send(reply.head() + reply.body)
        connection.close()

    return misdeed


def drip(reply: Reply, seconds: float = 0.05, *, head: bool = False) -> Misdeed:
    """Send the body (with ``head``: the headers too) one byte at a time."""

    def misdeed(connection: Connection) -> None:
        whole = reply.head() + reply.body
        start = 0 if head else len(reply.head())
        connection.send(whole[:start])
        for position in range(start, len(whole)):
            if connection.stopping.wait(seconds):
                break
            connection.send(whole[position : position + 1])
        connection.close()

    return misdeed


def truncated(reply: Reply, missing: int = 100) -> Misdeed:
    """Promise a body that is longer by ``missing`` bytes than what is sent."""

    def misdeed(connection: Connection) -> None:
        connection.send(reply.head(len(reply.body) + missing) + reply.body)
        connection.close()

    return misdeed


def garbage(connection: Connection) -> None:
    """Answer with something that is no HTTP."""
    connection.send(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
    connection.close()


def huge(size: int, status: int = 200) -> Reply:
    """Answer with a body of ``size`` bytes."""
    return Reply(status, body=b"x" * size)


def redirect(location: str, status: int = 307) -> Reply:
    """Send the client elsewhere."""
    return Reply(status, {"Location": location})


def retry_after(value: object, status: int = 503) -> Reply:
    """Ask to wait: seconds, or a datetime in UTC."""
    text = format_datetime(value, usegmt=True) if hasattr(value, "tzinfo") else str(value)
    return Reply(status, {"Retry-After": text}, b"busy")


def ok(_: Request) -> Reply:
    """Accept everything."""
    return Reply()


def always(reply: Reply | Misdeed) -> Behaviour:
    """Answer everything in the same way."""
    return lambda _: reply


class FaultServer:
    """A threaded HTTP/1.1 server on loopback that keeps every request and misbehaves as told.

    ``behaviour`` may be replaced at any time.  With ``tls`` it has a certificate from a CA that no client trusts
    (``server.authority`` is that CA).
    """

    def __init__(self, behaviour: Behaviour = ok, *, tls: bool = False, port: int = 0) -> None:
        self.behaviour = behaviour
        self.authority = trustme.CA() if tls else None
        self.connections = 0
        """Connections accepted so far."""
        self._requests: list[Request] = []
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        context = None
        if self.authority is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        self._server = _Server(port, self, context)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End; connections that are held are closed, and the port refuses from now on."""
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{'https' if self.authority else 'http'}://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[Request]:
        """Every request so far, in the order in which they were complete."""
        with self._changed:
            return list(self._requests)

    @property
    def ids(self) -> list[list[str]]:
        """The ids in each request, in order."""
        return [request.ids for request in self.requests]

    def clear(self) -> None:
        """Forget the requests."""
        with self._changed:
            self._requests.clear()

    def wait_for(self, condition: Callable[[], object], timeout: float = 10.0) -> None:
        """Wait until ``condition()`` is true; fail after ``timeout`` seconds."""
        until = time.monotonic() + timeout
        with self._changed:
            while not condition():
                left = until - time.monotonic()
                assert left > 0, f"waited {timeout} s in vain; {len(self._requests)} requests came"
                self._changed.wait(min(left, 0.02))

    def _take(self, request: Request) -> Reply | Misdeed:
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
        return self.behaviour(request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, owner: FaultServer, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.owner = owner
        self._context = context

    def get_request(self) -> tuple[Any, Any]:
        raw, address = super().get_request()
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.owner.connections += 1
        if self._context is not None:  # the handshake comes with the first read, in the connection's own thread
            raw = self._context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        return raw, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that goes away is part of the game."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        owner = self.server.owner
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # its sender died on the way
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = owner._take(Request(self.command, self.path, headers, body))
        if isinstance(reply, Reply):
            self.wfile.write(reply.head() + reply.body)
        else:
            self.close_connection = True
            reply(Connection(self.connection, owner._stopping))

    do_GET = do_POST  # noqa: N815 -- the base class's spelling

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        """Say nothing."""


def ids_of(value: Any) -> list[str]:
    """Return the ids of a wire value: an item, a batch, or feedback (its run's id)."""
    if "type" not in value:
        return [value["runId"]]
    items = value["items"] if value["type"] == "batch" else [value]
    return [item[f"{item['type']}_id"] for item in items]


def run_item(run_id: str, **more: object) -> dict[str, Any]:
    """Return a run's wire item."""
    return {"type": "run", "run_id": run_id, "start_time": AT, "end_time": AT, "status_code": 0, **more}


def step_item(run_id: str, step_id: str, **more: object) -> dict[str, Any]:
    """Return a step's wire item."""
    return {"type": "step", "run_id": run_id, "step_id": step_id, "start_time": AT, "end_time": AT, **more}


def tool_call_item(run_id: str, tool_call_id: str, **more: object) -> dict[str, Any]:
    """Return a tool call's wire item."""
    return {
        "type": "tool_call",
        "run_id": run_id,
        "tool_call_id": tool_call_id,
        "tool_name": "search",
        "start_time": AT,
        "end_time": AT,
        **more,
    }


def batch_of(*items: dict[str, Any]) -> dict[str, Any]:
    """Return a batch."""
    return {"type": "batch", "items": list(items)}


class SegmentFile:
    """A segment in the making.  Every method that adds a line returns the segment, so that they chain.

    By default it says that it was written on this machine since its last boot, as a live recorder's does.
    """

    def __init__(self, ident: str | None = None, *, host: str | None = None, boot_id: str | None = None) -> None:
        self.id = ident or str(uuid4())
        self.lines: list[bytes] = []
        self._tally = Tally()
        header = {
            "segment_id": self.id,
            "host": platform.node() if host is None else host,
            "boot_id": this_boot() if boot_id is None else boot_id,
            "pid": os.getpid(),
            "sdk_version": "0.1.0",
            "durability": "process",
        }
        self._add(encode("segment", self.id, orjson.dumps(header), at=AT), is_record=False)

    def record(
        self, kind: str, ident: str, body: object, *, run_id: str = "", path: str | None = "/v1/custom", **members: Any
    ) -> Self:
        """Add a line of any kind; ``body`` is bytes, or anything that JSON can hold."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        line = encode(kind, ident, data, at=AT, run_id=run_id or ident, path=path, **members)
        return self._add(line, is_record=path is not None)

    def run(self, run_id: str | None = None, *children: dict[str, Any], url: str | None = None, **item: Any) -> Self:
        """Add a run, alone or with its children; ``key_hint`` among the members names the key."""
        run_id = run_id or str(uuid4())
        hint = item.pop("key_hint", None)
        run = run_item(run_id, **item)
        return self.record("run", run_id, batch_of(run, *children) if children else run, url=url, key=hint)

    def step(self, run_id: str, step_id: str | None = None, **item: Any) -> Self:
        """Add a late step."""
        step_id = step_id or str(uuid4())
        return self.record("step", step_id, step_item(run_id, step_id, **item), run_id=run_id)

    def tool_call(self, run_id: str, tool_call_id: str | None = None, **item: Any) -> Self:
        """Add a late tool call."""
        tool_call_id = tool_call_id or str(uuid4())
        return self.record("tool_call", tool_call_id, tool_call_item(run_id, tool_call_id, **item), run_id=run_id)

    def feedback(self, run_id: str, score: str = "thumbs_up", **members: Any) -> Self:
        """Add feedback."""
        body = {"runId": run_id, "score": score}
        return self.record("feedback", str(uuid4()), body, run_id=run_id, path="/v1/feedback", **members)

    def raw(self, line: bytes) -> Self:
        """Add bytes that no tally knows of."""
        self.lines.append(line)
        return self

    def seal(self, *, refused: int = 0) -> Self:
        """Add the seal."""
        body = {"records": self._tally.records, "refused": refused, "crcs": self._tally.crcs}
        return self.raw(encode("seal", self.id, orjson.dumps(body), at=AT))

    @property
    def data(self) -> bytes:
        """The file's bytes."""
        return b"".join(self.lines)

    def write(self, folder: Path, name: str | None = None) -> Path:
        """Write the file, whole; return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / (name or f"20260131t120000z-{uuid4().hex[:16]}.jsonl")
        path.write_bytes(self.data)
        return path

    def _add(self, line: bytes, *, is_record: bool) -> Self:
        self._tally.add(crc_of(line), is_record=is_record)
        return self.raw(line)


def this_boot() -> str:
    """Return the kernel's boot id; empty if it has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
