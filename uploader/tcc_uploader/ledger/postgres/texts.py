"""Texts from elsewhere as PostgreSQL can store them: it refuses NUL, and what UTF-8 has no bytes for.  Pure."""

import re
from typing import Final

_REFUSED: Final = re.compile("[\\\\\0\ud800-\udfff]")
_ESCAPE: Final = re.compile(r"\\(\\|u[0-9a-f]{4})")


def stored(text: str) -> str:
    """Return a text as it is stored: what can't be stored, and each backslash, is escaped."""
    return _REFUSED.sub(lambda found: "\\\\" if found[0] == "\\" else f"\\u{ord(found[0]):04x}", text)


def loaded(text: str) -> str:
    """Return the text that is stored as this one."""
    return _ESCAPE.sub(lambda found: "\\" if found[1] == "\\" else chr(int(found[1][1:], 16)), text)
