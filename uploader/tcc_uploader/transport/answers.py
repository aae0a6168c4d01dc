"""What a server's answer means for a record: one table, and the pure function that applies it.

===========================================  ==========================================================
answer                                       verdict
===========================================  ==========================================================
2xx; 409 that says the record exists         delivered
2xx with a web page                          pause: a captive portal, a proxy, or a wrong URL
408, 425, 429, any other status or           retry (an outage; ``Retry-After`` is honoured up to 1 h)
transport error
401, 403, 404, 405, 407, 3xx, certificate,   pause the destination until an operator helps
a key, URL or proxy that can't be used
413, 400, 422                                refused, divisible: a run's items are tried one by one
other 4xx                                    refused
===========================================  ==========================================================
"""

import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final, NamedTuple

import httpx

MAX_RETRY_AFTER: Final = 3600.0
"""The longest wait in seconds; longer ones are shortened to it."""

_REMEDIES: Final = {
    401: "the server does not know this key: check TCC_API_KEY (or TCC_API_KEYS, --api-key-file)",
    403: "the server forbids this key: check that it may write to this project",
    404: "nothing answers at this URL: check TCC_BASE_URL, TCC_URL and TCC_FEEDBACK_URL",
    405: "this URL takes no POST: check TCC_BASE_URL, TCC_URL and TCC_FEEDBACK_URL",
    407: "the proxy wants credentials: put them into HTTPS_PROXY",
}
_UNTRUSTED: Final = "the server's certificate does not verify: set SSL_CERT_FILE to your organisation's CA file"
_UNUSABLE: Final = "this key, URL, proxy or certificate file can't be used: check them"
_RETRIED: Final = frozenset({408, 425, 429})
_DIVISIBLE: Final = frozenset({400, 413, 422})
_PAGE: Final = re.compile(rb"\s*<(!doctype\s+html|html)", re.IGNORECASE)
_PAGE_REMEDY: Final = "a web page answered, not Observatory: log in to the network, or check the proxy and TCC_BASE_URL"
_EXISTS: Final = re.compile(rb"exist|duplicate|already", re.IGNORECASE)


class Answer(NamedTuple):
    """The answer to one request: a status, or the exception that was raised instead.

    ``retry_after`` and ``location`` are unchanged header values, ``text`` the first bytes of the body.
    """

    status: int | None = None
    retry_after: str | None = None
    location: str | None = None
    text: bytes = b""
    error: BaseException | None = None

    @property
    def reason(self) -> str:
        """The answer as one short text for people."""
        if self.error is not None:
            return f"{type(self.error).__name__}: {self.error}".rstrip(": ")
        text = self.text[:200].decode(errors="replace").strip()
        return f"HTTP {self.status}" + (f": {text}" if text else "")


class Verdict(Enum):
    """What an answer means for the record."""

    DELIVERED = "delivered"
    RETRY = "retry"
    PAUSE = "pause"
    REFUSED = "refused"
    REFUSED_DIVISIBLE = "refused, divisible"


class Classified(NamedTuple):
    """A verdict.  ``wait``: seconds that the server asks to wait; ``remedy``: what an operator should do."""

    verdict: Verdict
    wait: float | None = None
    remedy: str = ""


def classify(answer: Answer, now: datetime) -> Classified:
    """Decide what ``answer`` means; ``now`` (UTC) is needed if ``Retry-After`` is a date."""
    status = answer.status
    if status is None:
        if any(isinstance(error, ssl.SSLCertVerificationError) for error in _chain(answer.error)):
            return Classified(Verdict.PAUSE, remedy=_UNTRUSTED)
        if isinstance(answer.error, httpx.UnsupportedProtocol | httpx.LocalProtocolError | httpx.InvalidURL):
            return Classified(Verdict.PAUSE, remedy=_UNUSABLE)
        return Classified(Verdict.RETRY)
    if httpx.codes.is_success(status) and _PAGE.match(answer.text):
        return Classified(Verdict.PAUSE, remedy=_PAGE_REMEDY)
    if httpx.codes.is_success(status) or (status == 409 and _EXISTS.search(answer.text)):  # noqa: PLR2004 -- as in the table
        return Classified(Verdict.DELIVERED)
    if status in _REMEDIES:
        return Classified(Verdict.PAUSE, remedy=_REMEDIES[status])
    if httpx.codes.is_redirect(status):
        target = answer.location or "nowhere"
        return Classified(Verdict.PAUSE, remedy=f"the server redirects to {target}: configure the final URL")
    if status in _DIVISIBLE:
        return Classified(Verdict.REFUSED_DIVISIBLE)
    if httpx.codes.is_client_error(status) and status not in _RETRIED:
        return Classified(Verdict.REFUSED)
    return Classified(Verdict.RETRY, wait=_retry_after(answer.retry_after, now))


def _retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, at most an hour; None if it is missing or invalid."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER) if seconds == seconds else None  # noqa: PLR0124 -- NaN is no number


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
