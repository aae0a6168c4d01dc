"""Finds passwords, and tokens in place of a user name, in URLs: ``postgres://app:password@db``."""

import re
from collections.abc import Iterator
from typing import Final

from . import placeholders
from .spans import Span

_BACK: Final = 300
"""How far from its ``@`` a URL may begin, in bytes."""
_NO_AUTHORITY: Final = re.compile(rb"""[\s"'<>\\`]""")
_PERCENT_BACK: Final = re.compile(
    rb"(?i:%3A%2F%2F)(?P<user>[^%\s\"'\\&]{0,64})(?:(?i:%3A)(?P<password>[^\s\"'\\&/@]{1,200}?))?$"
)
_ORACLE: Final = re.compile(
    rb"(?i:thin:|sqlplus |sqlplus -[sSlL] |userid=)[A-Za-z0-9_$#]{1,40}/(?P<password>[^\s\"'\\/@]{1,100})$"
)


def url_spans(data: bytes) -> Iterator[Span]:
    """Yield the passwords in URLs: what stands between a colon and an ``@``, also if both are percent-encoded."""
    at = data.find(b"@")
    while at >= 0:
        begin = max(0, at - _BACK)
        scheme = data.rfind(b"://", begin, at)
        if scheme >= 0:
            yield from _in_authority(data, scheme + 3, at)
        elif (
            data.rfind(b"/", begin, at) >= 0
            and (found := _ORACLE.search(data[begin:at]))
            and not placeholders.is_placeholder(found["password"])
        ):
            yield Span(begin + found.start("password"), at)
        at = data.find(b"@", at + 1)
    at = data.find(b"%")
    while at >= 0:
        begin = max(0, at - _BACK)
        if data.startswith(b"%40", at) and (found := _PERCENT_BACK.search(data[begin:at])):
            group = "password" if found["password"] else "user"
            if _is_secret(found[group], alone=group == "user"):
                yield Span(begin + found.start(group), at)
        at = data.find(b"%", at + 1)


def _in_authority(data: bytes, start: int, at: int) -> Iterator[Span]:
    before = data[start:at]
    if _NO_AUTHORITY.search(before):
        return
    last = before.rpartition(b"@")
    if last[1] and set(last[2]) & set(b"/?#"):
        return  # an @ in the path or query, not in the authority
    user, colon, password = before.partition(b":")
    if set(user) & set(b"/?#") or b"@" in user:
        return
    if not colon:
        if _is_secret(user, alone=True):
            yield Span(start, at)
    elif re.match(rb"[0-9]{1,5}/", password) is None and _is_secret(password, alone=False):
        yield Span(start + len(user) + 1, at)
        if len(user) >= 20 and _is_secret(user, alone=True):
            yield Span(start, start + len(user))


def _is_secret(value: bytes, *, alone: bool) -> bool:
    """Return whether this is a secret; ``alone``: it stands in place of a user name."""
    if alone and (len(value) < 16 or not placeholders.has_digit(value) or b"." in value):
        return False
    return len(value) > 0 and not placeholders.is_placeholder(value) and set(value) != set(b"*")
