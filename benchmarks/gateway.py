"""The gateway: requests with bodies of 12 KB, beside a server that writes nothing."""

import os
import re
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from benchmarks.harness import Row, processor_seconds, ratios, row

_BARE = """
import socket
import uvicorn
from starlette.requests import Request
from starlette.responses import Response

async def app(scope, receive, send):
    await Request(scope, receive).body()
    await Response(b'{"ok":true}', media_type="application/json")(scope, receive, send)

listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print(f"TCC_BASE_URL=http://127.0.0.1:{listening.getsockname()[1]} ", flush=True)
config = uvicorn.Config(app, lifespan="off", ws="none", log_config=None, access_log=False, proxy_headers=False)
uvicorn.Server(config).run(sockets=[listening])
"""
GATEWAY = [str(Path(sys.executable).with_name("tcc-record")), "serve", "--port", "0"]
_SIZE = 12_000
"""Bytes of a body."""
_FEW, _MANY = 8, 256
"""Connections."""


class _Took(NamedTuple):
    """Seconds of the whole, processor seconds of the server, and seconds of each request."""

    seconds: float
    processor: float
    each: list[float]


def rows(quick: bool) -> Iterator[Row]:
    """Measure speed by turns, then the gateway's memory with many connections."""
    repetitions, count = (1, 200) if quick else (7, 8000)
    with tempfile.TemporaryDirectory() as folder, serving(GATEWAY, folder) as ours, serving(_bare(), folder) as bare:
        for server in (ours, bare):
            server.took(_FEW, min(count, 500))  # both are warm
        found = [(ours.took(_FEW, count), bare.took(_FEW, count)) for _ in range(repetitions)]
    speeds = [(count / a.seconds, count / b.seconds) for a, b in found]
    processors = [(a.processor / count, b.processor / count) for a, b in found]
    what = "uvicorn with starlette, which writes nothing"
    yield row(what, [bare_speed for _, bare_speed in speeds], unit="requests/s")
    yield row(
        "requests per second, kept alive", ratios(*map(list, zip(*speeds, strict=True))), limit=what, at_least=0.5
    )
    yield row(f"{what}: processor time of a request", [1e6 * least for _, least in processors], unit="us")
    yield row("processor time of a request", ratios(*map(list, zip(*processors, strict=True))), limit=what)
    tails = [statistics.quantiles(a.each, n=100)[98] / statistics.median(a.each) for a, _ in found]
    yield row("p99 of a request", tails, limit="its median", at_most=10)
    peaks = []
    for _ in range(1 if quick else 3):
        with tempfile.TemporaryDirectory() as folder, serving(GATEWAY, folder) as server:
            server.took(_MANY, 4 * _MANY if quick else 40 * _MANY)
            peaks.append(server.most_memory())
    yield row(f"memory at its most, {_MANY} connections", peaks, unit="MB", at_most=96)


def _bare() -> list[str]:
    return [sys.executable, "-c", _BARE]


class _Server(NamedTuple):
    """A server in a process of its own."""

    pid: int
    url: str

    def took(self, connections: int, count: int) -> _Took:
        """Post from so many connections, each of which waits for its answer before it posts again."""
        before = processor_seconds(self.pid)
        began = time.perf_counter()
        each = _post(self.url, connections, count)
        return _Took(time.perf_counter() - began, processor_seconds(self.pid) - before, each)

    def most_memory(self) -> float:
        """Return the most memory that the process had, in MB."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found
        return int(found[1]) * 1024 / 1e6


@contextmanager
def serving(command: list[str], spool: str) -> Iterator[_Server]:
    """Run a server that writes to this spool, or nowhere."""
    process = subprocess.Popen(
        command,
        env={**os.environ, "TCC_SPOOL_DIR": spool},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout
        yield _Server(process.pid, process.stdout.readline().partition("TCC_BASE_URL=")[2].split()[0])
    finally:
        process.terminate()
        process.communicate()


def _post(url: str, connections: int, count: int) -> list[float]:
    """Return how many seconds each of ``count`` requests took."""
    netloc = urlsplit(url).netloc
    head = (
        f"POST /v1/custom HTTP/1.1\r\nHost: {netloc}\r\nAuthorization: Bearer benchmark\r\n"
        f"Content-Type: application/json\r\nContent-Length: {_SIZE}\r\n\r\n"
    ).encode()
    each: list[float] = []
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        sent: dict[socket.socket, float] = {}
        answers: defaultdict[socket.socket, bytes] = defaultdict(bytes)
        number = 0

        def post(raw: socket.socket) -> None:
            nonlocal number
            number += 1
            body = b'{"type":"run","run_id":"%020d","response":"' % number
            sent[raw] = time.perf_counter()
            raw.sendall(head + body + b"x" * (_SIZE - len(body) - 2) + b'"}')

        for _ in range(connections):
            raw = stack.enter_context(socket.create_connection((urlsplit(url).hostname, urlsplit(url).port)))
            selector.register(raw, selectors.EVENT_READ)
            post(raw)
        while len(each) < count:
            for key, _ in selector.select():
                raw = key.fileobj
                assert isinstance(raw, socket.socket)
                answers[raw] += raw.recv(4096)
                if answers[raw].endswith(b'{"ok":true}'):  # else the rest comes
                    assert answers[raw].startswith(b"HTTP/1.1 200"), answers[raw]
                    answers[raw] = b""
                    each.append(time.perf_counter() - sent[raw])
                    if number < count:
                        post(raw)
    return each
