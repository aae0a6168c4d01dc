"""Every way in which the server of the kill campaign treats a request that it has read."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from support.faults import (
    Connection,
    Misdeed,
    Reply,
    Request,
    close,
    drip,
    garbage,
    hold,
    huge,
    redirect,
    reset,
    retry_after,
    truncated,
)
from torture.links import LINKS


class Act(NamedTuple):
    """What is done with a request: whether it is stored, whether its sender learns of that, and the answer."""

    stores: bool
    tells: bool
    answer: Reply | Misdeed


class Occasion(NamedTuple):
    """What an act may depend on: the request, where redirects point to, and the end of the request's sender."""

    request: Request
    elsewhere: str
    gone: threading.Event


Answering = Callable[[Occasion], Reply | Misdeed]


def _redirect(occasion: Occasion) -> Reply:
    return redirect(f"{occasion.elsewhere}/v1/custom")


def _in_a_second(_: Occasion) -> Reply:
    return retry_after(datetime.now(UTC) + timedelta(seconds=1), 429)


def _credentials(occasion: Occasion) -> bytes:
    return occasion.request.headers["authorization"].encode()


def _echo(status: int) -> Answering:
    """Quote the request's key in the answer's body."""
    return lambda occasion: Reply(status, body=b"you sent " + _credentials(occasion))


def _echo_redirect(occasion: Occasion) -> Reply:
    return redirect(f"{occasion.elsewhere}/login?key={occasion.request.key}", 302)


def _echo_garbage(occasion: Occasion) -> Misdeed:
    """Quote the key where the status line should be: it then stands in the text of the client's exception."""

    def misdeed(connection: Connection) -> None:
        connection.send(_credentials(occasion) + b" is what you sent\r\n\r\n")
        connection.close()

    return misdeed


def _page(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Answering:
    return lambda _: Reply(status, headers or {}, body)


_DELIVERED: Final[Mapping[str, Answering]] = {
    "ok": lambda _: Reply(),
    "drip": lambda _: drip(Reply(), 0.01),
    "drip headers": lambda _: drip(Reply(), 0.005, head=True),
    "truncated": lambda _: truncated(Reply()),
    "huge": lambda _: huge(1_000_000),
    "echo 200": _echo(200),
}
_ANSWER_LOST: Final[Mapping[str, Answering]] = {
    "reset": lambda _: reset,
    "close": lambda _: close,
    "garbage": lambda _: garbage,
    "echo garbage": _echo_garbage,
    "never": lambda occasion: hold(occasion.gone),
    "stored 502": lambda _: Reply(502),
}
_NOT_STORED: Final[Mapping[str, Answering]] = {
    "503": lambda _: Reply(503),
    "echo 503": _echo(503),
    "huge 500": lambda _: huge(1_000_000, 500),
    "413": lambda _: Reply(413),
    "404 at random": lambda _: Reply(404),
    "404 by content": lambda _: Reply(404),
    "echo 403": _echo(403),
    "429 seconds": lambda _: retry_after(1, 429),
    "429 date": _in_a_second,
    **{f"firewall {status}": _echo(status) for status in (400, 403, 451, 500)},
}
_NOT_THE_SERVER: Final[Mapping[str, Answering]] = {
    "401": lambda _: Reply(401),
    "redirect": _redirect,
    "echo 401": _echo(401),
    "echo redirect": _echo_redirect,
    "portal by type": _page(200, b"Welcome to our hotel!", {"Content-Type": "text/html; charset=utf-8"}),
    "portal by text": _page(200, b"\xef\xbb\xbf\r\n \t<html><body>Log in</body></html>"),
    "portal in br": _page(200, b"\x0b\x02\x80log in\x03", {"Content-Encoding": "br"}),
    "portal in no gzip": _page(200, b"log in", {"Content-Encoding": "gzip"}),
    "portal redirect": lambda occasion: redirect(f"{occasion.elsewhere}/login", 302),
    "portal 511": _page(511, b"<html>Log in</html>"),
}

OPERATOR: Final = tuple(_NOT_THE_SERVER)
"""These pause a destination for minutes: only the end of the daemon ends them."""
ACTS: Final = tuple(
    name
    for name in (*_DELIVERED, *_ANSWER_LOST, *_NOT_STORED)
    if name not in ("ok", "413", "404 by content") and not name.startswith("firewall")
)
"""What may happen to any request by chance.  The others depend on the request."""
MODES: Final = ("ok", "ok", "mixed", "mixed", "mixed", "413", "404 by content", "down", *OPERATOR, *ACTS, *LINKS)
"""How a generation of the uploader is treated; ``down``: nobody listens."""


def act(name: str, occasion: Occasion) -> Act:
    """Return what is done with a request, and how it is answered."""
    if name in _DELIVERED:
        return Act(stores=True, tells=True, answer=_DELIVERED[name](occasion))
    if name in _ANSWER_LOST:
        return Act(stores=True, tells=False, answer=_ANSWER_LOST[name](occasion))
    return Act(stores=False, tells=True, answer={**_NOT_STORED, **_NOT_THE_SERVER}[name](occasion))
