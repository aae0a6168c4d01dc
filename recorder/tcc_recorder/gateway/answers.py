"""What senders hear.  Pure: the answers, and how they are sent in ASGI.

OTLP's answer to what was recorded is an empty message, which says that nothing was rejected.  No SDK reads the others.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, Final, NamedTuple

import orjson

from .content import JSON, PROTOBUF
from .endpoints import Endpoint

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

TEXT: Final = "text/plain; charset=utf-8"
METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format."""


class Answer(NamedTuple):
    """An answer; ``why`` something is refused stands in its body, too.

    ``again`` is whether the sender may try once more, on another connection.
    """

    status: int
    media_type: str
    body: bytes
    why: str = ""
    closes: bool = False
    again: bool = False

    async def send(self, send: Send) -> None:
        """Send it."""
        headers = [(b"content-type", self.media_type.encode()), (b"content-length", b"%d" % len(self.body))]
        if self.closes:
            headers.append((b"connection", b"close"))
        if self.again:
            headers.append((b"retry-after", b"1"))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


_OK: Final = Answer(200, JSON, b'{"ok":true}')
_OTLP: Final = {JSON: Answer(200, JSON, b"{}"), PROTOBUF: Answer(200, PROTOBUF, b"")}


def recorded(endpoint: Endpoint, media_type: str) -> Answer:
    """Return what the sender of a recorded post expects."""
    return _OTLP[media_type] if endpoint.is_otlp else _OK


def refused(status: int, why: str) -> Answer:
    """Return the answer to what is not recorded; ``why`` says what to do."""
    return Answer(status, JSON, orjson.dumps({"error": why}), why)


def busy(status: int, why: str) -> Answer:
    """Return the answer to what could be taken a moment later."""
    return refused(status, why)._replace(closes=True, again=True)


def header_map(raw: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Return headers by name, in lower case; one that is given twice has both values, with a comma between."""
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
