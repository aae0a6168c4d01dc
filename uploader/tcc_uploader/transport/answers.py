"""What a server's answer means for a record: one table, and the pure function that applies it.

===========================================  ==========================================================
answer                                       verdict
===========================================  ==========================================================
any with a ``TCC-Gateway`` header; 511;      pause the destination until an operator helps
3xx; 401, 402, 407; a certificate, key,
URL or proxy that can't be used
2xx with a web page, or with a body that     pause: a captive portal, a proxy, or a wrong URL
its Content-Encoding does not undo
any other 2xx; 409 that says the record      delivered; an OTLP server may say that it refused some spans,
exists                                       then partly refused
408, 425, 429, any other status or           retry (an outage; ``Retry-After`` is honoured up to 1 h)
transport error
413, 400, 422; 415                           refused for its content; of the first three a run's items are
                                             tried one by one
every other 4xx                              refused: by the record's fault or the server's?
===========================================  ==========================================================
"""

import re
import ssl
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final, NamedTuple

import httpcore
import httpx

from tcc_uploader.boundary import Boundary, UnexpectedError

from .otlp import PartlyRefused, partly_refused

MAX_RETRY_AFTER: Final = 3600.0
"""The longest wait in seconds; longer ones are shortened to it."""

_REMEDIES: Final = {
    401: "the server does not know this key: check TCC_API_KEY (or TCC_API_KEYS, --api-key-file)",
    402: "the server asks for a payment: look at the account",
    403: "the server forbids this key: check that it may write to this project",
    404: "nothing answers at this URL: check TCC_BASE_URL, TCC_URL and TCC_FEEDBACK_URL",
    405: "this URL takes no POST: check TCC_BASE_URL, TCC_URL and TCC_FEEDBACK_URL",
    407: "the proxy wants credentials: put them into HTTPS_PROXY",
    511: "the network wants a login: log in with a browser",
}
_PAUSES: Final = frozenset({401, 402, 407, 511})
_UNTRUSTED: Final = "the server's certificate does not verify: set SSL_CERT_FILE to your organisation's CA file"
_UNUSABLE: Final = (
    "this key, URL, proxy or certificate file can't be used: check HTTPS_PROXY, SSL_CERT_FILE and the like"
)
_MOST_EXPANSION: Final = 16
"""How many bytes each byte of an answer may become."""
_UNASKABLE: Final = (
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
    httpcore.UnsupportedProtocol,
    httpcore.LocalProtocolError,
)
_RETRIED: Final = frozenset({408, 425, 429})
_DIVISIBLE: Final = frozenset({400, 413, 422})
_CONTENT: Final = _DIVISIBLE | {415}
_PAGE: Final = re.compile(rb"(\xef\xbb\xbf)?\s*<")
_PAGE_REMEDY: Final = "a web page answered, not Observatory: log in to the network, or check the proxy and TCC_BASE_URL"
_GATEWAY_REMEDY: Final = (
    "this is a gateway that records, not Observatory: unset TCC_BASE_URL and TCC_URL, the agent's, here"
)
_EXISTS: Final = re.compile(rb"exist|duplicate|already", re.IGNORECASE)
_EXISTS_NOT: Final = re.compile(rb"(\bno\b|\bnot\b|n't|\bnever\b)(\s+\w+){0,2}\s+(exist|duplicate)", re.IGNORECASE)


_OWN: Final = re.compile(r"HTTP \d+|\w*ProtocolError")


class Answer(NamedTuple):
    """The answer to one request: a status, or the exception that was raised instead.

    ``retry_after``, ``location``, ``date`` and ``type`` (``Content-Type``) are unchanged header values, ``text`` is the
    beginning of the body, decompressed; ``garbled``: that was not possible.  ``gateway``: one of our own gateways
    answered.
    """

    status: int | None = None
    retry_after: str | None = None
    location: str | None = None
    date: str | None = None
    text: bytes = b""
    error: BaseException | None = None
    type: str | None = None
    garbled: bool = False
    gateway: bool = False

    @property
    def reason(self) -> str:
        """The answer as one short text for people."""
        if self.error is not None:
            return f"{type(self.error).__name__}: {self.error}".rstrip(": ")
        text = self.text[:200].decode(errors="replace").strip()
        return f"HTTP {self.status}" + (f": {text}" if text else "")


def without_words(reason: str) -> str:
    """Return an :attr:`Answer.reason` without what the server sent: that may quote a record."""
    found = _OWN.match(reason)
    return found[0] if found else reason


class Verdict(Enum):
    """What an answer means for the record."""

    DELIVERED = "delivered"
    RETRY = "retry"
    PAUSE = "pause"
    REFUSED_CONTENT = "refused for its content"
    REFUSED = "refused"


class Classified(NamedTuple):
    """A verdict.  ``wait``: seconds that the server asks to wait; ``remedy``: what an operator should do.

    ``divisible``: of a run with children, the items are tried one by one.  ``partly_refused``: what the server refused
    of a record that it took otherwise.
    """

    verdict: Verdict
    wait: float | None = None
    remedy: str = ""
    divisible: bool = False
    partly_refused: PartlyRefused | None = None


def classify(answer: Answer, now: datetime, *, is_otlp: bool = False) -> Classified:
    """Decide what ``answer`` means; ``now`` (UTC) is needed if ``Retry-After`` is a date.

    ``is_otlp``: OpenTelemetry's spans were posted.  An answer that nobody foresaw is an outage: it loses nothing.
    """
    try:
        with Boundary(f"an answer with status {answer.status}"):
            return _meaning(answer, now, is_otlp=is_otlp)
    except UnexpectedError:
        return Classified(Verdict.RETRY)


def _meaning(answer: Answer, now: datetime, *, is_otlp: bool) -> Classified:
    status = answer.status
    if status is None:
        return _of_error(answer.error)
    if answer.gateway:
        return Classified(Verdict.PAUSE, remedy=_GATEWAY_REMEDY)
    if httpx.codes.is_success(status):
        if _is_page(answer):
            return Classified(Verdict.PAUSE, remedy=_PAGE_REMEDY)
        part = partly_refused(answer.text) if is_otlp and not answer.garbled else None
        return Classified(Verdict.DELIVERED, partly_refused=part)
    if status in _PAUSES:
        return Classified(Verdict.PAUSE, remedy=_REMEDIES[status])
    if httpx.codes.is_redirect(status):
        target = answer.location or "nowhere"
        return Classified(Verdict.PAUSE, remedy=f"the server redirects to {target}: configure the final URL")
    if status == 409 and _EXISTS.search(answer.text) and not _EXISTS_NOT.search(answer.text):  # noqa: PLR2004 -- as in the table
        return Classified(Verdict.DELIVERED)
    if status in _CONTENT:
        return Classified(Verdict.REFUSED_CONTENT, divisible=status in _DIVISIBLE)
    if httpx.codes.is_client_error(status) and status not in _RETRIED:
        return Classified(Verdict.REFUSED, remedy=_REMEDIES.get(status, ""))
    return Classified(Verdict.RETRY, wait=_retry_after(answer.retry_after, now))


def _of_error(error: BaseException | None) -> Classified:
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in _chain(error)):
        return Classified(Verdict.PAUSE, remedy=_UNTRUSTED)
    if isinstance(error, _UNASKABLE):
        return Classified(Verdict.PAUSE, remedy=_UNUSABLE)
    return Classified(Verdict.RETRY)


def _is_page(answer: Answer) -> bool:
    """Whether a success is none: a web page, or bytes that can't be read as what they are said to be."""
    kind = (answer.type or "").lower()
    if "protobuf" in kind or not (answer.text or answer.garbled):
        return False
    return answer.garbled or kind.startswith("text/html") or _PAGE.match(answer.text) is not None


def decoded(body: bytes, encoding: str | None) -> bytes | None:
    """Return the beginning of an answer's body, of which ``body`` is the beginning as it was sent.

    None if its content encoding is unknown here, or is not that of these bytes.  (We ask for none; some proxies
    compress all the same.)
    """
    name = (encoding or "identity").strip().lower()
    if name in ("identity", "") or not body:
        return body
    if name not in ("gzip", "x-gzip", "deflate"):
        return None
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(body, len(body) * _MOST_EXPANSION)
    except zlib.error:
        return None


def _retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, at most an hour; None if it is missing or invalid."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER) if seconds == seconds else None  # noqa: PLR0124 -- NaN is no number


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
