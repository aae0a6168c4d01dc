"""A small server on loopback that replaces Observatory in demos and tests.  It stores all items, also repeated ones."""

import hashlib
import sqlite3
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
from pydantic import TypeAdapter, ValidationError

from tcc_schemas.endpoints import CUSTOM_PATH, FEEDBACK_PATH, PATHS
from tcc_schemas.items import Batch, Feedback, Item

_MAX_BODY: Final = 256 * 1024 * 1024
_MODELS: Final[dict[str, TypeAdapter[Any]]] = {
    CUSTOM_PATH: TypeAdapter(Item | Batch),
    FEEDBACK_PATH: TypeAdapter(Feedback),
}

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS receipts (
    number INTEGER PRIMARY KEY, at TEXT, request INTEGER, path TEXT, kind TEXT, id TEXT, run_id TEXT,
    digest TEXT, idempotency_key TEXT, body BLOB
)
"""
NEXT_REQUEST: Final = "SELECT coalesce((SELECT request FROM receipts ORDER BY number DESC LIMIT 1), 0) + 1"
"""The newest row has the highest number of a request; to look for the maximum would read every row."""


class _Received(NamedTuple):
    kind: str
    id: str | None
    run_id: str | None
    body: bytes


class Receipts:
    """Every item that was accepted, in SQLite: one row each time that an item arrives.

    The constructor raises OSError if the file can't be opened, or is not an SQLite file.
    """

    def __init__(self, database: Path | str) -> None:
        self._lock = threading.Lock()
        try:
            self._database = sqlite3.connect(database, check_same_thread=False)
            self._database.execute("PRAGMA synchronous=OFF")
            self._database.execute(_TABLE)
        except sqlite3.Error as error:
            raise OSError(f"can't keep receipts in {database}: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def add(self, path: str, token: str, received: list[_Received]) -> None:
        """Store what one request held.  ``token`` is its ``Idempotency-Key``: the id of what has no id."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._lock, self._database:
            [request] = self._database.execute(NEXT_REQUEST).fetchone()
            for kind, ident, run_id, body in received:
                digest = hashlib.sha256(body).hexdigest()[:16]
                row = (at, request, path, kind, ident or token or digest, run_id, digest, token, body)
                self._database.execute("INSERT INTO receipts VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def counts(self) -> list[tuple[str, str, str, int]]:
        """Return (kind, id, digest, how often it arrived) of each item, oldest first."""
        with self._lock:
            return self._database.execute(
                "SELECT kind, id, digest, count(*) FROM receipts GROUP BY kind, id, digest ORDER BY min(number)"
            ).fetchall()

    def table(self) -> str:
        """Return the counts as text, for people."""
        counts = self.counts()
        lines = [f"{times:>3} x  {kind:<9}  {ident}  {digest}" for kind, ident, digest, times in counts]
        repeated = sum(times > 1 for *_, times in counts)
        return "\n".join([*lines, f"{len(counts)} different items received, {repeated} of them more than once"])


class Sandbox(ThreadingHTTPServer):
    """The server.  It accepts only the API key ``key``; any key if ``key`` is None."""

    daemon_threads = True

    def __init__(self, port: int, receipts: Receipts, key: str | None = None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.receipts = receipts
        self.key = key

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has gone: it was killed, or has given up."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Sandbox
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def parse_request(self) -> bool:
        """Read the head of a request; refuse one that a web page may have made."""
        if not super().parse_request():
            return False
        if _is_public(self.headers.get("Host", "")):
            self.send_error(421, "this sandbox answers to names of this machine alone")
            return False
        return True

    def do_GET(self) -> None:
        """Show what was received, as text."""
        self._answer(200, self.server.receipts.table() + "\n")

    def do_POST(self) -> None:
        """Take one item, a batch, or feedback."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _MAX_BODY))
        scheme, _, key = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not key or self.server.key not in (None, key):
            self._answer(401, "this API key is not known")
            return
        token, model = self.headers.get("Idempotency-Key", ""), _MODELS.get(self.path)
        if self.path not in PATHS:
            self._answer(404, f"nothing at {self.path}")
            return
        if model is None:  # what other packages post is kept as it is
            self.server.receipts.add(self.path, token, [_Received(self.path.removeprefix("/v1/"), None, None, body)])
            self._answer(200, "" if "protobuf" in self.headers.get("Content-Type", "") else "{}")
            return
        try:
            value = orjson.loads(body)
            model.validate_python(value)
        except orjson.JSONDecodeError as error:
            self._answer(400, f"not JSON: {error}")
        except ValidationError as error:
            self._answer(422, error.json(include_url=False, include_input=False))
        else:
            items = value["items"] if value.get("type") == "batch" else [value]
            self.server.receipts.add(self.path, token, [_received(item) for item in items])
            self._answer(200, '{"ok":true}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        """Log nothing: the receipts show what arrived."""

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if text.startswith(("{", "[")) else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _is_public(host: str) -> bool:
    """Whether anybody may own the name in this ``Host`` header, and let it lead to loopback, to read what is here."""
    name = host.partition(":")[0].lower().rstrip(".")
    is_address = name.startswith("[") or name.replace(".", "").isdigit()
    return "." in name and not is_address and not name.endswith((".internal", ".local", ".localhost"))


def _received(item: dict[str, Any]) -> _Received:
    kind = item.get("type", "feedback")
    body = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    return _Received(kind, item.get(f"{kind}_id"), item.get("run_id") or item.get("runId"), body)
