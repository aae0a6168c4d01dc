"""Who may post here.  Pure: a request's head in, a refusal out."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from hmac import compare_digest
from typing import Final, NamedTuple

from tcc_schemas.endpoints import LOOPBACK_HOSTS, checked_key, key_hint

from .answers import Answer, refused

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Address(NamedTuple):
    """Where the gateway listens."""

    scheme: str
    host: str
    port: int
    is_loopback: bool


def hosts_of(address: Address) -> frozenset[str]:
    """Return what a ``Host`` header may say."""
    names = {f"[{name}]" if ":" in name else name for name in (*LOOPBACK_HOSTS, address.host)}
    found = {f"{name}:{address.port}" for name in names}
    return frozenset(found | names if address.port == _DEFAULT_PORTS[address.scheme] else found)


def refusal_of(headers: Mapping[str, str], hosts: frozenset[str] | None) -> Answer | None:
    """Return the answer to a request that is refused by its headers alone; None if it is not.

    ``hosts`` are the allowed values of ``Host``; None allows any.  A web page that a browser shows could post here: it
    is told by ``Origin``, which no SDK sends, or by its own name in ``Host``, which it made to mean this machine (DNS
    rebinding).  ``Sec-Fetch-Mode`` tells nothing: Node's fetch sends it, too.
    """
    if headers.get("user-agent", "").lower().startswith("tcc-upload/"):
        return refused(
            508,
            "this is tcc-record's gateway: an uploader that posts here would take its own records for delivered; "
            "start it without the agent's TCC_BASE_URL",
        )
    if hosts is not None and headers.get("host", "").lower() not in hosts:
        return refused(421, f"the Host header must be one of {', '.join(sorted(hosts))}")
    if "origin" in headers:
        return refused(403, "requests of web pages are not taken")
    return None


def without_token(path: str, tokens: Iterable[str]) -> str | None:
    """Return the path behind ``/t/TOKEN``; None if that is not one of the tokens."""
    empty, _, rest = path.partition("/t/")
    token, slash, rest = rest.partition("/")
    found = [compare_digest(token.encode(), known.encode()) for known in tokens]  # each is compared, found or not
    return f"{slash}{rest}" if not empty and any(found) else None


@lru_cache(64)  # an agent has one key, and posts with it again and again
def hint_of(authorization: str | None) -> str | None:
    """Return the hint of the key in an ``Authorization`` header; None for the key that stands for none.

    Raises ValueError, which does not quote it, if there is no key in it.
    """
    scheme, _, key = (authorization or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise ValueError("a request came without a key")
    return key_hint(checked_key(key))
