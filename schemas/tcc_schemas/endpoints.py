"""Observatory's endpoints, and the origins to which an API key may be sent.

Source of the facts: the public ``contextcompany`` package, version 2.0.0, and its documentation.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from .switches import switch

if TYPE_CHECKING:
    from urllib.parse import SplitResult

PRODUCTION: Final = "https://api.thecontext.company"
DEVELOPMENT: Final = "https://dev.thecontext.company"
OFFICIAL_ORIGINS: Final = frozenset({PRODUCTION, DEVELOPMENT})
LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})

CUSTOM_PATH: Final = "/v1/custom"
FEEDBACK_PATH: Final = "/v1/feedback"
OTLP_PATHS: Final = frozenset({"/v1/traces", "/v1/otel-steps"})
"""The paths to which OpenTelemetry's spans are posted."""
PATHS: Final = frozenset(
    {
        CUSTOM_PATH,
        FEEDBACK_PATH,
        *("/v1/claude", "/v1/mastra", "/v1/pi", "/v1/openclaw"),
        *OTLP_PATHS,
    }
)
"""The paths to which the official packages post."""
OTHER_PATHS: Final = "/v1/[a-z0-9-]{1,64}"
"""A regular expression: the paths to which a later package may post.  No other is ever used."""

OFFLINE_KEY: Final = "tcc-offline"
"""Stands for no key, where a program insists on one."""

MAX_FEEDBACK_TEXT: Final = 2000
"""Characters."""

_USER_BEGINS: Final = re.compile("[^][@]*:[^][@]*[^][@0-9][^][@]*")
"""What would be a host and a port, were the port a number."""
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def can_be_path(path: str) -> bool:
    """Return whether a package, this one or a later one, may post to this path."""
    return re.fullmatch(OTHER_PATHS, path) is not None


def checked_key(text: str) -> str:
    """Return an API key without the blanks and line ends around it, which come with it from files.

    Raises ValueError, which does not quote it, if that is no key that can be sent in an HTTP header.
    """
    key = text.strip()
    if not (key.isascii() and key.isprintable()) or " " in key or "," in key:
        raise ValueError(
            "an API key can't hold blanks, commas, line breaks or characters beyond ASCII: check how it was copied"
        )
    return key


def key_hint(api_key: str) -> str | None:
    """Return the hint of a key, which records hold in place of the key: the first 8 hex digits of its sha256.

    None for an empty text and for :data:`OFFLINE_KEY`, which are no keys.
    """
    if api_key in ("", OFFLINE_KEY):
        return None
    import hashlib  # noqa: PLC0415 -- it loads OpenSSL, which an agent without a key does not need

    return hashlib.sha256(api_key.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _split(url: str) -> "SplitResult":
    from urllib.parse import urlsplit  # noqa: PLC0415 -- an agent that only records splits no URL

    return urlsplit(url)


def origin_of(url: str) -> str:
    """Return ``scheme://host[:port]``, lower case, without a default port.

    Raises ValueError if ``url`` is not an http or https URL with a host.
    """
    try:
        parts = _split(url)
        scheme, host, port = parts.scheme.lower(), (parts.hostname or "").lower(), parts.port
    except ValueError:  # brackets without an end, or a port that is no number
        scheme, host, port = "", "", None
    if scheme not in _DEFAULT_PORTS or not host:
        raise ValueError(f"[TCC] Invalid TCC base URL: {without_secrets(url)}")
    if ":" in host:
        host = f"[{host}]"
    return f"{scheme}://{host}" + (f":{port}" if port not in (None, 0, _DEFAULT_PORTS[scheme]) else "")


def without_secrets(url: str) -> str:
    """Return a URL without user name, password, query and fragment, also one that can't be parsed."""
    url = url.partition("#")[0].partition("?")[0]
    start = url.find("//") + 2 if "//" in url else 0
    host, slash, path = url[start:].partition("/")
    if _USER_BEGINS.fullmatch(host):  # a password with a slash in it: so it is no URL, and is told of
        host, slash, path = (host + slash + path).rpartition("@")[2].partition("/")
    return url[:start] + host.rpartition("@")[2] + slash + path


def is_loopback(url: str) -> bool:
    """Return whether the host of ``url`` is a loopback name of this machine."""
    return (_split(url).hostname or "").lower() in LOOPBACK_HOSTS


def checked_url(url: str, environment: Mapping[str, str]) -> str:
    """Return a configured URL in normal form: origin in lower case, without trailing slash, query and fragment.

    Raises ValueError for an origin that is neither official nor loopback, unless the environment has
    ``TCC_ALLOW_UNSAFE_BASE_URL=1``.  A key must not be sent to a host that was mistyped.
    """
    origin = origin_of(url)
    base = f"{origin}{_split(url).path.rstrip('/')}"
    if origin in OFFICIAL_ORIGINS or is_loopback(url) or _allows_unsafe(environment):
        return base
    raise ValueError(
        f"[TCC] Refusing unsafe TCC base URL ({base}). Use {PRODUCTION}, {DEVELOPMENT}, localhost, "
        "or set TCC_ALLOW_UNSAFE_BASE_URL=1 for self-hosted testing."
    )


def _allows_unsafe(environment: Mapping[str, str]) -> bool:
    try:
        return bool(switch(environment.get("TCC_ALLOW_UNSAFE_BASE_URL")))
    except ValueError as error:
        raise ValueError(f"[TCC] TCC_ALLOW_UNSAFE_BASE_URL: {error}") from error


def base_url(api_key: str | None, environment: Mapping[str, str]) -> str:
    """Return the URL that paths are appended to: ``TCC_BASE_URL``, else the server that belongs to the key's prefix.

    Raises ValueError if ``TCC_BASE_URL`` is unsafe or not a URL.
    """
    configured = environment.get("TCC_BASE_URL")
    if configured:
        return checked_url(configured, environment)
    return DEVELOPMENT if (api_key or "").lstrip().startswith("dev_") else PRODUCTION
