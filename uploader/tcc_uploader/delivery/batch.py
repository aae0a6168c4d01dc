"""Cut a stored batch into its items, byte for byte.  Pure."""

import json
from typing import Final, NamedTuple

_DECODER: Final = json.JSONDecoder(strict=False)
_WHITE: Final = " \t\r\n"


class Part(NamedTuple):
    """One item of a batch: its key, and its bytes as they stand in the batch."""

    kind: str
    id: str
    body: bytes


def split_batch(body: bytes) -> list[Part]:
    """Return the items of a batch in the official order, children before their run; empty if it is no batch."""
    try:
        text = body.decode()
        parts = [_part(text[start:end]) for start, end in _spans(text)]
    except (ValueError, RecursionError, KeyError, IndexError, TypeError):
        return []
    return sorted(parts, key=lambda part: part.kind == "run")


def join(parts: list[Part]) -> bytes:
    """Return the body for some items of a batch: the item alone, or a batch of them."""
    if len(parts) == 1:
        return parts[0].body
    return b'{"type":"batch","items":[' + b",".join(part.body for part in parts) + b"]}"


def _part(text: str) -> Part:
    item = json.loads(text, strict=False)
    kind = item["type"]
    return Part(str(kind), str(item[f"{kind}_id"]), text.encode())


def _spans(text: str) -> list[tuple[int, int]]:
    """Return where the elements of the top-level member ``items`` begin and end."""
    position = _past(text, 0, "{")
    while True:
        name, position = _DECODER.raw_decode(text, _skip(text, position))
        position = _skip(text, _past(text, position, ":"))
        if name == "items":
            return _elements(text, _past(text, position, "["))
        _, position = _DECODER.raw_decode(text, position)
        position = _past(text, position, ",")


def _elements(text: str, position: int) -> list[tuple[int, int]]:
    spans = []
    while True:
        start = _skip(text, position)
        _, end = _DECODER.raw_decode(text, start)
        spans.append((start, end))
        position = _skip(text, end)
        if text[position] == "]":
            return spans
        position = _past(text, position, ",")


def _skip(text: str, position: int) -> int:
    while text[position] in _WHITE:
        position += 1
    return position


def _past(text: str, position: int, expected: str) -> int:
    position = _skip(text, position)
    if text[position] != expected:
        raise ValueError(f"no {expected} at {position}")
    return position + 1
