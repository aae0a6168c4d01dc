"""Finds tokens: wherever sixteen or more characters of tokens follow each other, one look-up says which shapes fit.

Other values are told by what stands before such a run: ``&sig=``, ``Bearer``, a webhook's address, a JWK's ``"d":"``.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from .placeholders import is_mixed
from .spans import Span
from .tokens import BASE64, DIGIT, MIXED, SHAPES, Shape

_RUN: Final = b"a" * 16
_LONG: Final = 36
"""A shape that is told by its middle or tail is looked for in runs of at least this length."""
_CLASSES: Final = bytes(ord("a" if bytes((byte,)).isalnum() or byte in b"_-." else " ") for byte in range(256))
_BACK: Final = 96
"""How far is looked back from a run, in bytes."""

_GLUE: Final = re.compile(
    rb"""
    (?<=\\)(?:u[0-9a-fA-F]{4}|[nrtbf])      # the letters of an escape sequence
  | (?<=%)[0-9A-Fa-f]{2}                    # ... of a percent escape
  | (?<=[\[;])[0-9]{1,3}m                   # ... of a terminal's colour
  | [._+-]++                                # an emphasis, or the sign of a line in a diff
    """,
    re.VERBOSE,
)
"""What may stand before a token without being a part of it."""
_BEFORE_GLUE: Final = frozenset(b"\\%[;")
_JWT: Final = rb"eyJ[A-Za-z0-9_-]{10,}+\.[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]*+){1,3}"
_INSIDE: Final = re.compile(
    rb"""
    [A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}                                    # Azure DevOps
  | [A-Za-z0-9_-]{30,90}?(?:AzFu|AzSe|AzCa|ACDb|AIoT)[A-Za-z0-9_-]{6}={0,2} # Azure Functions, Search, Cosmos DB
  | pat[A-Za-z0-9]{14}\.[0-9a-f]{64}                                      # Airtable
  | [A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk                                   # MaxMind
  | [A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,70}+                      # HCP Terraform
  | [0-9a-f]{32}-us[0-9]{1,2}                                            # Mailchimp
  | [MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}+   # Discord
  | [A-Za-z0-9_-]{1,60}?T3BlbkFJ[A-Za-z0-9_-]{20,80}+                    # OpenAI
    """,
    re.VERBOSE,
)
_BEHIND: Final = {
    ord(byte): (back, re.compile(pattern, re.VERBOSE | re.IGNORECASE))
    for byte, back, pattern in (
        (
            "=",
            36,
            rb"""
            (?:[?&;]|^|[\s"'(]|amp;|\\[nrt])
            (?P<strict>x-(?:amz|goog|oss|cos)-(?:signature|security-token)|sig|signature|sid|auth|_auth|phpsessid|jsessionid
              |(?:asp\.net_)?sessionid|connect\.sid|oauth_signature|assertion|code_verifier|id_token_hint)=$""",
        ),
        (" ", 16, rb"(?:(?P<strict>bearer|ssws|splunk|apikey|genie-?key|sso-key|bot)|(?P<basic>basic))\ {1,4}$"),
        (
            '"',
            36,
            rb"""\\*"(?:(?P<jwk>d|k|p|q|dp|dq|qi)|(?P<strict>_?auth|identitytoken|registrytoken))\\*"\s?:\s?\\*"$""",
        ),
        (
            "/",
            96,
            rb"""(?P<strict>/(?:web)?hooks?/|webhookb2/|hooks\.slack\.com/[a-z]{1,16}/)(?P<head>[\w/@-]{0,80})$
            | (?P<google>(?<![0-9])1//)$""",
        ),
        ("+", 3, rb"(?<![A-Za-z0-9+/])(?P<google>(?-i:u)\+)$"),
        (";", 40, rb"&quot;(?P<jwk>d|k|p|q|dp|dq|qi)&quot;\s?:\s?&quot;$"),
        ("%", 12, rb"(?P<telegram>[0-9]{8,10})%$"),
        (
            ":",
            96,
            rb"(?P<telegram>[0-9]{8,10}:)$ | (?P<asana>[0-2]/[0-9]{10,20}(?:/[0-9]{10,20})?:)$ | [\w.*-]{1,60}:(?:[0-9]{2,5}|\*):[\w*.-]{1,40}:(?P<strict>[\w.-]{1,40}):$",
        ),
        ("$", 64, rb"(?P<google>access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$)$"),
        ("}", 12, rb"(?P<strict>\{S?(?:SHA|MD5)[0-9]{0,3}\})$"),
    )
}
_PARAMETER: Final = re.compile(
    rb"[?&](?:code|key|auth|sig|signature|session|ticket|hash|jwt|state_token|x-[\w-]{3,30})="
    rb"(?P<head>[\w%+/.~-]{0,80})$"
    rb"|[?&;](?:x-(?:amz|goog|oss|cos)-signature|sig|signature)=(?P<head2>[\w%+/.~-]{0,80})$",
    re.IGNORECASE,
)
_REST: Final = re.compile(rb"(?:[A-Za-z0-9_.+/=~@-]|%(?!2[26]|0[AaDd]|3[BbEeCc])[0-9A-Fa-f]{2}){1,4096}+")
_ACTIVE_DIRECTORY: Final = re.compile(rb"[A-Za-z0-9_-]{3}[0-9]Q~[A-Za-z0-9_.~-]{31,34}")
_AZURE_TAIL: Final = re.compile(rb"\+A(?:St|Sb|Eh|Ba|MC|Rm|CR|Cs)[A-Za-z0-9+/]{6}={0,2}")
_BASE64_HEAD: Final = re.compile(rb"[A-Za-z0-9_-][A-Za-z0-9_+/-]*\Z")
_BASE64_TAIL: Final = re.compile(rb"[A-Za-z0-9+/]{30,90}\Z")


def token_spans(data: bytes) -> Iterator[Span]:
    """Yield the tokens in serialised JSON."""
    runs = data.translate(_CLASSES) + b" "
    first = runs.find(_RUN)
    while first >= 0:
        end = runs.find(b" ", first)
        span = _token(data, first, end) or _told_by_what_is_before(data, first, end)
        if span is not None:
            yield span
            end = max(first + 1, span.end)  # what follows a token at once is looked at, too
        first = runs.find(_RUN, end)
    plus = data.find(b"+A")
    while plus >= 0:
        if (tail := _AZURE_TAIL.match(data, plus)) and (head := _BASE64_TAIL.search(data[max(0, plus - 90) : plus])):
            yield Span(plus - len(head[0]), tail.end())
        plus = data.find(b"+A", plus + 2)


def _token(data: bytes, first: int, end: int) -> Span | None:
    if data[first - 1 : first] in {b"+", b"/"} and (head := _BASE64_HEAD.search(data[max(0, first - 60) : first])):
        span = _token_at(data, first - len(head[0]), first)  # a token of base64 may begin before the run
        if span is not None:
            return span
    return _token_at(data, first, end)


def _token_at(data: bytes, first: int, end: int) -> Span | None:
    while True:
        pattern = _by_first_two(data[first : first + 2])
        if pattern is not None and (found := pattern.match(data, first)):
            return Span(first, first + len(found[0].rstrip(b".-")))
        if data[first - 1] not in _BEFORE_GLUE and data[first] not in b"._+-":
            break
        glue = _GLUE.match(data, first, end)
        if glue is None:
            break
        first = glue.end()
    if end - first >= _LONG and (found := _INSIDE.match(data, first)):
        return Span(*found.span())
    return None


def _told_by_what_is_before(data: bytes, first: int, end: int) -> Span | None:
    before = data[first - 1] if first else 0
    if before == 0x7E and (found := _ACTIVE_DIRECTORY.match(data, max(0, first - 6))):  # ~
        return Span(*found.span())
    back, look = _BEHIND.get(before) or (0, None)
    found = look.search(data[max(0, first - back) : first]) if look else None
    if found is None:
        begin = max(0, first - _BACK)
        mark = max(data.rfind(b"?", begin, first), data.rfind(b"&", begin, first))
        found = _PARAMETER.match(data[mark:first]) if mark >= 0 else None
    if found is None:
        return None
    groups = found.groupdict()
    if groups.get("telegram"):
        return Span(first - len(groups["telegram"]), end) if data.startswith((b"AA", b"3AAA"), first) else None
    if groups.get("google"):
        return Span(first - len(groups["google"]), end)
    if groups.get("asana"):
        return Span(first - len(groups["asana"]), _REST.match(data, first).end())  # type: ignore[union-attr]  # a run
    head = groups.get("head") or groups.get("head2") or b""
    rest = _REST.match(data, first)
    assert rest is not None
    value = head + rest[0]
    if groups.get("jwk"):
        fits = len(value) >= 40 and is_mixed(value)
    elif groups.get("basic"):
        fits = is_mixed(value) and not set(value) & set(b"._-")
    else:
        fits = any(byte in b"0123456789" for byte in value) and b"://" not in value
    return Span(first - len(head), rest.end()) if fits else None


@cache
def _by_first_two(first_two: bytes) -> re.Pattern[bytes] | None:
    """Return the pattern of all shapes that begin with these two bytes, those with the longest prefix first."""
    wanted = first_two.decode("latin-1")
    shapes = [(prefix, shape) for shape in SHAPES for prefix in shape.prefixes.split() if prefix.startswith(wanted)]
    shapes.sort(key=lambda found: len(found[0]), reverse=True)
    patterns = [_pattern(*found) for found in shapes] + [_JWT] * (first_two == b"ey")
    return re.compile(b"|".join(patterns)) if patterns and len(first_two) > 1 else None


def _pattern(prefix: str, shape: Shape) -> bytes:
    _, alphabet, least, most, _, needs = shape
    kinds = {DIGIT: ("0-9",), MIXED: ("0-9", "a-z", "A-Z")}.get(needs, ())
    before, after = ("(?<![A-Za-z0-9]{2}[+/])", "(?![+/=])") if needs == MIXED and alphabet != BASE64 else ("", "")
    ahead = "".join(f"(?=[{alphabet}]{{0,{most}}}?[{kind}])" for kind in kinds)
    end = "A-Za-z0-9" if least == most else alphabet
    return f"{before}{re.escape(prefix)}{ahead}[{alphabet}]{{{least},{most}}}+(?![{end}]){after}".encode()
