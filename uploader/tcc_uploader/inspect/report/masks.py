"""Error messages with what changes from run to run taken out, so that equal errors fall together.  Pure."""

import re
from typing import Final

_MOST: Final = 160
_CHANGING: Final = re.compile(
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"  # a UUID
    r"|\b0x[0-9a-f]+\b"  # an address in memory
    r"|\d+(?:[.:]\d+)*",  # a number, a time, an IP address
    re.IGNORECASE,
)
_KIND: Final = re.compile(r"[A-Za-z_][\w.]*(?=:|\()")


def masked(message: str) -> str:
    """Return the first 160 characters of a message in one line, with ``#`` for each id and number."""
    return _CHANGING.sub("#", " ".join(message[: _MOST * 4].split()))[:_MOST]


def kind_of(message: str) -> str:
    """Return the name that a message begins with (``TimeoutError: …``); empty if it begins with none."""
    found = _KIND.match(message)
    return found[0] if found else ""
