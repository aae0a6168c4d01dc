"""Post one request body and return the answer.  Only this module connects to a server."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from ssl import SSLContext
from typing import Final, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from tcc_schemas.version import __version__

from .answers import Answer, decoded

ANSWER_TIMEOUT: Final = 60.0
"""Seconds after which the rest of an answer's body is not read."""
_TIMEOUT: Final = {"timeout": httpx.Timeout(30.0, connect=10.0).as_dict()}
_LIMITS: Final = httpx.Limits(keepalive_expiry=30)
_HEADERS: Final = (
    (b"User-Agent", f"tcc-upload/{__version__}".encode()),
    (b"Accept-Encoding", b"identity"),  # bodies are not decompressed, and the text of a 409 matters
)
_MAX_ANSWER: Final = 64 * 1024  # bytes


class Request(NamedTuple):
    """One attempt to send ``body``.  ``token`` is the idempotency token, 16 bytes; ``api_key`` may be empty.

    ``type`` and ``encoding`` are the body's content type and content encoding.
    """

    url: str
    api_key: str
    body: bytes
    token: bytes
    type: str = "application/json"
    encoding: str | None = None


class _Target(NamedTuple):
    url: httpx.URL
    transport: httpx.HTTPTransport
    headers: list[tuple[bytes, bytes]]


class Client:
    """The connections of one thread.  A pool shared by threads would search all its connections for each request.

    This class uses httpx's transports instead of ``httpx.Client``, which spends a third of a request's processor time
    on cookies, redirects, authentication, and merging headers and URLs: none of these is needed here.

    ``tls`` is called for the first https URL, not before: the environment may name a file that can't be used.
    """

    def __init__(self, tls: Callable[[], SSLContext] = httpx.create_ssl_context) -> None:
        self._tls = tls
        self._target = cache(self._open)
        self._transports: dict[tuple[str, str | None], httpx.HTTPTransport] = {}
        """By scheme and proxy URL; None: a direct connection."""

    def post(self, request: Request) -> Answer:
        """Send one request.  Raises no Exception: it is returned in the answer."""
        try:
            target = self._target(request.url)
            headers = [
                *target.headers,
                *([(b"Authorization", b"Bearer " + request.api_key.encode("ascii"))] if request.api_key else []),
                (b"Idempotency-Key", request.token.hex().encode()),
                (b"Content-Type", request.type.encode("ascii")),
                *([(b"Content-Encoding", request.encoding.encode("ascii"))] if request.encoding else []),
                (b"Content-Length", b"%d" % len(request.body)),
            ]
            body = httpx.ByteStream(request.body)
            prepared = httpx.Request("POST", target.url, headers=headers, stream=body, extensions=_TIMEOUT)
            with closing(target.transport.handle_request(prepared)) as response:
                return _answer(response)
        except Exception as error:  # noqa: BLE001 -- after any error, this attempt got no answer
            return Answer(error=error)

    def close(self) -> None:
        """Close the connections."""
        for transport in self._transports.values():
            transport.close()

    def _open(self, text: str) -> _Target:
        url, proxy = httpx.URL(text), proxy_for(text)
        transport = self._transports.get((url.scheme, proxy))
        if transport is None:
            try:
                verify = self._tls() if url.scheme == "https" else False
                transport = httpx.HTTPTransport(verify=verify, limits=_LIMITS, proxy=proxy)
            except OSError as error:
                text = f"the certificates that SSL_CERT_FILE or SSL_CERT_DIR names can't be used: {error}"
                raise httpx.UnsupportedProtocol(text) from error
            except (ValueError, ImportError) as error:
                raise httpx.UnsupportedProtocol(f"the proxy of the environment can't be used: {error}") from error
            self._transports[url.scheme, proxy] = transport
        return _Target(url, transport, [(b"Host", url.netloc), *_HEADERS])


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment (``HTTPS_PROXY``, ``NO_PROXY``, …) sets for a URL; None if it sets none."""
    parts, proxies = urlsplit(url), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.hostname or ""):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _answer(response: httpx.Response) -> Answer:
    body, headers = _first_bytes(response.iter_raw()), response.headers
    text = decoded(body, headers.get("Content-Encoding"))
    return Answer(
        response.status_code,
        headers.get("Retry-After"),
        headers.get("Location"),
        headers.get("Date"),
        body if text is None else text,
        type=headers.get("Content-Type"),
        garbled=text is None,
        gateway="TCC-Gateway" in headers,
    )


def _first_bytes(chunks: Iterator[bytes]) -> bytes:
    """Read an answer's body up to the limits of size and time.  An incomplete body is no error: the status counts."""
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
