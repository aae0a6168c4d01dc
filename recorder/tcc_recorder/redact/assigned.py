"""Judges whether what stands behind a secret name is a secret: no placeholder, no word of prose, no code."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from . import placeholders
from .members import item_spans, member_spans
from .quoted import Value, quote_before, value_at
from .spans import MARK, Span


class Name(NamedTuple):
    """A secret name: its match, what stands before that in the name, and whether people choose its values.

    The match ends where the value begins.  Its last group tells the separator.
    """

    found: re.Match[bytes]
    head: bytes
    chosen: bool

    @property
    def own(self) -> bytes:
        """The name without its head and suffix, in lower case."""
        return bytes(self.found["name"].lower())

    @property
    def before(self) -> bytes:
        """What stands before the name: its head, and sixty bytes at most."""
        start = self.found.start()
        return self.found.string[max(0, start - 60) : start]


_SCHEME: Final = re.compile(rb"(?i:bearer|basic|token|digest|api-?key|negotiate|jwt|oauth|key)(?:[ ]|%20)++")
_USER: Final = re.compile(rb"[A-Za-z0-9_.@-]{1,40}[ ]?[/:][ ]?(?=[^\s/])")
_BLOCK: Final = re.compile(rb"[|>][+-]?(?:[ ]*\\+[nr])+[ ]+")
_NUMBER: Final = re.compile(rb"-?[0-9]++(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")

_FLAG: Final = re.compile(rb"""(?:^|[\s"'=(\[])--?[A-Za-z0-9_.-]*\Z""")
_FIRST_ARGUMENT: Final = re.compile(rb"""\([ ]?\\*["'][A-Za-z0-9_]*\Z""")
_LOGIN: Final = re.compile(rb"""login [^\s"\\]{1,60} \Z""", re.IGNORECASE)
_NAME_ATTRIBUTE: Final = re.compile(rb"""(?:name|key|id)=\\*["'][\w.:-]*\Z""")
_ELEMENT: Final = re.compile(rb"(?:<|&lt;|\\+u003[cC])[\w:.-]*\Z")

_AT_THE_END: Final = re.compile(
    rb"""[.!]?(?:\\+[nrt]|[ ]*(?:\\*["']|\Z|<|\)|\*\*|`|&quot;|\\+u00|--|/[ ]|\||\xc2|\xe2))"""
)
_UNIT: Final = re.compile(rb"[ ](?:bit|byte|char|day|hour|minute|second|time|digit|word|item|zeichen|caract|of\b)")
_MORE_CODE: Final = re.compile(rb",[ ]|(?:[ ]|\\+n)*[)\]]|\.[a-z_]+\(")


def spans_after(name: Name) -> Iterator[Span]:
    """Yield the secrets behind a name; none, if what stands there is no secret."""
    found, kind = name.found, name.found.lastgroup
    data, place = found.string, found.end()
    if kind in {"colon", "arrow", "equal", "tight"}:
        if found["quote"] and data[place : place + 1] in {b"[", b"{"}:
            yield from () if name.own.startswith(b"token") else member_spans(data, place)
            return
        if kind == "colon" and b"\\n" in data[found.start(kind) : place] and name.own != b"pass":
            items = item_spans(data, place, chosen=name.chosen)
            if items is not None:
                yield from items
                return
        if kind == "colon" and (block := _BLOCK.match(data, place)):
            place = block.end()
    if not _may_follow(name):
        return
    if prefix := (_USER if name.own.startswith(b"credential") else _SCHEME).match(data, place):
        place = prefix.end()
    value = value_at(data, place)
    if value is not None and _is_secret(value, name):
        yield Span(value.start, value.end, _mark(data, value))


def _may_follow(name: Name) -> bool:
    """Return whether a value may follow this name behind this separator."""
    found = name.found
    in_quotes = bool(found["quote"])
    match found.lastgroup:
        case "comma":
            return in_quotes and bool(_FLAG.search(name.before) or _FIRST_ARGUMENT.search(name.before))
        case "call":
            sets = not name.head or name.head.rstrip(b"_").endswith((b"set", b"with", b".", b" "))
            return sets and not in_quotes and found["suffix"] in {b"", b"Str", b"String"}
        case "tag":
            return (_NAME_ATTRIBUTE if in_quotes else _ELEMENT).search(name.before) is not None
        case "blank":
            alone = name.own == b"pass" and name.head[-1:] in b" "
            return not in_quotes and (not alone or bool(_FLAG.search(name.before) or _LOGIN.search(name.before)))
    return True


def _is_secret(value: Value, name: Name) -> bool:
    """Return whether a value is a secret."""
    data, kind = name.found.string, name.found.lastgroup
    text = data[value.start : value.end]
    if text == MARK or len(text) < 3 or text.lower() == (name.head + name.own).strip():
        return False
    if placeholders.is_placeholder(text):
        return False
    if value.quoted:
        return _is_quoted_secret(text, name, in_quotes=data[value.start - 1] in b"\"'")
    if kind == "tag":
        return name.chosen or placeholders.has_digit(text)
    after = data[value.end : value.end + 24]
    if after[:1] in {b"(", b"["}:
        return False
    if placeholders.has_digit(text):
        return _is_bare_secret(text, after, name)
    return _is_secret_without_digits(text, after, name)


def _is_quoted_secret(text: bytes, name: Name, *, in_quotes: bool) -> bool:
    if placeholders.is_prose(text) or (not in_quotes and (b"(" in text or b"=" in text[:-2])):
        return False
    if name.chosen:
        return True
    if text.isdigit():
        return len(text) >= 8
    if b" " in text or placeholders.is_measure(text):
        return False
    vague = (name.head + name.own).strip() in {b"token", b"tokens"} or name.found.lastgroup in {"is", "blank", "cell"}
    return placeholders.has_digit(text) or not vague or len(text) >= 16


def _is_bare_secret(text: bytes, after: bytes, name: Name) -> bool:
    kind = name.found.lastgroup
    if text.isdigit():
        counts = not name.chosen or len(text) < 4 or kind in {"blank", "cell"} or _UNIT.match(after) is not None
        return len(text) >= 16 or not counts
    if placeholders.is_measure(text) or len(text) < (4 if name.chosen else 8):
        return False
    if kind != "blank" or name.found["name"].isupper():
        return True
    if name.chosen:
        return re.search(rb"[A-Za-z]", text) is not None and len(text) >= 6
    if len(text) < 16:  # a line of a configuration
        return name.own in {b"secret", b"key"} and _AT_THE_END.match(after) is not None
    return name.head[-1:].strip() != b"" or placeholders.is_mixed(text)


def _is_secret_without_digits(text: bytes, after: bytes, name: Name) -> bool:
    kind = name.found.lastgroup
    is_last = _AT_THE_END.match(after) is not None
    if kind in {"is", "cell", "attribute"} or name.found["about"]:
        return len(text) >= 8 and not placeholders.is_word(text.strip(b".'"))
    if kind == "blank":
        return text.isalpha() and len(text) >= 5 and is_last and _FLAG.search(name.before) is not None
    if not placeholders.is_word(text):
        return len(text) >= 24 or (b"." not in text and len(text) >= (6 if name.chosen else 16))
    if kind == "tight":
        return text.isalpha() and len(text) >= 4 and _MORE_CODE.match(after) is None
    return kind == "colon" and name.chosen and text.isalpha() and len(text) >= 5 and is_last


def _mark(data: bytes, value: Value) -> bytes:
    """Return the mark; a bare number behind a quoted name becomes a text, in quotes like those of its name."""
    quote = quote_before(data, value.start)
    if value.quoted or quote is None or _NUMBER.fullmatch(data, value.start, value.end) is None:
        return MARK
    return quote + MARK + quote
