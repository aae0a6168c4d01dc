"""Posts to a gateway as SDKs do, and with raw bytes on a socket; and the requests that official SDKs made.

``official_requests/*.json`` are requests of the official packages (Python ``contextcompany`` 2.0.0, npm
``@contextcompany/*``) as a server received them, with keys that belong to nobody.
"""

import base64
import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from support import children
from support.worlds import PATIENCE

REQUESTS = Path(__file__).parents[1] / "official_requests"
JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}
RUN = b'{"type":"run","run_id":"r-1"}'


TCC_RECORD = Path(sys.executable).with_name("tcc-record")


class Posted(NamedTuple):
    """A request of an official SDK; ``name`` is that of its file."""

    name: str
    path: str
    headers: dict[str, str]
    body: bytes

    def under(self, key: str) -> "Posted":
        """Return the same request with another API key."""
        headers = {name: value for name, value in self.headers.items() if name.lower() != "authorization"}
        return self._replace(headers={**headers, "Authorization": f"Bearer {key}"})


class Answer(NamedTuple):
    """What a server answered; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@cache
def official_requests() -> list[Posted]:
    """Return every request of the official packages."""
    return [
        Posted(file.stem, each["path"], dict(each["headers"]), base64.b64decode(each["body_base64"]))
        for file in sorted(REQUESTS.glob("*.json"))
        for each in json.loads(file.read_text())
    ]


def request(
    url: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = JSON, method: str = "POST"
) -> Answer:
    """Make one request on a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    try:
        connection.request(method, urlsplit(url).path + path, body, dict(headers))
        return read_answer(connection.getresponse())
    finally:
        connection.close()


def repeat(url: str, posted: Posted) -> Answer:
    """Make an official request again."""
    headers = {name: value for name, value in posted.headers.items() if name.lower() not in ("host", "content-length")}
    return request(url, posted.path, posted.body, headers)


def read_answer(response: http.client.HTTPResponse) -> Answer:
    """Read a whole answer."""
    body = response.read()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def serving(*arguments: str | Path, program: Sequence[str] = (), **options: Any) -> tuple[subprocess.Popen[str], str]:
    """Start ``tcc-record serve``, by another ``program`` if there is one; return the process, and the URL it tells."""
    command = [*program, TCC_RECORD, "serve", *arguments]
    process = children.start(command, stderr=subprocess.PIPE, text=True, **options)
    assert process.stderr is not None
    told = ""
    while "TCC_BASE_URL=" not in told:  # a connection that waited may be answered, and logged, before
        told = process.stderr.readline()
        assert told, "it has ended"
    return process, told.partition("TCC_BASE_URL=")[2].split()[0]


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    """Open a raw connection."""
    with socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=PATIENCE) as raw:
        yield raw


def head(url: str, *lines: str, path: str = "/v1/custom") -> bytes:
    """Return the head of a JSON post, with more header lines."""
    return "\r\n".join(
        (f"POST {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}", "Content-Type: application/json", *lines, "", "")
    ).encode()


def received_from(raw: socket.socket) -> Answer:
    """Read one answer from a raw connection."""
    response = http.client.HTTPResponse(raw)
    response.begin()
    return read_answer(response)
