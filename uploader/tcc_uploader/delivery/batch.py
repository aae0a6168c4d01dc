"""Splits a batch (a run with its children) that was refused, so that its items are sent one by one.  Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tcc_uploader.transport.answers import Answer


class Item(NamedTuple):
    """One item of a batch: its kind and id, and the bytes that are sent for this item alone."""

    kind: str
    id: str
    body: bytes


@dataclass(slots=True)
class BatchProgress:
    """The progress of a run that is sent item by item."""

    left: list[Item]
    refused: list[Item] = field(default_factory=list)
    answer: Answer = field(default_factory=Answer)
    """The last answer in which the server refused an item."""
    delivered: int = 0


def split_batch(body: bytes) -> list[Item]:
    """Return the items of a batch in the official order, children before their run; empty if ``body`` is no batch.

    The same batch always gives the same bytes, so an item that is sent again has the same idempotency token.
    """
    items = []
    try:
        for value in json.loads(body)["items"]:
            kind = value["type"]
            # the standard library keeps integers of any length; NaN is not valid JSON, so a body with NaN is no batch
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            alone = text.encode(errors="backslashreplace")  # escapes a lone surrogate, as JSON does
            items.append(Item(str(kind), str(value[f"{kind}_id"]), alone))
    except (ValueError, RecursionError, KeyError, TypeError):
        return []
    return sorted(items, key=lambda item: item.kind == "run")


def join_items(items: Sequence[Item]) -> bytes:
    """Return the body for some items of a batch: the body of a single item, or a new batch."""
    if len(items) == 1:
        return items[0].body
    return b'{"type":"batch","items":[' + b",".join(item.body for item in items) + b"]}"
