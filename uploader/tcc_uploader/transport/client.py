"""Post one request body, and return the answer.  Only this module and ``doctor`` talk to a server."""

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
"""Seconds that reading an answer's body may take, however slowly it comes."""
_TIMEOUT: Final = {"timeout": httpx.Timeout(30.0, connect=10.0).as_dict()}
_LIMITS: Final = httpx.Limits(keepalive_expiry=30)
_HEADERS: Final = (
    (b"User-Agent", f"tcc-upload/{__version__}".encode()),
    (b"Accept-Encoding", b"identity"),  # answers are read as they come, and a 409 is judged by its text
    (b"Content-Type", b"application/json"),
)
_MAX_ANSWER: Final = 64 * 1024


class Request(NamedTuple):
    """One attempt to send ``body``; ``token`` is the idempotency key, 16 bytes."""

    url: str
    api_key: str
    body: bytes
    token: bytes


class _Target(NamedTuple):
    url: httpx.URL
    transport: httpx.HTTPTransport
    headers: list[tuple[bytes, bytes]]


class Client:
    """The connections of one thread: a pool shared by threads would search all its connections for each request.

    It uses httpx's transports, not ``httpx.Client``, which spends a third of a request's processor time on cookies,
    redirects, authentication, and merging headers and URLs.  None of these is needed here.
    """

    def __init__(self, tls: SSLContext) -> None:
        self._tls = tls
        self._targets: dict[str, _Target] = {}
        self._transports: dict[str | None, httpx.HTTPTransport] = {}
        """By proxy; None is a direct connection."""

    def post(self, request: Request) -> Answer:
        """Send one request.  Raises nothing: an error is returned as an answer."""
        try:
            target = self._targets.get(request.url) or self._open(request.url)
            headers = [
                *target.headers,
                (b"Authorization", b"Bearer " + request.api_key.encode("ascii")),
                (b"Idempotency-Key", request.token.hex().encode()),
                (b"Content-Length", b"%d" % len(request.body)),
            ]
            body = httpx.ByteStream(request.body)
            prepared = httpx.Request("POST", target.url, headers=headers, stream=body, extensions=_TIMEOUT)
            with closing(target.transport.handle_request(prepared)) as response:
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
    """Return the proxy for a URL by the environment (``HTTPS_PROXY``, ``NO_PROXY`` …); None if there is none."""
    parts, proxies = urlsplit(url), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.hostname or ""):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _first_bytes(chunks: Iterator[bytes]) -> bytes:
    """Read an answer's body, as far as size and time allow.  A body cut short is no failure: the status counts."""
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
