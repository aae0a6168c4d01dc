"""Finds what stands in lists and objects under a secret name: ``"passwords": ["…", "…"]``, ``credentials: {…}``."""

import re
from collections.abc import Iterator
from typing import Final

from .placeholders import has_digit, is_placeholder
from .quoted import SPACES, Value, quote_before, string_at, value_at
from .spans import LONGEST, MARK, Span

_DESCRIBING: Final = frozenset(b"type $ref description anyOf properties items title default".split())
"""Members of an object that describes a value, as JSON Schema does."""
_BEGIN: Final = re.compile(rb"[\[{]" + SPACES)
_COMMA: Final = re.compile(SPACES + b"," + SPACES)
_COLON: Final = re.compile(SPACES + b":" + SPACES)
_PLAIN: Final = re.compile(rb"(?P<number>-?[0-9]++(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)|true|false|null|None|True|False")
_ITEM: Final = re.compile(rb"(?:\\+[nr])*[ ]*-[ ]+")
_SHORTEST: Final = 3


def member_spans(data: bytes, place: int) -> Iterator[Span]:
    """Yield each text and number of a flat list or object that begins at a place, as far as it is flat."""
    quote = quote_before(data, place) or b""
    limit, is_object = place + LONGEST, data[place] in b"{"
    found: list[Span] = []
    gap = _BEGIN.match(data, place)
    while gap is not None and place < limit:
        place = gap.end()
        if is_object:
            member = string_at(data, place, quote)
            colon = _COLON.match(data, member.after) if member is not None else None
            if member is None or colon is None:
                break
            if data[member.start : member.end] in _DESCRIBING:
                return
            place = colon.end()
        value = string_at(data, place, quote)
        if value is not None:
            place = value.after
            found += _if_secret(data, value)
        elif plain := _PLAIN.match(data, place):
            place = plain.end()
            if plain["number"]:
                found.append(Span(*plain.span(), quote + MARK + quote))
        else:
            break
        gap = _COMMA.match(data, place)
    yield from found


def item_spans(data: bytes, place: int, *, chosen: bool) -> Iterator[Span] | None:
    """Return the secrets of a YAML list that begins at a place, None if none does; ``chosen``: people choose them."""
    item = _ITEM.match(data, place)
    return None if item is None else _items(data, item, chosen=chosen)


def _items(data: bytes, item: re.Match[bytes] | None, *, chosen: bool) -> Iterator[Span]:
    while item is not None and (value := value_at(data, item.end())) is not None:
        if chosen or has_digit(data[value.start : value.end]):
            yield from _if_secret(data, value)
        item = _ITEM.match(data, max(value.after, item.end()))


def _if_secret(data: bytes, value: Value) -> Iterator[Span]:
    text = data[value.start : value.end]
    if len(text) >= _SHORTEST and not is_placeholder(text):
        yield Span(value.start, value.end)
