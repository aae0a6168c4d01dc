"""The URL of a shared ledger.  It never holds a password, so that it can be shown everywhere."""

import re
from typing import Final
from urllib.parse import parse_qsl

_HOST: Final = r"(?:[^:/?#@\[\],]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
"""A host, maybe with a port.  It has no comma: so a text can be hosts in one way only, and is judged in linear time."""
_URL: Final = re.compile(
    r"postgres(?:ql)?://"
    r"(?:[^:/?#@\[\]]*@)?"  # a user, without a password
    rf"{_HOST}(?:,{_HOST})*"
    r"(?:/[^/?#@:]*)?"  # the database
    r"(?:\?(?P<options>[^#@]*))?"
)


def checked_ledger_url(text: str) -> str:
    """Return the URL.  Raises ValueError if it is none, or holds a password; the message has no part of it."""
    found = _URL.fullmatch(text)
    if found is None:
        raise ValueError(
            "it must be postgresql://USER@HOST/DATABASE, without a password: that goes into PGPASSFILE or PGPASSWORD"
        )
    for name, _ in parse_qsl(found["options"] or "", keep_blank_values=True):
        if "password" in name.lower():
            raise ValueError("it holds a password: put that into PGPASSFILE or PGPASSWORD, and leave it out here")
    return text
