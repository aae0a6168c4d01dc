"""Remove secrets from status messages.

An error message often quotes what failed: a header, a connection string, a configuration.  What the public
``contextcompany`` package redacts gets the form that it has there; the scan of all texts then finds the rest.  Every
pattern takes linear time: the parts that may be long are possessive, or can't fail after their first few characters.
"""

import re
from typing import Final

import orjson

from tcc_recorder.values import REDACTED, json_bytes

from .scan import secret_spans
from .spans import replaced

_VALUE: Final = r"""[^\s"',;})\]]++\]?"""
_BASE64: Final = r"[A-Za-z0-9+/=]{12,}+\]?"
_FORMS: Final = tuple(
    (re.compile(pattern, flags | re.VERBOSE), form)
    for pattern, flags, form in (
        (
            rf"\bAuthorization\s*+[:=]\s*+(?:(?:Bearer|Token|Digest|ApiKey|Negotiate)\s++{_VALUE}|Basic\s++{_BASE64})",
            re.IGNORECASE,
            f"Authorization={REDACTED}",
        ),
        (rf"\bBearer\s++{_VALUE}", re.IGNORECASE, f"Bearer {REDACTED}"),
        (rf"\bBasic\s++{_BASE64}", re.IGNORECASE, f"Basic {REDACTED}"),
        (
            rf"""\b(api[_-]?key|(?:access|refresh|id)[_-]?token|client[_-]?secret|secret|password|passwd|pwd
                   |authorization|bearer)\b\s*+[:=]\s*+{_VALUE}""",
            re.IGNORECASE,
            rf"\1={REDACTED}",
        ),
        (r"https?://([^/\s:@]++):[^\s/]+@", re.IGNORECASE, rf"https://\1:{REDACTED}@"),
        (
            r"""\b(?:sk-[A-Za-z0-9_-]{16,}+ | xox[abprs]-[A-Za-z0-9-]{16,}+ | gh[oprsu]_[A-Za-z0-9_]{16,}+
                 | service_[A-Za-z0-9_-]{16,}+)""",
            re.NOFLAG,
            REDACTED,
        ),
    )
)


def redact_status_message(message: str) -> str:
    """Return ``message`` with everything that looks like a secret replaced by ``[REDACTED]``."""
    for pattern, form in _FORMS:
        message = pattern.sub(form, message)
    data, _ = json_bytes(message)
    spans = secret_spans(data)
    return orjson.loads(replaced(data, spans)) if spans else message
