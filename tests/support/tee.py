"""Runs a program, and keeps what it posts to ``TCC_BASE_URL`` on its way there: ``python tee.py FILE COMMAND …``.

Under ``tcc-record run`` this stands between an SDK and the gateway, around ``tcc-upload`` between the uploader and a
server.  :func:`posts` reads the file: a post for each request that was answered with success.
"""

import http.client
import json
import os
import subprocess
import sys
import threading
from base64 import b64decode, b64encode
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

PATIENCE = 100.0  # seconds
OWN = {"host", "connection", "content-length", "transfer-encoding"}
"""Headers that belong to one connection."""


class Post(NamedTuple):
    """What was posted: a path, the headers that say what the body is, and the body as it was sent."""

    path: str
    type: str | None
    encoding: str | None
    body: bytes


def posts(file: Path) -> list[Post]:
    """Return what was posted, sorted."""
    rows = map(json.loads, file.read_text().splitlines() if file.exists() else ())
    return sorted((Post(path, kind, encoding, b64decode(body)) for path, kind, encoding, body in rows), key=repr)


class _Tee(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    upstream: str
    file: Path
    lock = threading.Lock()

    def do_POST(self) -> None:
        """Pass a request on, and its answer back."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kept = {name: value for name, value in self.headers.items() if name.lower() not in OWN}
        try:
            with closing(http.client.HTTPConnection(self.upstream, timeout=PATIENCE)) as connection:
                connection.request("POST", self.path, body, kept)
                answer = connection.getresponse()
                text = answer.read()
        except (OSError, http.client.HTTPException):  # the gateway was killed
            self.send_error(502)
            return
        if answer.status // 100 == 2:
            row = (self.path, self.headers["Content-Type"], self.headers["Content-Encoding"], b64encode(body).decode())
            with self.lock, self.file.open("a") as file:
                file.write(json.dumps(row) + "\n")
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in OWN:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        """Log nothing."""


def main(file: str, *command: str) -> int:
    """Run the command, and return its exit code."""
    _Tee.file, _Tee.upstream = Path(file), urlsplit(os.environ["TCC_BASE_URL"]).netloc
    with ThreadingHTTPServer(("127.0.0.1", 0), _Tee) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        code = subprocess.run(command, env=os.environ | {"TCC_BASE_URL": url}, check=False).returncode
        server.shutdown()
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
