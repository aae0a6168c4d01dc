"""Post one request body and return the answer.  Only this module connects to a server."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import cache
from ssl import SSLContext
from typing import Final, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from tcc_schemas.version import __version__
from tcc_uploader.boundary import Boundary

from .answers import Answer, decoded
from .progress import Progress
from .wire import Wire

_CONNECT: Final = 30.0
"""Seconds for each address of a host: after half of :class:`.progress.Patience`'s, the next one may do."""
_LAST_RESORT: Final = 900.0
"""Seconds without a byte after which a socket gives up by itself.  Others of its destination may move meanwhile."""
_IDLE: Final = 30.0
"""Seconds for which a connection without a request is kept."""
_HEADERS: Final = (
    (b"User-Agent", f"tcc-upload/{__version__}".encode()),
    (b"Accept-Encoding", b"identity"),  # bodies are not decompressed, and the text of a 409 matters
)
_LAST_PORT: Final = 65535
_MAX_ANSWER: Final = 64 * 1024  # bytes
_BROKEN: Final = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)
_FORESEEN: Final = (
    *_BROKEN,
    *(httpcore.UnsupportedProtocol, httpcore.ProxyError),
    *(httpx.UnsupportedProtocol, httpx.InvalidURL, OSError),
)
"""What a request may end with instead of an answer."""


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


class _Target:
    """A URL, and the connection on which requests are sent there."""

    def __init__(self, url: httpcore.URL, pool: httpcore.ConnectionPool, headers: list[tuple[bytes, bytes]]) -> None:
        self.url = url
        self.headers = headers
        self._pool = pool
        self._connection: httpcore.ConnectionInterface | None = None

    def connection(self) -> httpcore.ConnectionInterface:
        """Return the connection; a new one if the server, or anything on the way, may have closed the old one."""
        connection = self._connection
        if connection is None or not connection.is_available() or connection.has_expired():
            self.close()
            connection = self._connection = self._pool.create_connection(self.url.origin)
        return connection

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


class Client:
    """The connections of one thread.  A pool shared by threads would search all its connections for each request.

    This class uses httpcore's connections instead of ``httpx.Client``, which spends more than half of a request's
    processor time on cookies, redirects, authentication, merging headers and URLs, and choosing a connection: none of
    these is needed here.

    ``tls`` is called for the first https URL, not before: the environment may name a file that can't be used.
    """

    def __init__(self, tls: Callable[[], SSLContext] = httpx.create_ssl_context, wire: Wire | None = None) -> None:
        self.wire = wire or Wire()
        self._tls = tls
        self._targets: dict[str, _Target] = {}
        self._pool = cache(self._new_pool)

    def post(self, request: Request, progress: Progress | None = None, *, patience: float = _LAST_RESORT) -> Answer:
        """Send one request, and note in ``progress`` how far it has come.

        ``patience`` is the number of seconds without a byte after which it fails.  Raises no Exception: it is
        returned in the answer.
        """
        self.wire.progress = progress = progress or Progress(request.url, self.wire.clock())
        try:
            with Boundary(request.url, *_FORESEEN):
                return self._exchange(request, progress, patience)
        except Exception as error:  # noqa: BLE001 -- after any error, this attempt got no answer
            return Answer(error=error)

    def _exchange(self, request: Request, progress: Progress, patience: float) -> Answer:
        target = self._targets.get(request.url) or self._open(request.url)
        headers = [
            *target.headers,
            *([(b"Authorization", b"Bearer " + request.api_key.encode("ascii"))] if request.api_key else []),
            (b"Idempotency-Key", request.token.hex().encode()),
            (b"Content-Type", request.type.encode("ascii")),
            *([(b"Content-Encoding", request.encoding.encode("ascii"))] if request.encoding else []),
            (b"Content-Length", b"%d" % len(request.body)),
        ]
        extensions = {"timeout": {"connect": min(_CONNECT, patience), "read": patience, "write": patience}}
        prepared = httpcore.Request("POST", target.url, headers=headers, content=request.body, extensions=extensions)
        with closing(target.connection().handle_request(prepared)) as response:
            progress.head = self.wire.clock()
            return _answer(response)

    def close(self) -> None:
        """Close the connections."""
        for target in self._targets.values():
            target.close()

    def _open(self, text: str) -> _Target:
        url = httpx.URL(text)
        pool = self._pool(url.scheme, proxy_for(text))
        target = self._targets[text] = _Target(_core_url(url), pool, [(b"Host", url.netloc), *_HEADERS])
        return target

    def _new_pool(self, scheme: str, proxy: str | None) -> httpcore.ConnectionPool:
        """Return what makes connections for URLs of this scheme through this proxy, as httpx would."""
        try:
            tls = self._tls() if scheme == "https" else None
        except OSError as error:
            text = f"the certificates that SSL_CERT_FILE or SSL_CERT_DIR names can't be used: {error}"
            raise httpx.UnsupportedProtocol(text) from error
        if proxy is None:
            return httpcore.ConnectionPool(tls, keepalive_expiry=_IDLE, network_backend=self.wire)
        try:
            through = httpx.Proxy(proxy)
            if (through.url.port or 0) > _LAST_PORT:  # a socket would take another one
                raise ValueError(f"there is no port {through.url.port}")  # noqa: TRY301 -- handled as httpx's own
            url, auth = _core_url(through.url), through.raw_auth
            if through.url.scheme.startswith("socks"):
                return httpcore.SOCKSProxy(url, auth, tls, keepalive_expiry=_IDLE, network_backend=self.wire)
            return httpcore.HTTPProxy(url, auth, ssl_context=tls, keepalive_expiry=_IDLE, network_backend=self.wire)
        except (ValueError, RuntimeError) as error:  # the latter: the package for SOCKS is missing
            raise httpx.UnsupportedProtocol(f"the proxy of the environment can't be used: {error}") from error


def _core_url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment (``HTTPS_PROXY``, ``NO_PROXY``, …) sets for a URL; None if it sets none."""
    parts, proxies = urlsplit(url), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.hostname or ""):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _answer(response: httpcore.Response) -> Answer:
    body = _first_bytes(response.iter_stream())
    headers: dict[bytes, bytes] = {name.lower(): value for name, value in response.headers}
    text = decoded(body, _text(headers, b"content-encoding"))
    return Answer(
        response.status,
        _text(headers, b"retry-after"),
        _text(headers, b"location"),
        _text(headers, b"date"),
        body if text is None else text,
        type=_text(headers, b"content-type"),
        garbled=text is None,
        gateway=b"tcc-gateway" in headers,
    )


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def _first_bytes(chunks: Iterator[bytes]) -> bytes:
    """Read an answer's body up to the limits of size and time.  An incomplete body is no error: the status counts."""
    text = b""
    try:
        for chunk in chunks:
            text += chunk
            if len(text) > _MAX_ANSWER:
                break
    except _BROKEN:
        pass
    return text[:_MAX_ANSWER]
