"""JSON bodies: what they say, and where in them each text stands.  Pure."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import orjson

_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]', re.DOTALL)
_OPEN, _CLOSE, _QUOTE, _COLON = b"{[", b"}]", b'"'[0], b":"[0]


class Text(NamedTuple):
    """A text value of a body.

    ``name`` is the member that holds it, ``within`` the member that holds the object of that member; both are empty in
    a list.  ``attribute`` is the ``key`` beside ``within``: OTLP's ``{"key": …, "value": {"stringValue": …}}``.
    It stands at ``data[start:end]``, with its quotes.
    """

    name: str
    within: str
    attribute: str
    value: str
    start: int
    end: int


def parsed(data: bytes) -> object:
    """Return what a body holds.

    Lone surrogates, NaN and 1e400, which JavaScript sends, are taken.  Raises ValueError if it is no JSON in UTF-8, or
    is nested too deep to be read.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            return json.loads(data.decode())
        except RecursionError as error:
            raise ValueError("it is nested too deep") from error


def text_at(value: object, way: Sequence[str]) -> str | None:
    """Return the text to which member names lead; None if there is none."""
    for name in way:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


class _Container:
    """An object or a list that is being read: the member that holds it, and its own last member."""

    __slots__ = ("attribute", "holder", "name", "value_name")

    def __init__(self, holder: "_Container | None", value_name: str) -> None:
        self.holder, self.value_name = holder, value_name
        self.name = ""
        self.attribute = ""


def texts_of(data: bytes) -> Iterator[Text]:
    """Yield every text value of a body that :func:`parsed` took, in order; names of members are none."""
    current = _Container(None, "")
    last: re.Match[bytes] | None = None
    """A string of which the next token will tell whether it is a name."""
    for token in _TOKEN.finditer(data):
        sign = data[token.start()]
        if last is not None:
            text = _decoded(last[0])
            if sign == _COLON:
                current.name = text
            else:
                yield _text(current, text, last)
            last = None
        if sign == _QUOTE:
            last = token
        elif sign in _OPEN:
            current = _Container(current, current.name)
        elif sign in _CLOSE and current.holder is not None:
            current = current.holder
    if last is not None:  # the body is this text alone
        yield _text(current, _decoded(last[0]), last)


def replaced_texts(data: bytes, changes: Sequence[tuple[Text, str]]) -> bytes:
    """Return a body with other texts in place of some of its own, which are given in order."""
    parts: list[bytes] = []
    end = 0
    for text, new in changes:
        parts += (data[end : text.start], json.dumps(new).encode())
        end = text.end
    parts.append(data[end:])
    return b"".join(parts)


def _text(container: _Container, text: str, place: re.Match[bytes]) -> Text:
    if container.name == "key":
        container.attribute = text
    holder = container.holder
    attribute = holder.attribute if holder is not None and container.value_name == "value" else ""
    return Text(container.name, container.value_name, attribute, text, place.start(), place.end())


def _decoded(quoted: bytes) -> str:
    text: str = json.loads(quoted)
    return text
