"""Tells secrets by what stands before a run of token characters: ``&sig=``, ``Bearer``, a webhook's address.

The run itself may be of any form, so it needs more than its surroundings: a digit, upper and lower letters, a length.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from .placeholders import has_digit, is_mixed
from .spans import Span


class _Rule(NamedTuple):
    """``pattern`` ends at the run, and looks at ``back`` bytes before it.  Its group ``head`` is a part of the secret.

    ``fits`` judges the secret.  ``needle`` is quickly found where the pattern can match.
    """

    back: int
    pattern: re.Pattern[bytes]
    fits: Callable[[bytes], bool]
    needle: bytes


def _rule(back: int, pattern: bytes, fits: Callable[[bytes], bool], needle: bytes = b"") -> _Rule:
    return _Rule(back, re.compile(rb"(?:%b)\Z" % pattern, re.VERBOSE | re.IGNORECASE), fits, needle)


def _fits(pattern: bytes) -> Callable[[bytes], bool]:
    wanted = re.compile(pattern)
    return lambda value: wanted.fullmatch(value) is not None


def _is_base64(value: bytes) -> bool:
    return is_mixed(value) and not set(value) & set(b"._-")


def _is_key_material(value: bytes) -> bool:
    return len(value) >= 40 and is_mixed(value)


_RULES: Final = {
    ord(byte): rules
    for byte, *rules in (
        (
            "=",
            _rule(
                36,
                rb"""(?:[?&;\s"'(] | amp; | \\[nrt] | \A)
                     (?: x-(?:amz|goog|oss|cos)-(?:signature|security-token) | sig | (?:oauth_)?signature | _?auth
                       | sid | (?:asp\.net_)?sessionid | phpsessid | jsessionid | connect\.sid | assertion
                       | code_verifier | id_token_hint )=""",
                has_digit,
            ),
        ),
        (
            " ",
            _rule(16, rb"(?:bearer|ssws|splunk|apikey|genie-?key|sso-key|bot)[ ]{1,4}", has_digit),
            _rule(12, rb"basic[ ]{1,4}", _is_base64),
        ),
        (
            '"',
            _rule(24, rb"""_?auth\\*"\s?:\s?\\*" """, has_digit, needle=b"auth"),
            _rule(24, rb""" "(?:[dkpq]|d[pq]|qi)\\*"\s?:\s?\\*" """, _is_key_material),  # JSON Web Key
        ),
        (";", _rule(24, rb"&quot;(?:d|k|p|q|dp|dq|qi)&quot;\s?:\s?&quot;", _is_key_material)),
        (
            "/",
            _rule(
                96,
                rb"(?:/(?:web)?hooks?/|webhookb2/|hooks\.slack\.com/[a-z]{1,16}/)(?P<head>[\w/@-]{0,80})",
                has_digit,
                needle=b"hook",
            ),
            _rule(4, rb"(?<![0-9])(?P<head>1//)", has_digit),  # Google's refresh tokens
        ),
        (
            ":",
            _rule(7, rb"(?<![A-Za-z])oauth:", _fits(rb"[a-z0-9]{30}")),  # Twitch
            _rule(12, rb"(?P<head>[0-9]{8,10}:)", _fits(rb"[0-9]{8,10}:AA[A-Za-z0-9_-]{30,40}")),  # Telegram
            _rule(50, rb"(?P<head>[0-2]/[0-9]{10,20}(?:/[0-9]{10,20})?:)", _fits(rb"[0-9/]+:[0-9a-f]{32}")),  # Asana
            _rule(96, rb"[\w.*-]{1,40}:(?:[0-9]{2,5}|\*):[\w*.-]{1,24}:[\w.-]{1,24}:", has_digit),  # .pgpass
        ),
        ("%", _rule(12, rb"(?P<head>[0-9]{8,10}%)", _fits(rb"[0-9]{8,10}%3AAA[A-Za-z0-9_-]{30,40}"))),
        ("$", _rule(64, rb"(?P<head>access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$)", has_digit)),  # PayPal
        ("}", _rule(12, rb"\{S?(?:SHA|MD5)[0-9]{0,3}\}", has_digit)),  # LDAP
        ("+", _rule(3, rb"(?<![A-Za-z0-9+/])(?P<head>(?-i:u)\+)", _fits(rb"u\+[A-Za-z0-9_-]{18}"))),  # PagerDuty
    )
}
"""By the byte before the run."""
_PARAMETER: Final = _rule(
    96,
    rb"""[?&](?:code|key|auth|sig|signature|session|ticket|hash|jwt|state_token|x-[\w-]{3,30})=
         (?P<head>[\w%+/.~-]{0,80})""",
    has_digit,
)
"""A parameter of a URL; its value may begin before the run."""
_WITHIN_PARAMETER: Final = frozenset(b"=%+/~")
_REST: Final = re.compile(rb"(?:[A-Za-z0-9_.+/=~@-]|%(?!2[26]|0[AaDd]|3[BbEeCc])[0-9A-Fa-f]{2}){1,4096}+")


def told_by_what_is_before(data: bytes, first: int) -> Span | None:
    """Return the secret that the run at ``first`` is a part of, if what stands before it says so."""
    for rule in _RULES.get(data[first - 1] if first else 0, ()):
        span = _applied(rule, data, first)
        if span is not None:
            return span
    return _applied(_PARAMETER, data, first) if data[first - 1] in _WITHIN_PARAMETER else None


def _applied(rule: _Rule, data: bytes, first: int) -> Span | None:
    begin = max(0, first - rule.back)
    if data.find(rule.needle, begin, first) < 0:
        return None
    found = rule.pattern.search(data[begin:first])
    rest = _REST.match(data, first)
    if found is None or rest is None:
        return None
    head = found.groupdict().get("head") or b""
    value = head + rest[0]
    return Span(first - len(head), rest.end()) if rule.fits(value) and b"://" not in value else None
