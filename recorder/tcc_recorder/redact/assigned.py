"""Reads the value behind a name and a separator, and judges whether it is a secret."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from . import placeholders
from .spans import LONGEST, MARK, Span, backslashes_before, level, string_end


class Name(NamedTuple):
    """A secret name as it was found: the match, the whole name in lower case, and whether people choose its values."""

    found: re.Match[bytes]
    name: bytes
    chosen: bool


class Value(NamedTuple):
    """A value: where it stands, and where the text behind it begins, which is further if it stands in quotes."""

    start: int
    end: int
    after: int

    @property
    def quoted(self) -> bool:
        """Whether it stands in quotes, or should."""
        return self.after != self.end


_OPENING: Final = re.compile(
    rb"""
    (?:[bBrRuU@$]|SecretStr\(|SecretString\(|Some\(|String::from\(|b64decode\(|new[ ]Secret\(|Secret\()?
    (?P<escape>\\*+) (?P<quote>["'])
  | (?P<other>\\+u002[27]|&quot;|&apos;|&\#(?:34|39|x22|x27);|%2[27]|\*\*|`{1,2}(?!`)|\xc2\xab(?:[ ]|\xc2\xa0|\xe2\x80\xaf)?|\xe2\x80[\x9c\x9e\x98\x9a]|\\+u00ab[ ]?|<code>)
    """,
    re.VERBOSE,
)
_CLOSES: Final = {
    b"\xc2\xab": (b"\xc2\xbb",),
    b"\xe2\x80\x9c": (b"\xe2\x80\x9d",),
    b"\xe2\x80\x9e": (b"\xe2\x80\x9c", b"\xe2\x80\x9d"),
    b"\xe2\x80\x98": (b"\xe2\x80\x99",),
    b"\xe2\x80\x9a": (b"\xe2\x80\x98",),
    b"<code>": (b"</code>",),
}
_STRUCTURE: Final = re.compile(rb"(?:[ \t]|\\+[nrt])*+[,}\]:);]")
"""What follows a quote that closes a string; such a quote opens no value."""
_BARE: Final = re.compile(rb"""(?:[^\s"'`<>,;(){}\[\]|\\&%\x00-\x20\xc2\xe2]|%(?!2[267]|0[AaDd]|3[BbEeCc])|[\xc2\xe2](?![\xa0\xab\xbb\x80]))++""")
_USER: Final = re.compile(rb"[A-Za-z0-9_.@-]{1,40}[ ]?[/:][ ]?(?=[^\s/])")
_ITEM: Final = re.compile(rb"(?:\\+[nr])*[ ]*-[ ]+")
_SCHEME: Final = re.compile(rb"(?i:bearer|basic|token|digest|api-?key|negotiate|jwt|oauth|key)(?:[ ]|%20)++")
_AFTER_CODE: Final = re.compile(rb"[(\[]|[ ]?(?:\?\?|\|\||&&|if\b|or\b|and\b)")
_LAST: Final = re.compile(rb"""[.!]?(?:\\+[nrt]|[ ]*(?:\\*["']|\Z|<|\)|\*\*|`|&quot;|\\+u00|--|/[ ]|\||\xc2|\xe2))""")
_UNIT: Final = re.compile(rb"[ ](?:bit|byte|char|day|hour|minute|second|time|day|digit|word|item|zeichen|caract|of\b)")
_FOLLOWED_BY_ARGUMENT: Final = re.compile(rb",[ ]|\)|[ ]*(?:\\+n)?[ ]*[)\]]|\.[a-z_]+\(")
_DESCRIBES: Final = frozenset((b"type", b"$ref", b"description", b"anyOf", b"properties", b"items", b"title", b"default"))
_BEGIN: Final = re.compile(rb"[\[{](?:[ \t]|\\+[nrt])*")
_COMMA: Final = re.compile(rb"(?:[ \t]|\\+[nrt])*,(?:[ \t]|\\+[nrt])*")
_COLON: Final = re.compile(rb"(?:[ \t]|\\+[nrt])*:(?:[ \t]|\\+[nrt])*")
_PLAIN: Final = re.compile(rb"(?P<number>-?[0-9]++(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)|true|false|null|None|True|False")
_NUMBER: Final = re.compile(rb"-?[0-9]++(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")
_QUOTED_NAME: Final = re.compile(rb"""(?P<quote>\\*+["'])\]?(?:[ \t]|\\+[nrt])*(?:[:,]|=>?)(?:[ \t]|\\+[nrt]|[\[{])*$""")
_BLOCK: Final = re.compile(rb"[|>][+-]?(?:[ ]*\\+[nr])+[ ]+")


def spans_after(data: bytes, lowered: bytes, name: Name) -> Iterator[Span]:
    """Yield the secrets behind a name; none, if what stands there is no secret."""
    found, kind = name.found, name.found.lastgroup
    place = found.end()
    if kind in {"colon", "arrow", "equal", "tight"}:
        if found["quote"] and data[place : place + 1] in {b"[", b"{"}:
            if not found["name"].lower().startswith(b"token"):
                yield from _members(data, place)
            return
        if kind == "colon" and (block := _BLOCK.match(data, place)):
            place = block.end()
    if not _may_follow(data, lowered, name):
        return
    if scheme := _SCHEME.match(data, place):
        place = scheme.end()
    elif name.found["name"].lower().startswith(b"credential") and (user := _USER.match(data, place)):
        place = user.end()
    elif name.found["name"].lower() != b"pass" and b"\\n" in data[found.start(kind) : place] and (item := _ITEM.match(data, place)):
        yield from _items(data, item.end(), name)
        return
    value = value_at(data, place)
    if value is not None and is_secret(data, value, name):
        yield Span(value.start, value.end, _mark(data, value))


def _items(data: bytes, place: int, name: Name) -> Iterator[Span]:
    """Yield each secret of a YAML list."""
    while (value := value_at(data, place)) is not None:
        text = data[value.start : value.end]
        if len(text) >= 4 and not placeholders.is_placeholder(text) and (name.chosen or placeholders.has_digit(text)):
            yield Span(value.start, value.end)
        following = _ITEM.match(data, value.after)
        if following is None or following.end() <= place:
            return
        place = following.end()


def value_at(data: bytes, place: int) -> Value | None:
    """Return the value that begins at a place: in quotes of any kind, or a word; None if there is none."""
    opening = _OPENING.match(data, place)
    if opening is None:
        word = _BARE.match(data, place, place + LONGEST)
        return None if word is None else _without_punctuation(data, Value(place, word.end(), word.end()))
    start = opening.end()
    if opening["quote"] == b'"':
        opened = level(len(opening["escape"]))
        name_quote = _quote_before(data, place)
        if opened != len(opening["escape"]) or (name_quote is None and _STRUCTURE.match(data, start)):
            return None
        if not opened and (name_quote is None or not name_quote.endswith(b'"')):
            return None  # it ends the string that the name stands in
        end = string_end(data, start, opened)
    elif opening["quote"]:
        ends = [end for end in (data.find(b"'", start, start + LONGEST), data.find(b'"', start, start + LONGEST)) if end >= 0]
        end = min(ends, default=-1)
        if _quote_before(data, place) is None and _STRUCTURE.match(data, start):
            return None
    else:
        token = opening["other"]
        closes = (b"\\u00bb",) if b"u00ab" in token else _CLOSES.get(token.rstrip(b" \xa0\xaf").removesuffix(b"\xc2").removesuffix(b"\xe2\x80") or token, (token,))
        ends = [end for close in closes if (end := data.find(close, start, start + LONGEST)) >= 0]
        end = min(ends, default=-1)
        if end >= 0 and b'"' in data[start:end]:
            end = -1
    after = end + len(opening["other"] or opening["escape"] + b"'")
    if end < 0:  # not closed: as far as a word goes
        word = _BARE.match(data, start, start + LONGEST)
        end = word.end() if word else start
        after = end + 1
    while end > start and data[end - 1] in b" \\":
        end -= 1
    if end > start + 1 and data[end - 2 : end] == b"\xc2\xa0":
        end -= 2
    return Value(start, end, after)


def _without_punctuation(data: bytes, value: Value) -> Value:
    end = value.end
    while end > value.start and data[end - 1] in b".,:;!?*":
        end -= 1
    return Value(value.start, end, end)


def _may_follow(data: bytes, lowered: bytes, name: Name) -> bool:
    """Return whether a value may follow this name behind this separator."""
    found, kind = name.found, name.found.lastgroup
    start = found.start() - (len(name.name) - len(found["name"]))
    flag = data[found.start() - 48 if found.start() > 48 else 0 : found.start()].rpartition(b" ")[2]
    is_flag = re.search(rb"""(?:^|[\s"'=(\[])--?[A-Za-z0-9_.-]*$""", data[max(0, found.start() - 48) : found.start()]) is not None
    if kind == "comma":
        return bool(found["quote"]) and (is_flag or re.search(rb"\(\s?\\*[\"'][A-Za-z0-9_]*$", data[max(0, found.start() - 40) : found.start()]) is not None)
    if kind == "call":
        head = name.name.removesuffix(found["name"].lower())
        return not found["quote"] and found["suffix"] in {b"", b"Str", b"String"} and (not head or head.rstrip(b"_").endswith((b"set", b"with", b".", b" ")))
    if kind == "blank":
        if is_flag and not found["quote"]:
            return True
        if found["quote"]:
            return False
        upper = re.fullmatch(rb"[A-Z0-9_]+", data[found.start() : found.end()].rstrip())
        if upper or re.search(rb"login [^\s\"\\]{1,60} $", lowered[max(0, found.start() - 80) : found.start()]):
            return True
        alone = found["name"].lower() == b"pass" and name.name[-5:-4] in b" "
        return not alone
    if kind == "tag":
        if found["quote"]:
            return re.search(rb"(?:name|key|id)=\\*[\"'][\w.:-]*$", data[max(0, found.start() - 60) : found.start()]) is not None
        return re.search(rb"(?:<|&lt;|\\+u003[cC])[\w:.-]*$", data[max(0, start - 40) : found.start()]) is not None
    if kind == "attribute":
        return True
    del flag
    return True


def is_secret(data: bytes, value: Value, name: Name) -> bool:
    """Return whether a value behind a name is a secret: no placeholder, no word of prose, no code."""
    kind, text = name.found.lastgroup, data[value.start : value.end]
    if text == MARK or len(text) < 3 or text.lower() == name.name.strip() or placeholders.is_placeholder(text):
        return False
    if value.quoted:
        return _is_quoted_secret(text, name, in_quotes=data[value.start - 1 : value.start] in {b'"', b"'"})
    if kind == "tag":
        return name.chosen or placeholders.has_digit(text)
    after = data[value.end : value.end + 24]
    if _AFTER_CODE.match(after) and after[:1] in b"([":
        return False
    if placeholders.has_digit(text):
        return _is_bare_secret(text, after, name)
    if kind in {"is", "cell", "attribute"} or name.found["about"]:
        return bool(re.search(rb"[^A-Za-z_-]", text)) and len(text) >= 8 and not placeholders.is_word(text.strip(b".'"))
    if kind == "blank":
        return _follows_a_flag(data, name) and len(text) >= 5 and text.isalpha() and _LAST.match(after) is not None
    if not placeholders.is_word(text):
        return len(text) >= 6 and (name.chosen or len(text) >= 16) and b"." not in text[:-1].strip(b".") or len(text) >= 24
    if kind == "tight":
        return text.isalpha() and len(text) >= 4 and _FOLLOWED_BY_ARGUMENT.match(after) is None
    return kind == "colon" and name.chosen and text.isalpha() and len(text) >= 5 and _LAST.match(after) is not None


def _follows_a_flag(data: bytes, name: Name) -> bool:
    return re.search(rb"(?:^|[^A-Za-z0-9])--?[A-Za-z0-9_.-]*$", data[max(0, name.found.start() - 48) : name.found.start()]) is not None


def _is_quoted_secret(text: bytes, name: Name, *, in_quotes: bool) -> bool:
    if placeholders.is_prose(text) or (not in_quotes and (b"(" in text or b"=" in text[:-2])):
        return False
    if name.chosen:
        return True
    if b" " in text or placeholders.is_measure(text):
        return False
    bare = name.name.strip() in {b"token", b"tokens"} or name.found.lastgroup in {"is", "blank", "cell"}
    return placeholders.has_digit(text) or not bare or len(text) >= 16


def _is_bare_secret(text: bytes, after: bytes, name: Name) -> bool:
    kind = name.found.lastgroup
    if text.isdigit():
        return (name.chosen and len(text) >= 4 and _UNIT.match(after) is None and kind not in {"blank", "cell"}) or len(text) >= 16
    if placeholders.is_measure(text) or len(text) < (4 if name.chosen else 8):
        return False
    if kind == "blank" and not name.found["name"].isupper():
        if name.chosen:
            return bool(re.search(rb"[A-Za-z]", text)) and len(text) >= 6
        joined = re.search(rb"[a-z][_-]?$", name.name.removesuffix(name.found["name"].lower())) is not None
        if len(text) < 16:
            return name.found["name"].lower() in {b"secret", b"key"} and len(text) >= 8 and _LAST.match(after) is not None
        return joined or placeholders.is_mixed(text)
    return True


def _mark(data: bytes, value: Value) -> bytes:
    """Return the mark; a bare number behind a quoted name becomes a text, in quotes like those of its name."""
    quote = _quote_before(data, value.start)
    if value.quoted or quote is None or _NUMBER.fullmatch(data, value.start, value.end) is None:
        return MARK
    return quote + MARK + quote


def _quote_before(data: bytes, place: int) -> bytes | None:
    """Return the quote that closes the name, or the item of a list, before a value; None if it has no quotes."""
    before = _QUOTED_NAME.search(data[max(0, place - 48) : place])
    if before is None:
        return None
    quote = before["quote"]
    return b"\\" * level(len(quote) - 1) + b'"' if quote.endswith(b'"') else quote


def _members(data: bytes, place: int) -> Iterator[Span]:
    """Yield each text and number of a flat list or object: all that stands under ``passwords`` or ``credentials``.

    An object that describes a value, as JSON Schema does, is left alone.
    """
    quote = _quote_before(data, place) or b""
    closing, is_object, first = place + LONGEST, data[place : place + 1] == b"{", True
    found: list[Span] = []
    while place < closing and (gap := (_BEGIN if first else _COMMA).match(data, place)):
        place, first = gap.end(), False
        if is_object:
            member = _string_at(data, place, quote)
            colon = _COLON.match(data, member.after) if member is not None else None
            if member is None or colon is None:
                break
            if data[member.start : member.end] in _DESCRIBES:
                return
            place = colon.end()
        value = _string_at(data, place, quote)
        if value is not None:
            place = value.after
            if value.end - value.start >= 3 and not placeholders.is_placeholder(data[value.start : value.end]):
                found.append(Span(value.start, value.end))
        elif plain := _PLAIN.match(data, place):
            place = plain.end()
            if plain["number"]:
                found.append(Span(*plain.span(), quote + MARK + quote))
        else:
            break
    yield from found


def _string_at(data: bytes, place: int, quote: bytes) -> Value | None:
    """Return the string that begins with this very quote."""
    if not quote or not data.startswith(quote, place):
        return None
    start = place + len(quote)
    end = string_end(data, start, len(quote) - 1) if quote.endswith(b'"') else data.find(quote, start, start + LONGEST)
    if end < 0 or not data.startswith(quote, end):
        return None
    return Value(start, end, end + len(quote))
