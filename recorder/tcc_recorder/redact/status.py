"""Remove secrets from status messages.

An error message often quotes what failed: a header, a connection string, a configuration.  The redacted message has
the same form as that of the public ``contextcompany`` package.  More secrets are found than there: quoted names and
values, names with a prefix (``OPENAI_API_KEY``), other schemes and other kinds of tokens.  Every pattern takes linear
time: the parts that may be long are possessive, or can't fail after their first few characters.
"""

import re
from typing import Final

from tcc_recorder.values import REDACTED

_BARE: Final = r"""[^\s"',;})\]]++\]?"""
_QUOTED: Final = r"""
    \\+"[^"\\]*+(?:\\+")?               # \"in a JSON text\"
  | \\+'[^'\\]*+(?:\\+')?
  | "(?:[^"\\]|\\.)*+"?
  | '(?:[^'\\]|\\.)*+'?
"""
_FLAGS: Final = re.IGNORECASE | re.VERBOSE | re.DOTALL

_HEADER: Final = re.compile(
    rf"\bAuthorization\s*+[:=]\s*+(?:Bearer|Basic|Token|Digest|ApiKey|Negotiate)\s++{_BARE}",
    _FLAGS,
)
_BEARER: Final = re.compile(rf"\bBearer\s++{_BARE}", _FLAGS)
_BASIC: Final = re.compile(r"\bBasic\s++[A-Za-z0-9+/=]{12,}+\]?", _FLAGS)
_ASSIGNMENT: Final = re.compile(
    rf"""
    (api[_-]?key | (?:secret|private|access|signing|encryption)[_-]?key | token | secret
      | password | passwd | passphrase | pwd | credentials? | authorization | bearer)\b
    (?:\\*["'])?
    \s*+[:=]\s*+
    (?!["'](?:Bearer|Basic)\ \[REDACTED\])
    (?:{_QUOTED} | {_BARE})
    """,
    _FLAGS,
)
_URL: Final = re.compile(r"(https?)?://([^/\s:@]*+):[^\s/]+@", _FLAGS)
_TOKEN: Final = re.compile(
    r"""
    \b(?: sk-[A-Za-z0-9_-]{16,}+
      | xox[abeprs]-[A-Za-z0-9-]{16,}+
      | gh[oprsu]_[A-Za-z0-9_]{16,}+
      | github_pat_[A-Za-z0-9_]{16,}+
      | glpat-[A-Za-z0-9_-]{16,}+
      | (?:service|dev)_[A-Za-z0-9_-]{16,}+
      | AKIA[A-Z0-9]{16}
      | AIza[A-Za-z0-9_-]{30,}+
      | eyJ[A-Za-z0-9_-]{10,}+(?:\.[A-Za-z0-9_-]++)*+   # a JSON web token
    )
    """,
    re.VERBOSE,
)


def redact_status_message(message: str) -> str:
    """Return ``message`` with everything that looks like a secret replaced by ``[REDACTED]``."""
    message = _HEADER.sub(f"Authorization={REDACTED}", message)
    message = _BEARER.sub(f"Bearer {REDACTED}", message)
    message = _BASIC.sub(f"Basic {REDACTED}", message)
    message = _ASSIGNMENT.sub(rf"\1={REDACTED}", message)
    message = _URL.sub(_without_password, message)
    return _TOKEN.sub(REDACTED, message)


def _without_password(url: re.Match[str]) -> str:
    scheme = "https" if url[1] else ""
    return f"{scheme}://{url[2]}:{REDACTED}@"
