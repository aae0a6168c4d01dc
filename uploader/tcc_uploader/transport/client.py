"""Post one request body, and return what came back.  The only module that talks to a server (and ``doctor``)."""

import time
from collections.abc import Iterator
from contextlib import closing
from ssl import SSLContext
from typing import Final, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from tcc_schemas.version import __version__

from .answers import Answer

ANSWER_TIMEOUT: Final = 60.0
"""Seconds from the start of a request to the end of its answer, however slowly it drips."""
_TIMEOUT: Final = {"timeout": httpx.Timeout(30.0, connect=10.0).as_dict()}
_LIMITS: Final = httpx.Limits(keepalive_expiry=30)
_HEADERS: Final = (
    (b"User-Agent", f"tcc-upload/{__version__}".encode()),
    (b"Accept-Encoding", b"identity"),  # answers are read as they come, and a 409 is judged by its text
    (b"Content-Type", b"application/json"),
)
_MAX_ANSWER: Final = 64 * 1024


class Request(NamedTuple):
    """One attempt: where to, with which key, which bytes; ``token`` is the idempotency key's 16 bytes."""

    url: str
    api_key: str
    body: bytes
    token: bytes


class _Target(NamedTuple):
    url: httpx.URL
    transport: httpx.HTTPTransport
    headers: list[tuple[bytes, bytes]]


class Client:
    """The connections of one thread: a pool that threads share looks at all its connections for each request.

    It works with httpx's transports, not with ``httpx.Client``: merging headers and URLs, cookies, redirects and
    authentication, of which nothing is wanted here, take a third of a request's processor time.
    """

    def __init__(self, tls: SSLContext) -> None:
        self._tls = tls
        self._targets: dict[str, _Target] = {}
        self._transports: dict[str | None, httpx.HTTPTransport] = {}
        """By the proxy that they go through."""

    def post(self, request: Request) -> Answer:
        """Send one request; what went wrong instead of an answer is an answer, too."""
        try:
            target = self._targets.get(request.url) or self._open(request.url)
            with closing(target.transport.handle_request(_prepared(target, request))) as response:
                return Answer(
                    response.status_code,
                    response.headers.get("Retry-After"),
                    response.headers.get("Location"),
                    _first_bytes(response.iter_raw()),
                )
        except Exception as error:  # noqa: BLE001 -- whatever happened, this attempt got no answer
            return Answer(error=error)

    def close(self) -> None:
        """Close the connections."""
        for transport in self._transports.values():
            transport.close()

    def _open(self, text: str) -> _Target:
        url, proxy = httpx.URL(text), proxy_for(text)
        transport = self._transports.get(proxy)
        if transport is None:
            try:
                transport = httpx.HTTPTransport(verify=self._tls, limits=_LIMITS, proxy=proxy)
            except (ValueError, ImportError) as error:
                raise httpx.UnsupportedProtocol(f"the proxy of the environment can't be used: {error}") from error
            self._transports[proxy] = transport
        target = self._targets[text] = _Target(url, transport, [(b"Host", url.netloc), *_HEADERS])
        return target


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for a URL (``HTTPS_PROXY``, ``NO_PROXY`` …); None if it is none."""
    parts, proxies = urlsplit(url), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.hostname or ""):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _prepared(target: _Target, request: Request) -> httpx.Request:
    headers = [
        *target.headers,
        (b"Authorization", b"Bearer " + request.api_key.encode("ascii")),
        (b"Idempotency-Key", request.token.hex().encode()),
        (b"Content-Length", b"%d" % len(request.body)),
    ]
    body = httpx.ByteStream(request.body)
    return httpx.Request("POST", target.url, headers=headers, stream=body, extensions=_TIMEOUT)


def _first_bytes(chunks: Iterator[bytes]) -> bytes:
    """Read the answer's body, up to a size and a time.  What matters is the status: a body cut short is no failure."""
    text = b""
    until = time.monotonic() + ANSWER_TIMEOUT
    try:
        for chunk in chunks:
            text += chunk
            if len(text) > _MAX_ANSWER or time.monotonic() > until:
                break
    except httpx.TransportError:
        pass
    return text[:_MAX_ANSWER]
