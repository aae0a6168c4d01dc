"""Reads a value: in quotes of any kind, at any depth of JSON in JSON, or a word without quotes."""

import re
from typing import Final, NamedTuple

from .spans import LONGEST, level, string_end


class Value(NamedTuple):
    """A value: where it stands, and where the text behind it begins, which is further if it stands in quotes."""

    start: int
    end: int
    after: int

    @property
    def quoted(self) -> bool:
        """Whether it stands in quotes, or should."""
        return self.after != self.end


SPACES: Final = rb"(?:[ \t]|\\+[nrt])*"
"""White space, and the escape sequences that stand for it."""
_NO_BREAK: Final = rb"(?:[ ]|\xc2\xa0|\xe2\x80\xaf)"
_OPENING: Final = re.compile(
    rb"""
    (?:[bBrRuU@$]|SecretStr\(|SecretString\(|Some\(|String::from\(|b64decode\(|new[ ]Secret\(|Secret\()?
    (?P<escape>\\*+) (?P<quote>["'])
  | (?P<other> \\+u002[27] | &quot; | &apos; | &\#(?:34|39|x22|x27); | %%2[27] | \*\* | `{1,2}(?!`) | <code>
      | \xc2\xab%b? | \\+u00ab%b? | \xe2\x80[\x9c\x9e\x98\x9a] )
    """
    % (_NO_BREAK, _NO_BREAK),
    re.VERBOSE,
)
_CLOSING: Final = {
    b"\xc2\xab": (b"\xc2\xbb",),
    b"\\u00ab": (b"\\u00bb",),
    b"\xe2\x80\x9c": (b"\xe2\x80\x9d",),
    b"\xe2\x80\x9e": (b"\xe2\x80\x9c", b"\xe2\x80\x9d"),
    b"\xe2\x80\x98": (b"\xe2\x80\x99",),
    b"\xe2\x80\x9a": (b"\xe2\x80\x98",),
    b"<code>": (b"</code>",),
}
"""How quotes end that do not end as they begin."""
_AT_ITS_END: Final = re.compile(rb"(?:[ \\]|\xc2\xa0|\xe2\x80\xaf)+\Z")
_BEHIND_CLOSING: Final = re.compile(SPACES + rb"[,}\]:);]")
"""What follows a quote that closes a string; such a quote opens no value."""
_WORD: Final = re.compile(
    rb"""(?: [^\s"'`<>,;(){}\[\]|\\&%\x00-\x20\xc2\xe2]
           | %(?!2[267]|0[AaDd]|3[BbEeCc])          # no escape of &, quotes, line ends, and what ends a parameter
           | [\xc2\xe2](?![\xa0\xab\xbb\x80]) )++   # no blank that does not break, no quote
    """,
    re.VERBOSE,
)
_QUOTE_BEFORE: Final = re.compile(
    rb"""(?P<quote>\\*+["'])\]?%b(?:[:,]|=>?)(?:[ \t\[{]|\\+[nrt])*\Z""" % SPACES  # : of a name, or , of a list
)
_BACK: Final = 48


def value_at(data: bytes, place: int) -> Value | None:
    """Return the value that begins at a place: in quotes of any kind, or a word; None if there is none.

    If its quotes are not closed, it goes as far as a word.
    """
    opening = _OPENING.match(data, place)
    if opening is None:
        word = _WORD.match(data, place, place + LONGEST)
        if word is None:
            return None
        end = place + len(word[0].rstrip(b".,:;!?*"))
        return Value(place, end, end)
    start = opening.end()
    if opening["quote"]:
        if not _opens(data, place, opening):
            return None
        end, size = _end_of(data, start, opening), len(opening["escape"]) + 1
    else:
        quote = opening["other"].rstrip(b" \xa0\xaf").removesuffix(b"\xc2").removesuffix(b"\xe2\x80")
        quote = quote if quote in _CLOSING else opening["other"]
        end, size = _first(data, start, *_CLOSING.get(quote, (quote,))), len(quote)
        if end >= 0 and data.find(b'"', start, end) >= 0:
            end = -1
    after = end + size
    if end < 0:
        word = _WORD.match(data, start, start + LONGEST)
        end = word.end() if word else start
        after = end + 1
    blank = _AT_ITS_END.search(data[max(start, end - 16) : end])
    return Value(start, end - len(blank[0]) if blank else end, after)


def string_at(data: bytes, place: int, quote: bytes) -> Value | None:
    """Return the string that begins, and ends, with this very quote."""
    if not quote or not data.startswith(quote, place):
        return None
    start = place + len(quote)
    end = string_end(data, start, len(quote) - 1) if quote.endswith(b'"') else _first(data, start, quote)
    return Value(start, end, end + len(quote)) if end >= 0 and data.startswith(quote, end) else None


def quote_before(data: bytes, place: int) -> bytes | None:
    """Return the quote that closes the name, or the item of a list, before a value; None if that has no quotes."""
    before = _QUOTE_BEFORE.search(data[max(0, place - _BACK) : place])
    if before is None:
        return None
    quote = before["quote"]
    return b"\\" * level(len(quote) - 1) + b'"' if quote.endswith(b'"') else quote


def _opens(data: bytes, place: int, quote: re.Match[bytes]) -> bool:
    """Return whether a quote opens a value; else it ends the string that the name stands in."""
    before = quote_before(data, place)
    if before is None and _BEHIND_CLOSING.match(data, quote.end()):
        return False
    if quote["quote"] == b"'":
        return True
    opened = len(quote["escape"])
    return level(opened) == opened and (opened > 0 or (before is not None and before.endswith(b'"')))


def _end_of(data: bytes, start: int, quote: re.Match[bytes]) -> int:
    if quote["quote"] == b'"':
        return string_end(data, start, len(quote["escape"]))
    return _first(data, start, b"'", b'"')  # it may not go beyond the string around, whatever that is


def _first(data: bytes, start: int, *needles: bytes) -> int:
    """Return where the first of these stands; -1 if none is near."""
    return min((found for needle in needles if (found := data.find(needle, start, start + LONGEST)) >= 0), default=-1)
