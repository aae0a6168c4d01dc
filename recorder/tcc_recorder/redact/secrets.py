"""Find and replace secrets in texts: in several texts at once, in linear time.

All texts are searched as one, joined by a byte that never occurs in UTF-8 and that no pattern matches.  A pattern is
tried only where a fast search found that it could match: at one of a few literals, or, for tokens, at a long sequence
of token characters.  Similar code and prose (``password = getpass()``, ``token: see below``) must not be changed.
"""

import re
from collections.abc import Iterator
from typing import Final

from tcc_recorder.values import REDACTED

_REDACTED: Final = REDACTED.encode()
_SEPARATOR: Final = b"\xff"

_RUN: Final = 13
"""A token, or its first part, has at least this many token characters in sequence."""
_RUN_CHARACTERS: Final = bytes(ord("a" if bytes((byte,)).isalnum() or byte in b"_-" else " ") for byte in range(256))
_TOKEN: Final = re.compile(
    rb"""
    (?: sk-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{16,}+                                    # OpenAI, Anthropic and others
      | xox[abeprs]-[A-Za-z0-9-]{16,}+ | xapp-[0-9]-[A-Za-z0-9-]{16,}+                # Slack
      | gh[oprsu]_[A-Za-z0-9_]{16,}+ | github_pat_[A-Za-z0-9_]{16,}+                  # GitHub
      | gl(?:pat|dt|rt|cbt|ptt|soat)-[A-Za-z0-9_-]{16,}+                              # GitLab
      | (?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}+                                 # Stripe
      | (?:service|dev)_(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{16,}+                       # The Context Company
      | (?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])                                      # AWS
      | AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-]) | GOCSPX-[A-Za-z0-9_-]{20,}+           # Google
      | SK[0-9a-f]{32}(?![A-Za-z0-9])                                          # Twilio
      | npm_[A-Za-z0-9]{36}(?![A-Za-z0-9]) | pypi-[A-Za-z0-9_-]{50,}+ | hf_[A-Za-z0-9]{30,}+
      | dapi[0-9a-f]{32}(?:-[0-9])?(?![A-Za-z0-9]) | do[opr]_v1_[0-9a-f]{64}          # Databricks, DigitalOcean
      | shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}(?![A-Za-z0-9])                             # Shopify
    )
    """,
    re.VERBOSE,
)

_KEYS: Final = b"|".join(
    b"(?<=%b%b)" % (word, joint)
    for word in (b"api", b"secret", b"private", b"access", b"signing", b"encryption", b"account")
    for joint in (b"", b"_", b"-")
)
_NAME: Final = rb"""
    (?: (?:%b)key | (?<!page)(?<!page_)(?<!next)(?<!next_)token | secret | password | passwd | passphrase | pwd
      | credentials? | authorization | bearer | (?:set-)?cookie )
""" % (_KEYS)
_FIRST: Final = rb"""
    (?!(?:None|null|true|false|str|string|bytes|undefined|required|optional)\b)[^\s"'`,;&()<>\[\]{}\\$*%\xff]
"""
_ASSIGNMENT: Final = re.compile(
    rb"""%b\b (?:
        (?:\\*["'])? \s*+ (?::|=>?) \s*+ (?:
            \\+["'] (?!\[REDACTED\]|\\) (?P<a> [^"'\\\xff]++ )       # JSON in JSON, however deep
          | " (?!\[REDACTED\]") (?P<b> (?:[^"\\\xff]|\\[^\xff])++ )
          | ' (?!\[REDACTED\]') (?P<c> (?:[^'\\\xff]|\\[^\xff])++ )
        )
      | (?: \s*+=\s*+ | :\s*+ ) (?P<d>
            (?:(?:Bearer|Basic|Token|Digest|ApiKey|Negotiate)\s++)?
            (?![0-9]++(?:[^0-9A-Za-z]|\Z))
            (?= [^\s"',;&()\xff]{0,64}[0-9] | (?<==)[^\s"',;&()\xff]{4,64}(?:[\s&;"'\xff]|\Z) )  # else prose or code
            %b[^\s"'`,;&()<>\[\]{}\\\xff]{3,}+ (?![(\[])
        )
    )
    """
    % (_NAME, _FIRST),
    re.VERBOSE | re.IGNORECASE,
)
_BEARER: Final = re.compile(
    rb"(?:bearer|basic)\s++(?=[A-Za-z._~+/=-]{0,64}[0-9])(?P<a>[A-Za-z0-9._~+/=-]{16,}+)", re.IGNORECASE
)
_COOKIE: Final = re.compile(rb"cookie\s*+:\s*+(?P<a>[\w.-]++=(?!\[)[^\r\n\"'\\\xff]++)", re.IGNORECASE)
_FLAG: Final = re.compile(
    rb"""
    --[\w-]{0,32}(?:password|passwd|passphrase|token|secret|api-?key)(?:\ ++|=)
    (?=[^\s"'\xff]{0,64}[0-9])(?P<a>[^\s"'`,;&()<>\[\]{}\\$\xff-][^\s"'\xff]{3,}+)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_ELEMENT: Final = re.compile(rb"(?:password|secret|token|key)>(?P<a>[^<>\s\[\xff][^<>\xff]{3,256})</", re.IGNORECASE)
_SIGNATURE: Final = re.compile(rb"sig=(?P<a>[A-Za-z0-9%+/=_-]{20,}+)", re.IGNORECASE)
_URL: Final = re.compile(rb"""://[^\s/:@"'\xff]*+:(?![\[<{$*])(?P<a>[^\s/"'<>\xff]+)@""")
_KEY_BLOCK: Final = re.compile(
    rb"""
    (?P<a> -----BEGIN\ (?:[A-Z0-9]++\ )*?PRIVATE\ KEY(?:\ BLOCK)?-----
      (?= (?:\s|\\+[nr])*+ (?:[A-Za-z0-9+/]{16} | Proc-Type | Version) )
      (?: [^-\xff] | -(?!----) )*+ (?: -----END\ [^-\xff]*+----- )? )
    """,
    re.VERBOSE,
)
_JWT: Final = re.compile(rb"(?P<a>(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}+\.[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]*+){1,3})")
_WEBHOOK: Final = re.compile(rb"(?P<a>whsec_[A-Za-z0-9+/=]{16,}+)")
_GOOGLE: Final = re.compile(rb"(?P<a>ya29\.[A-Za-z0-9_-]{20,}+)", re.IGNORECASE)
_SENDGRID: Final = re.compile(rb"(?P<a>SG\.[A-Za-z0-9_-]{16,}+\.[A-Za-z0-9_-]{16,}+)", re.IGNORECASE)

_ANCHORED: Final = (
    *((name, _ASSIGNMENT) for name in (b"key", b"token", b"secret", b"passw", b"passp", b"pwd")),
    *((name, _ASSIGNMENT) for name in (b"credential", b"authorization", b"bearer", b"cookie")),
    (b"bearer", _BEARER),
    (b"basic", _BEARER),
    (b"cookie", _COOKIE),
    (b"--", _FLAG),
    *((name, _ELEMENT) for name in (b"password>", b"secret>", b"token>", b"key>")),
    (b"sig=", _SIGNATURE),
    (b"://", _URL),
    (b"eyj", _JWT),
    (b"whsec_", _WEBHOOK),
    (b"ya29.", _GOOGLE),
    (b"sg.", _SENDGRID),
)
"""A literal, in lower case, and the pattern that is tried where it was found; the group that matched is the secret."""
_SECRET_NAME: Final = re.compile(
    rb"(?: %b | (?:%b)keys | secrets | passwords )$" % (_NAME, _KEYS), re.VERBOSE | re.IGNORECASE
)


def is_secret_name(name: str) -> bool:
    """Return whether the value of a member with this name is a secret, whatever its form."""
    return _SECRET_NAME.search(name.encode("utf-8", "surrogatepass")) is not None


def without_secrets(texts: list[str]) -> list[str]:
    """Return the texts with each secret replaced by ``[REDACTED]``; the same list if there are no secrets."""
    data = _SEPARATOR.join([text.encode("utf-8", "surrogatepass") for text in texts])
    spans = sorted(_spans(data))
    if not spans:
        return texts
    parts: list[bytes] = []
    end = 0
    for first, last in spans:
        if first >= end:
            parts += (data[end:first], _REDACTED)
        end = max(end, last)
    parts.append(data[end:])
    return [text.decode("utf-8", "surrogatepass") for text in b"".join(parts).split(_SEPARATOR)]


def _spans(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of each secret; the spans may overlap."""
    lowered = data.lower()
    for literal, pattern in _ANCHORED:
        position = lowered.find(literal)
        while position >= 0:
            found = pattern.match(data, position)
            if found is not None:
                yield found.span(found.lastgroup or 0)
            position = lowered.find(literal, max(position + 1, found.end() if found else 0))
    if b"-----BEGIN " in data:
        for block in _KEY_BLOCK.finditer(data):
            yield block.span()
            yield from _tokens_at(data, block.end(), len(data))
    yield from _token_spans(data)


def _token_spans(data: bytes) -> Iterator[tuple[int, int]]:
    runs = data.translate(_RUN_CHARACTERS) + b" "
    needle = b"a" * _RUN
    first = runs.find(needle)
    while first >= 0:
        end = runs.find(b" ", first)
        if data[first - 1 : first] == b"\\" and not _TOKEN.match(data, first, end):
            first += 1  # JSON in JSON: the first letter belongs to an escape such as \\n
        yield from _tokens_at(data, first, end)
        first = runs.find(needle, end)


def _tokens_at(data: bytes, first: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the token that begins at ``first``, and those that follow it directly."""
    while found := _TOKEN.match(data, first, end):
        yield found.span()
        first = found.end()
