"""Finds secrets that have a form of their own: key blocks, hashes of passwords, cookies, mnemonics, headers."""

import re
from collections.abc import Iterator
from typing import Final

from . import placeholders
from .quoted import value_at
from .spans import Span

_NEWLINE: Final = rb"(?:\s|\\+[nrt])"
_KEY_BLOCK: Final = re.compile(
    rb"""
    -----BEGIN[ ](?:[A-Z0-9]++[ ]){0,4}?PRIVATE[ ]KEY(?:[ ]BLOCK)?-----
    (?P<value> (?:\s|\\+[nrt])*+ (?=[A-Za-z0-9+/]{16} | Proc-Type | Version | Comment)
      (?:[^-"]|-(?!----))*+ )
    """,
    re.VERBOSE,
)
_HASH: Final = re.compile(
    rb"""
    \$(?: 2[abxy]?\$[0-9]{2}\$[./A-Za-z0-9]{53}
        | (?:argon2(?:id|i|d)|scrypt|pbkdf2(?:-sha[0-9]{1,3})?|bcrypt-sha256|apr1|gy|y|7|sha1|md5|[1-6])\$
          [A-Za-z0-9./+=,\$_-]{16,400}+ )
    """,
    re.VERBOSE,
)
_HASH_BEFORE: Final = re.compile(rb"(?:pbkdf2_sha[0-9]{1,3}|bcrypt_sha256|argon2|scrypt|md5|sha1)$")
_HASH_REST: Final = re.compile(rb"\$[A-Za-z0-9./+=,\$_-]{20,400}+")
_COOKIE: Final = re.compile(
    rb"""cookies?(?:\\*["'])?\s?[:=]\s?(?:\\*["'])?(?P<value>[A-Za-z0-9_.-]{1,64}=[^"'\\<>`]{1,4096}+)""",
    re.IGNORECASE,
)
_COOKIE_NAME: Final = re.compile(rb"(?P<name>[A-Za-z0-9_.-]{1,64})=(?P<value>[^;\s]+)")
_HEADER: Final = re.compile(
    rb"""authorization (?:\\*["']|&quot;|\*\*|`)?+ [\])]? [ ]? (?::|=>?) [ ]?
         (?:\\*["']|&quot;)? (?:[A-Za-z][A-Za-z0-9_-]{2,20}[ ]++)?+
         (?P<value>[^\s"'\\<>`,;&(){}\[\]]{6,4096}+)""",
    re.VERBOSE | re.IGNORECASE,
)
_MNEMONIC: Final = re.compile(
    rb"""mnemonic(?:[ ]phrase)?(?:\\*["'])?\s?(?:[:=]|[ ]is:?)[ ]?(?:\\*["'])?
         (?P<value>[a-z]{3,8}(?:[\x20,]{1,2}[a-z]{3,8}){11,23}+)""",
    re.VERBOSE | re.IGNORECASE,
)
_IDENTIFIED: Final = re.compile(
    rb"identified(?:[ ]with[ ][a-z0-9_'`-]{1,40})?[ ](?:by|as)(?:[ ]password)?[ ](?=\\*[\"'])",
    re.IGNORECASE,
)


def block_spans(data: bytes, lowered: bytes) -> Iterator[Span]:
    """Yield secrets of these forms; ``lowered`` is the data in lower case."""
    for anchor, pattern in ((b"-----begin", _KEY_BLOCK), (b"mnemonic", _MNEMONIC)):
        for found in _matches(data, lowered, anchor, pattern):
            yield Span(*found.span("value"))
    for found in _matches(data, lowered, b"cookie", _COOKIE):
        yield from _cookies(data, found)
    for found in _matches(data, lowered, b"authorization", _HEADER):
        text = found["value"]
        if not placeholders.is_placeholder(text) and (placeholders.has_digit(text) or not placeholders.is_word(text)):
            yield Span(*found.span("value"))
    for found in _matches(data, lowered, b"identified", _IDENTIFIED):
        value = value_at(data, found.end())
        if value is not None and not placeholders.is_placeholder(data[value.start : value.end]):
            yield Span(value.start, value.end)
    yield from _hashes(data)


def _matches(data: bytes, lowered: bytes, anchor: bytes, pattern: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
    place = lowered.find(anchor)
    while place >= 0:
        found = pattern.match(data, place)
        if found is not None:
            yield found
        place = lowered.find(anchor, found.end() if found else place + len(anchor))


def _cookies(data: bytes, header: re.Match[bytes]) -> Iterator[Span]:
    """Yield the values of a cookie header, one by one; attributes such as ``Path=/`` and short settings stay."""
    for pair in _COOKIE_NAME.finditer(data, *header.span("value")):
        if pair["name"].lower() in {b"path", b"domain", b"expires", b"max-age", b"samesite", b"version"}:
            continue
        if not placeholders.is_placeholder(pair["value"]):
            yield Span(*pair.span("value"))


def _hashes(data: bytes) -> Iterator[Span]:
    dollar = data.find(b"$")
    while dollar >= 0:
        found = _HASH.match(data, dollar)
        start = dollar
        if found is None and (before := _HASH_BEFORE.search(data[max(0, dollar - 16) : dollar])):
            found = _HASH_REST.match(data, dollar)
            start = dollar - len(before[0])
        if found is not None:
            yield Span(start, found.end())
        dollar = data.find(b"$", found.end() if found else dollar + 1)
