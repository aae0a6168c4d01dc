"""How text that comes from elsewhere is shown to people: a terminal obeys none of it, and nothing in it is hidden."""

import re
from collections.abc import Iterable
from typing import Final

HIDDEN: Final = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, C0 and C1, without tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # they change the direction of text
    "\u200b\u2028\u2029\ufeff\U000e0000-\U000e007f"  # no width, other line ends, tags
    "\ud800-\udfff"  # lone surrogates, which no output can encode
    "]"
)
"""One character that a terminal obeys or does not show."""
_MIN_SECRET: Final = 8
"""A shorter key is also an ordinary word, and taking it out would tell it."""


def visible(text: str) -> str:
    """Return a text in which every :data:`HIDDEN` character stands as ``⟨202e⟩``.

    Tabs, newlines and joiners (U+200C, U+200D: Persian and emoji need them) stay.
    """
    return HIDDEN.sub(lambda found: f"⟨{ord(found[0]):04x}⟩", text)


def without_keys(text: str, keys: Iterable[str]) -> str:
    """Return a text without these API keys; keys of fewer than 8 characters are left."""
    for key in sorted(keys, key=len, reverse=True):  # a key may begin with another one
        if len(key) >= _MIN_SECRET:
            text = text.replace(key, "[key]")
    return text
